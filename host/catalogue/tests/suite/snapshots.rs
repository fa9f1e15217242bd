//! Snapshots of drives: taken of what is ready, kept while they are read.

use capstan_catalogue::Catalogue;
use capstan_domain::drive::{
    ChangeOutcome, DriveChange, DriveState, NewDrive, NewSnapshot, Snapshot, SnapshotEdit, SnapshotState,
};
use capstan_domain::ids::{DriveId, SnapshotId};
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::tag::{NewTag, Tagged};
use capstan_domain::{Failure, Kind};
use serde_json::json;

use crate::database::{Base, on_both};
use crate::drives::{Ground, conflict, ground, new_drive, outcome, ready, work};

on_both! {
    a_snapshot_and_its_job_are_recorded_together_or_not_at_all => together,
    a_drive_whose_snapshot_is_being_taken_is_not_changed => held,
    a_snapshot_stays_while_a_drive_gets_its_bytes => read,
    a_snapshot_is_edited_listed_and_removed => edited,
}

fn new(ground: Ground, drive: DriveId, name: &str) -> NewSnapshot {
    NewSnapshot {
        id: SnapshotId::new(),
        drive,
        owner: ground.owner,
        name: name.to_owned(),
        size: 1 << 30,
        attributes: json!({"meta": {}}),
        tags: Vec::new(),
    }
}

async fn taken(catalogue: &Catalogue, ground: Ground, drive: DriveId, name: &str) -> Snapshot {
    let new = new(ground, drive, name);
    catalogue.create_snapshot(&new, &work(drive, DriveChange::TakeSnapshot { snapshot: new.id })).await.unwrap();
    catalogue.finish_snapshot_change(new.id, outcome(SnapshotState::Ready), None).await.unwrap()
}

async fn together(catalogue: &Catalogue, _: &Base) {
    let ground = ground(catalogue).await;
    let making = new_drive(ground, "a");
    catalogue.create_drive(&making, &work(making.id, DriveChange::Create), &[]).await.unwrap();
    let early = new(ground, making.id, "early");
    let job = work(making.id, DriveChange::TakeSnapshot { snapshot: early.id });
    let failure = catalogue.create_snapshot(&early, &job).await.unwrap_err();
    assert!(conflict(failure, "state").contains("creating"));
    assert_eq!(catalogue.snapshot(early.id).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(catalogue.jobs(&Listing::first(1)).await.unwrap().count, 1);
    let nothing = new(ground, DriveId::new(), "n");
    assert_eq!(catalogue.create_snapshot(&nothing, &job).await.unwrap_err().kind, Kind::NotFound);

    catalogue.finish_drive_change(making.id, outcome(DriveState::Ready)).await.unwrap();
    let (snapshot, made) = catalogue.create_snapshot(&early, &job).await.unwrap();
    assert_eq!((snapshot.state, snapshot.drive, snapshot.size), (SnapshotState::Creating, making.id, 1 << 30));
    assert_eq!(made.work, job.work);
    assert_eq!(catalogue.drive_jobs(making.id).await.unwrap()[0].1.id, made.id);
    assert_eq!(snapshot.used, None);
    let larger = ChangeOutcome { size: Some(2 << 30), ..outcome(SnapshotState::Ready) };
    let done = catalogue.finish_snapshot_change(early.id, larger, Some(1 << 20)).await.unwrap();
    assert_eq!((done.state, done.size, done.used), (SnapshotState::Ready, 2 << 30, Some(1 << 20)));
    let again = catalogue.finish_snapshot_change(early.id, outcome(SnapshotState::Ready), None).await.unwrap();
    assert_eq!((again.size, again.used), (2 << 30, Some(1 << 20)), "what is known stays");
    assert_eq!(catalogue.drive(making.id).await.unwrap().state, DriveState::Ready);
}

async fn held(catalogue: &Catalogue, _: &Base) {
    let ground = ground(catalogue).await;
    let drive = ready(catalogue, ground, "a").await.id;
    let new = new(ground, drive, "s");
    catalogue.create_snapshot(&new, &work(drive, DriveChange::TakeSnapshot { snapshot: new.id })).await.unwrap();
    let delete = work(drive, DriveChange::Delete);
    let begin = async || catalogue.begin_drive_change(drive, &[DriveState::Ready], DriveState::Deleting, &delete, &[]).await;
    assert!(conflict(begin().await.unwrap_err(), "state").contains("snapshot"));
    catalogue.finish_snapshot_change(new.id, outcome(SnapshotState::Ready), None).await.unwrap();
    assert_eq!(begin().await.unwrap().0.state, DriveState::Deleting);
}

async fn read(catalogue: &Catalogue, _: &Base) {
    let ground = ground(catalogue).await;
    let drive = ready(catalogue, ground, "a").await.id;
    let snapshot = taken(catalogue, ground, drive, "s").await.id;
    let remove = async || {
        let job = work(drive, DriveChange::DeleteSnapshot { snapshot });
        catalogue.begin_snapshot_change(snapshot, &[SnapshotState::Ready], SnapshotState::Deleting, &job).await
    };
    // Restored to its own drive.
    let restore = work(drive, DriveChange::RestoreSnapshot { snapshot });
    catalogue.begin_drive_change(drive, &[DriveState::Ready], DriveState::Resizing, &restore, &[]).await.unwrap();
    assert!(conflict(remove().await.unwrap_err(), "state").contains("read"));
    catalogue.finish_drive_change(drive, outcome(DriveState::Ready)).await.unwrap();
    // Cloned to another.
    let copy = NewDrive { state: DriveState::Cloning, ..new_drive(ground, "copy") };
    let clone = work(copy.id, DriveChange::Clone { source: drive, snapshot: Some(snapshot) });
    catalogue.create_drive(&copy, &clone, &[drive]).await.unwrap();
    assert!(conflict(remove().await.unwrap_err(), "state").contains("read"));
    catalogue.finish_drive_change(copy.id, outcome(DriveState::Ready)).await.unwrap();
    let (going, _) = remove().await.unwrap();
    assert_eq!(going.state, SnapshotState::Deleting);
    assert!(conflict(remove().await.unwrap_err(), "state").contains("deleting"));
    // From what is going nothing is made.
    let late = NewDrive { state: DriveState::Cloning, ..new_drive(ground, "late") };
    let clone = work(late.id, DriveChange::Clone { source: drive, snapshot: Some(snapshot) });
    let failure = catalogue.create_drive(&late, &clone, &[drive]).await.unwrap_err();
    assert!(conflict(failure, "state").contains("deleting"));
    assert_eq!(catalogue.drive(late.id).await.unwrap_err().kind, Kind::NotFound);
    let failure =
        catalogue.begin_drive_change(drive, &[DriveState::Ready], DriveState::Resizing, &restore, &[]).await.unwrap_err();
    assert!(conflict(failure, "state").contains("deleting"));
    assert_eq!(catalogue.drive(drive).await.unwrap().state, DriveState::Ready);
}

async fn edited(catalogue: &Catalogue, _: &Base) {
    let ground = ground(catalogue).await;
    let (a, b) = (ready(catalogue, ground, "a").await.id, ready(catalogue, ground, "b").await.id);
    let first = taken(catalogue, ground, a, "first").await;
    let second = taken(catalogue, ground, a, "second").await;
    let other = taken(catalogue, ground, b, "other").await;
    let edit = SnapshotEdit { name: Some("renamed".to_owned()), attributes: None };
    let now = catalogue.update_snapshot(first.id, edit).await.unwrap();
    assert_eq!((now.name.as_str(), now.attributes), ("renamed", json!({"meta": {}})));
    let red = NewTag { owner: ground.owner, name: "red".to_owned(), attributes: json!({}) };
    let tag = catalogue.create_tag(&red, &[Tagged::Snapshot(second.id), Tagged::Drive(b)]).await.unwrap();
    let found = async |field: &str, value: String| {
        let page = catalogue.snapshots(&Listing::first(10).with(field, Operator::Equal, value)).await.unwrap();
        page.items.into_iter().map(|snapshot| snapshot.id).collect::<Vec<_>>()
    };
    assert_eq!(found("drive", a.to_string()).await, [first.id, second.id]);
    assert_eq!(found("name", "other".to_owned()).await, [other.id]);
    assert_eq!(found("owner", ground.owner.to_string()).await, [first.id, second.id, other.id]);
    assert_eq!(found("tag", tag.id.to_string()).await, [second.id]);
    assert_eq!(found("tag_name", "red".to_owned()).await, [second.id]);

    assert!(conflict(catalogue.remove_snapshot(second.id).await.unwrap_err(), "state").contains("ready"));
    let job = work(a, DriveChange::DeleteSnapshot { snapshot: second.id });
    catalogue.begin_snapshot_change(second.id, &[SnapshotState::Ready], SnapshotState::Deleting, &job).await.unwrap();
    assert_eq!(catalogue.update_snapshot(second.id, SnapshotEdit::default()).await.unwrap_err().kind, Kind::NotFound);
    conflict(catalogue.finish_snapshot_change(second.id, outcome(SnapshotState::Ready), None).await.unwrap_err(), "state");
    let failed = ChangeOutcome { failure: Some(Failure::new(Kind::Denied, "no")), ..outcome(SnapshotState::Unavailable) };
    let kept = catalogue.finish_snapshot_change(second.id, failed, None).await.unwrap();
    assert_eq!((kept.state, kept.failure.unwrap().kind), (SnapshotState::Unavailable, Kind::Denied));
    catalogue.remove_snapshot(second.id).await.unwrap();
    assert_eq!(catalogue.tagged(tag.id).await.unwrap(), [Tagged::Drive(b)]);
    let again = taken(catalogue, ground, a, "second").await;
    assert!(again.number > other.number);
}
