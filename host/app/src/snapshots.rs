//! Snapshots of drives: the bytes of a moment, kept where the drive lies.

use capstan_catalogue::Catalogue;
use capstan_domain::drive::{Drive, DriveChange, NewSnapshot, Snapshot, SnapshotEdit, SnapshotState};
use capstan_domain::identity::Caller;
use capstan_domain::ids::{DriveId, Number, SnapshotId, TagId};
use capstan_domain::job::{Job, NewJob, Work};
use capstan_domain::listing::{Listing, Operator, Page};
use capstan_domain::{Failure, Kind, Outcome};
use serde_json::{Value, json};

use crate::audit::Audit;
use crate::drives::Drives;
use crate::ownership::{check_attributes, check_name, missing, seen, visible, without_deleting};
use crate::tags::Tags;

#[derive(Clone)]
pub struct Snapshots {
    catalogue: Catalogue,
    audit: Audit,
    drives: Drives,
    tags: Tags,
}

/// What a caller gives for a new snapshot.
#[derive(Clone, Debug)]
pub struct SnapshotWish {
    pub drive: DriveId,
    pub name: String,
    pub attributes: Value,
    pub tags: Vec<TagId>,
}

impl Snapshots {
    pub(crate) fn new(catalogue: Catalogue, audit: Audit, drives: Drives, tags: Tags) -> Self {
        Self { catalogue, audit, drives, tags }
    }

    /// The caller's; of an administrator all. Those that are being deleted only for a listing that names the state.
    pub async fn list(&self, caller: &Caller, listing: Listing) -> Outcome<Page<Snapshot>> {
        self.catalogue.snapshots(&without_deleting(visible(caller, listing))).await
    }

    pub async fn get(&self, caller: &Caller, id: SnapshotId) -> Outcome<Snapshot> {
        let snapshot = self.catalogue.snapshot(id).await?;
        seen(caller, snapshot.owner, "snapshot")?;
        if snapshot.state == SnapshotState::Deleting {
            return Err(missing("snapshot"));
        }
        Ok(snapshot)
    }

    /// One of a drive's, as people call it: a number first, then an id, then a name. `Conflict` "ambiguous" where several have the
    /// name.
    pub async fn find(&self, caller: &Caller, drive: DriveId, reference: &str) -> Outcome<Snapshot> {
        let of_drive = || Listing::first(1).with("drive", Operator::Equal, drive);
        if let Ok(number) = reference.parse::<Number>() {
            let page = self.list(caller, of_drive().with("number", Operator::Equal, number)).await?;
            if let Some(snapshot) = page.items.into_iter().next() {
                return Ok(snapshot);
            }
        }
        if let Ok(id) = reference.parse::<SnapshotId>() {
            let page = self.list(caller, of_drive().with("id", Operator::Equal, id)).await?;
            return page.items.into_iter().next().ok_or_else(|| missing("snapshot"));
        }
        let page = self.list(caller, of_drive().with("name", Operator::Equal, reference)).await?;
        match page.count {
            0 | 1 => page.items.into_iter().next().ok_or_else(|| missing("snapshot")),
            count => Err(Failure::new(Kind::Conflict, format!("{count} snapshots of the drive are called {reference}"))
                .with_code("ambiguous")
                .with_next_step("give the number or the id of the snapshot")),
        }
    }

    /// `Conflict` "state" while the drive is not ready; `Unsupported` "snapshots" where its target has none.
    pub async fn create(&self, caller: &Caller, wish: SnapshotWish) -> Outcome<Snapshot> {
        check_name(&wish.name)?;
        check_attributes(&wish.attributes)?;
        self.tags.are_callers(caller, &wish.tags).await?;
        let drive = self.drives.get(caller, wish.drive).await?;
        self.drives.takes_snapshots(&drive).await?;
        let new = NewSnapshot {
            id: SnapshotId::new(),
            drive: drive.id,
            owner: drive.owner,
            name: wish.name,
            size: drive.size,
            attributes: wish.attributes,
            tags: wish.tags,
        };
        let job = job(&drive, format!("snapshot {}", drive.name), DriveChange::TakeSnapshot { snapshot: new.id });
        let (snapshot, _) = self.catalogue.create_snapshot(&new, &job).await?;
        self.drives.engine.ring();
        self.audit.done(caller, "create", "snapshot", &snapshot.name, detail(&snapshot)).await?;
        Ok(snapshot)
    }

    /// Only what is given.
    pub async fn edit(&self, caller: &Caller, id: SnapshotId, edit: SnapshotEdit) -> Outcome<Snapshot> {
        self.get(caller, id).await?;
        if let Some(name) = &edit.name {
            check_name(name)?;
        }
        if let Some(attributes) = &edit.attributes {
            check_attributes(attributes)?;
        }
        let snapshot = self.catalogue.update_snapshot(id, edit).await?;
        self.audit.done(caller, "update", "snapshot", &snapshot.name, detail(&snapshot)).await?;
        Ok(snapshot)
    }

    /// From then on it is not there. `Conflict` "state" while it is being taken, or a drive gets its bytes.
    pub async fn delete(&self, caller: &Caller, id: SnapshotId) -> Outcome<()> {
        let snapshot = self.get(caller, id).await?;
        let drive = self.catalogue.drive(snapshot.drive).await?;
        let job = job(&drive, format!("delete snapshot {}", snapshot.name), DriveChange::DeleteSnapshot { snapshot: id });
        let from = [SnapshotState::Ready, SnapshotState::Unavailable];
        self.catalogue.begin_snapshot_change(id, &from, SnapshotState::Deleting, &job).await?;
        self.drives.engine.ring();
        self.audit.done(caller, "delete", "snapshot", &snapshot.name, detail(&snapshot)).await
    }

    /// Its drive gets its bytes back, by this job; what was written since is lost. `Conflict` "mounted" while a running machine has
    /// the drive or somebody is attached to it, "state" while it or the snapshot is not ready.
    pub async fn restore(&self, caller: &Caller, id: SnapshotId) -> Outcome<Job> {
        let snapshot = self.get(caller, id).await?;
        let drive = self.drives.get(caller, snapshot.drive).await?;
        if !self.catalogue.drive_attachments(&[drive.id]).await?.is_empty() {
            return Err(Failure::new(Kind::Conflict, format!("the drive {} is attached", drive.name))
                .with_code("mounted")
                .with_next_step("detach it first"));
        }
        self.drives.restored(caller, &snapshot).await
    }
}

fn job(drive: &Drive, name: String, change: DriveChange) -> NewJob {
    NewJob { definition: None, name, work: Work::Drive { drive: drive.id, change } }
}

fn detail(snapshot: &Snapshot) -> Value {
    json!({ "number": snapshot.number, "id": snapshot.id, "drive": snapshot.drive })
}
