//! Snapshots of drives, in this dialect.

use async_trait::async_trait;
use capstan_api_admin::jobs::Job;
use capstan_api_admin::snapshots::{NewSnapshot, Snapshot, Snapshots};
use capstan_api_admin::{AdminError, Page, Window};
use capstan_api_http::Caller;
use capstan_app::snapshots::SnapshotWish;
use capstan_domain::drive::Snapshot as Record;
use capstan_domain::identity;
use capstan_domain::listing::Operator;
use capstan_domain::time::Timestamp;
use serde_json::json;

use super::words::{error, instant, listing, word};
use super::{AdminDoor, jobs};
use crate::authenticator::caller_of;

#[async_trait]
impl Snapshots for AdminDoor {
    async fn list_snapshots(&self, caller: &Caller, drive: &str, window: Window) -> Result<Page<Snapshot>, AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        let drive = self.drive(&caller, drive).await?;
        let of_drive = listing(window).with("drive", Operator::Equal, drive.id);
        let page = self.app.snapshots.list(&caller, of_drive).await.map_err(error)?;
        Ok(Page { count: page.count, items: page.items.into_iter().map(wire).collect() })
    }

    async fn show_snapshot(&self, caller: &Caller, drive: &str, snapshot: &str) -> Result<Snapshot, AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        self.snapshot(&caller, drive, snapshot).await.map(wire)
    }

    async fn create_snapshot(&self, caller: &Caller, drive: &str, snapshot: NewSnapshot) -> Result<Snapshot, AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        let drive = self.drive(&caller, drive).await?;
        let wish = SnapshotWish {
            drive: drive.id,
            name: snapshot.name.unwrap_or_else(|| instant(Timestamp::now())),
            attributes: json!({}),
            tags: Vec::new(),
        };
        self.app.snapshots.create(&caller, wish).await.map(wire).map_err(error)
    }

    async fn remove_snapshot(&self, caller: &Caller, drive: &str, snapshot: &str) -> Result<(), AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        let snapshot = self.snapshot(&caller, drive, snapshot).await?;
        self.app.snapshots.delete(&caller, snapshot.id).await.map_err(error)
    }

    async fn restore_snapshot(&self, caller: &Caller, drive: &str, snapshot: &str) -> Result<Job, AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        let snapshot = self.snapshot(&caller, drive, snapshot).await?;
        self.app.snapshots.restore(&caller, snapshot.id).await.map(jobs::wire).map_err(error)
    }
}

impl AdminDoor {
    async fn snapshot(&self, caller: &identity::Caller, drive: &str, snapshot: &str) -> Result<Record, AdminError> {
        let drive = self.drive(caller, drive).await?;
        self.app.snapshots.find(caller, drive.id, snapshot).await.map_err(error)
    }
}

fn wire(snapshot: Record) -> Snapshot {
    Snapshot {
        id: snapshot.id.to_string(),
        number: snapshot.number,
        name: snapshot.name,
        drive: snapshot.drive.to_string(),
        size: snapshot.size,
        used: snapshot.used,
        state: word(&snapshot.state),
        failure: snapshot.failure.map(error),
        created: instant(snapshot.created),
    }
}

#[cfg(test)]
mod tests {
    use capstan_domain::Failure;
    use capstan_domain::drive::SnapshotState;
    use capstan_domain::ids::{DriveId, SnapshotId, UserId};

    use super::*;

    #[test]
    fn a_snapshot_says_what_it_takes_where_that_is_known_and_why_it_is_unavailable() {
        let record = Record {
            id: SnapshotId::new(),
            number: 3,
            drive: DriveId::new(),
            owner: UserId::new(),
            name: "then".to_owned(),
            size: 1 << 30,
            used: Some(4096),
            state: SnapshotState::Ready,
            failure: None,
            attributes: json!({}),
            created: Timestamp(0),
            updated: Timestamp(0),
        };
        let shown = wire(record.clone());
        assert_eq!((shown.number, shown.size, shown.used), (3, 1 << 30, Some(4096)));
        assert_eq!((shown.state.as_str(), shown.drive), ("ready", record.drive.to_string()));
        assert!(shown.failure.is_none());
        let failed =
            Record { used: None, state: SnapshotState::Unavailable, failure: Some(Failure::unsupported("not here")), ..record };
        let shown = wire(failed);
        assert_eq!((shown.state.as_str(), shown.used), ("unavailable", None));
        assert_eq!(shown.failure.map(|why| (why.kind, why.message)), Some(("unsupported".to_owned(), "not here".to_owned())));
    }
}
