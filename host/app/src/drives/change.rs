//! What is done to drives that are there: made larger, cloned, given a snapshot's bytes back, deleted.

use capstan_domain::drive::{Drive, DriveChange, DriveState, NewDrive, Snapshot};
use capstan_domain::identity::Caller;
use capstan_domain::ids::{DriveId, SnapshotId};
use capstan_domain::job::Job;
use capstan_domain::{Failure, Outcome};
use serde_json::json;

use super::choice::{Chosen, rounded, up};
use super::{CloneWish, Drives, TOGETHER_MAX, detail, job};
use crate::ownership::{check_attributes, check_name, missing, seen};

impl Drives {
    /// To at least so many bytes. `Invalid` "shrink"; `Conflict` "mounted" while a running machine has it, "state" where it is
    /// not ready or is being read. The drive shows its old size until it is done.
    pub async fn resize(&self, caller: &Caller, id: DriveId, size: u64) -> Outcome<Drive> {
        let drive = self.get(caller, id).await?;
        let limits = self.place_of(&drive).await?.limits;
        let asked = rounded(size, &limits)?;
        if asked < drive.size {
            return Err(smaller(&drive, drive.size));
        }
        if asked == drive.size {
            return Ok(drive);
        }
        let job = job(id, format!("resize {}", drive.name), DriveChange::Resize { size: asked });
        let (drive, _) = self.catalogue.begin_drive_change(id, &[DriveState::Ready], DriveState::Resizing, &job, &[]).await?;
        self.engine.ring();
        let change = json!({ "number": drive.number, "id": drive.id, "from": drive.size, "to": asked });
        self.audit.done(caller, "resize", "drive", &drive.name, change).await?;
        Ok(drive)
    }

    /// A new drive of the caller's with these bytes. Without another storage type and nothing to avoid it lies where its source
    /// does.
    pub async fn clone_drive(&self, caller: &Caller, id: DriveId, wish: CloneWish) -> Outcome<Drive> {
        let source = self.get(caller, id).await?;
        self.cloned(caller, &source, None, wish).await
    }

    /// The same of a snapshot's bytes.
    pub async fn clone_snapshot(&self, caller: &Caller, id: SnapshotId, wish: CloneWish) -> Outcome<Drive> {
        let snapshot = self.catalogue.snapshot(id).await?;
        seen(caller, snapshot.owner, "snapshot")?;
        let source = self.catalogue.drive(snapshot.drive).await?;
        self.cloned(caller, &source, Some(&snapshot), wish).await
    }

    async fn cloned(&self, caller: &Caller, source: &Drive, snapshot: Option<&Snapshot>, wish: CloneWish) -> Outcome<Drive> {
        let tags = wish.tags.unwrap_or_default();
        self.tags.are_callers(caller, &tags).await?;
        let least = snapshot.map_or(source.size, |snapshot| snapshot.size);
        let place = self.place_of(source).await?;
        // Whoever repeats the size that they once asked for means the size that it became.
        let size = wish.size.map_or(least, |size| up(size, place.limits.granularity));
        if size < least {
            return Err(smaller(source, least));
        }
        let storage_type = wish.storage_type.unwrap_or_else(|| source.storage_type.clone());
        let avoid = wish.avoid.unwrap_or_default();
        let chosen = if storage_type == source.storage_type && avoid.is_empty() {
            Chosen { target: source.target, location: source.location.clone(), size: rounded(size, &place.limits)? }
        } else {
            self.choose(caller, &storage_type, size, &avoid).await?
        };
        let drive = NewDrive {
            id: DriveId::new(),
            owner: caller.user,
            name: wish.name.unwrap_or_else(|| source.name.clone()),
            media: wish.media.unwrap_or(source.media),
            size: chosen.size,
            storage_type,
            target: chosen.target,
            location: chosen.location,
            state: DriveState::Cloning,
            allow_multimount: wish.allow_multimount.unwrap_or(source.allow_multimount),
            attributes: wish.attributes.unwrap_or_else(|| source.attributes.clone()),
            tags,
        };
        check_name(&drive.name)?;
        check_attributes(&drive.attributes)?;
        let change = DriveChange::Clone { source: source.id, snapshot: snapshot.map(|snapshot| snapshot.id) };
        let job = job(drive.id, format!("clone {}", source.name), change);
        let (drive, _) = self.catalogue.create_drive(&drive, &job, &[source.id]).await?;
        self.engine.ring();
        let mut told = detail(&drive);
        if let Some(told) = told.as_object_mut() {
            told.insert("source".to_owned(), json!(source.id));
        }
        self.audit.done(caller, "clone", "drive", &drive.name, told).await?;
        Ok(drive)
    }

    /// The drive gets the snapshot's bytes back, by this job. `Conflict` as of `resize`, and "mounted" while it is attached too.
    pub(crate) async fn restored(&self, caller: &Caller, snapshot: &Snapshot) -> Outcome<Job> {
        let change = DriveChange::RestoreSnapshot { snapshot: snapshot.id };
        let job = job(snapshot.drive, format!("restore {}", snapshot.name), change);
        let (drive, job) =
            self.catalogue.begin_drive_change(snapshot.drive, &[DriveState::Ready], DriveState::Resizing, &job, &[]).await?;
        self.engine.ring();
        let told = json!({ "number": drive.number, "id": drive.id, "snapshot": snapshot.id });
        self.audit.done(caller, "restore", "drive", &drive.name, told).await?;
        Ok(job)
    }

    /// With their snapshots, in this order; from then on they are not there. `Conflict` "mounted" while a machine has one or it is
    /// attached, "state" while it is being made, changed or read: those before it are gone then, and it and those behind it stay.
    pub async fn delete(&self, caller: &Caller, ids: &[DriveId]) -> Outcome<()> {
        if ids.len() > TOGETHER_MAX {
            return Err(Failure::invalid(format!("at most {TOGETHER_MAX} drives are deleted at once")).with_code("too-many"));
        }
        let mut drives: Vec<Drive> = Vec::with_capacity(ids.len());
        for id in ids {
            if !drives.iter().any(|drive| drive.id == *id) {
                drives.push(self.get(caller, *id).await?);
            }
        }
        let from = [DriveState::Ready, DriveState::Uploading, DriveState::Unavailable];
        for drive in &drives {
            let job = job(drive.id, format!("delete {}", drive.name), DriveChange::Delete);
            self.catalogue.begin_drive_change(drive.id, &from, DriveState::Deleting, &job, &[]).await?;
            self.engine.ring();
            self.audit.done(caller, "delete", "drive", &drive.name, detail(drive)).await?;
        }
        Ok(())
    }

    /// `Unsupported` "snapshots" where the drive's target has none.
    pub(crate) async fn takes_snapshots(&self, drive: &Drive) -> Outcome<()> {
        if drive.state == DriveState::Deleting {
            return Err(missing("drive"));
        }
        if self.place_of(drive).await?.snapshots {
            return Ok(());
        }
        Err(Failure::unsupported(format!("drives of type {} have no snapshots", drive.storage_type)).with_code("snapshots"))
    }
}

fn smaller(drive: &Drive, least: u64) -> Failure {
    Failure::invalid(format!("a drive cannot become smaller: {} has {least} bytes", drive.name)).with_code("shrink")
}
