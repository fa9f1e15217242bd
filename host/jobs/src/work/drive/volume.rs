//! A volume of a target, as the work on drives calls it.

use std::sync::Arc;

use capstan_domain::drive::{Drive, Snapshot};
use capstan_domain::ids::{DriveId, SnapshotId};
use capstan_domain::ports::{CloneSource, DriveInfo, Drives};
use capstan_domain::{Failure, Kind, Outcome};
use capstan_mover::DriveEnd;

use super::Bench;

pub(super) struct Volume {
    pub(super) drives: Arc<dyn Drives>,
    pub(super) location: String,
    pub(super) name: String,
}

/// What a clone is to hold.
pub(super) struct Origin {
    pub(super) drive: Drive,
    /// None: the drive as it is now.
    pub(super) snapshot: Option<Snapshot>,
    /// Bytes.
    pub(super) size: u64,
}

impl Origin {
    pub(super) async fn find(bench: &Bench<'_>, drive: DriveId, snapshot: Option<SnapshotId>) -> Outcome<Self> {
        let drive = bench.engine.catalogue.drive(drive).await?;
        let snapshot = match snapshot {
            Some(id) => Some(bench.engine.catalogue.snapshot(id).await?),
            None => None,
        };
        let size = snapshot.as_ref().map_or(drive.size, |snapshot| snapshot.size);
        Ok(Self { drive, snapshot, size })
    }
}

impl Volume {
    pub(super) async fn of(bench: &Bench<'_>, drive: &Drive) -> Outcome<Self> {
        Self::named(bench, drive, drive.volume()).await
    }

    /// Another volume where the drive's own lies.
    pub(super) async fn named(bench: &Bench<'_>, drive: &Drive, name: String) -> Outcome<Self> {
        let connection = bench.ask(|| bench.engine.places.connect(drive.target)).await?;
        let drives = connection.drives().ok_or_else(|| {
            Failure::unsupported(format!("the plugin of the drive's target ({}) holds no drives", drive.storage_type))
        })?;
        Ok(Self { drives, location: drive.location.clone(), name })
    }

    /// None: there is none of the name.
    pub(super) async fn find(&self, bench: &Bench<'_>) -> Outcome<Option<DriveInfo>> {
        match bench.ask(|| self.drives.get(&self.location, &self.name)).await {
            Ok(found) => Ok(Some(found)),
            Err(failure) if failure.kind == Kind::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// One that is there already is this drive's: nobody else has its name.
    pub(super) async fn create(&self, bench: &Bench<'_>, size: u64) -> Outcome<()> {
        let attempt = bench.attempt("create");
        match bench.ask(|| self.drives.create(&self.location, &self.name, size, &attempt, Vec::new())).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.kind == Kind::AlreadyExists => match self.find(bench).await? {
                Some(found) if found.size == size => Ok(()),
                _ => Err(failure),
            },
            Err(failure) => Err(failure),
        }
    }

    pub(super) async fn resize(&self, bench: &Bench<'_>, size: u64) -> Outcome<()> {
        let attempt = bench.attempt("resize");
        bench.ask(|| self.drives.resize(&self.location, &self.name, size, &attempt)).await.map(|_| ())
    }

    /// With the origin's bytes, by the target's own way. Of one that is there and that no attempt of this job made, nobody can tell
    /// whether it is whole: it makes room.
    pub(super) async fn clone_of(&self, bench: &Bench<'_>, origin: &Origin, step: &str) -> Outcome<()> {
        match self.ask_clone(bench, origin, step).await {
            Err(failure) if failure.kind == Kind::AlreadyExists => {
                self.delete(bench).await?;
                self.ask_clone(bench, origin, step).await
            }
            answer => answer,
        }
    }

    async fn ask_clone(&self, bench: &Bench<'_>, origin: &Origin, step: &str) -> Outcome<()> {
        let (attempt, name) = (bench.attempt(step), origin.drive.volume());
        let snapshot = origin.snapshot.as_ref().map(Snapshot::volume);
        let source = CloneSource { name: &name, snapshot: snapshot.as_deref(), size: origin.size };
        bench.ask(|| self.drives.clone_drive(&self.location, source, &self.name, &attempt, Vec::new())).await.map(|_| ())
    }

    /// With what is left of one that was never whole. An absent one is a success.
    pub(super) async fn delete(&self, bench: &Bench<'_>) -> Outcome<()> {
        let attempt = bench.attempt("delete");
        bench.ask(|| self.drives.delete(&self.location, &self.name, &attempt)).await
    }

    /// As an end of a copy through the host.
    pub(super) async fn end(&self, bench: &Bench<'_>) -> Outcome<DriveEnd> {
        let limits = bench.ask(|| self.drives.limits(&self.location)).await?;
        Ok(DriveEnd {
            drives: Arc::clone(&self.drives),
            location: self.location.clone(),
            name: self.name.clone(),
            block: limits.block,
        })
    }
}
