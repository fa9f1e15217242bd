//! Images on their way into drives, and what an attached drive is spared.

use capstan_catalogue::Catalogue;
use capstan_domain::Kind;
use capstan_domain::drive::{DriveAttachment, DriveChange, DriveState};
use capstan_domain::ids::{DriveId, SnapshotId};
use capstan_domain::time::Timestamp;

use crate::database::{Base, on_both};
use crate::drives::{conflict, ground, ready, work};

on_both! {
    an_upload_goes_on_where_it_came_to_and_begins_anew_when_told_so => advanced,
    nothing_is_put_into_a_drive_that_somebody_has => taken,
    a_drive_that_is_not_ready_is_not_attached => unready,
    a_snapshot_is_not_put_back_beneath_an_attachment => restored,
}

fn attachment(drive: DriveId) -> DriveAttachment {
    DriveAttachment { drive, address: "unix:/run/d".to_owned(), read_only: true, created: Timestamp(7) }
}

async fn advanced(catalogue: &Catalogue, _: &Base) {
    let drive = ready(catalogue, ground(catalogue).await, "a").await.id;
    assert_eq!(catalogue.drive_upload(drive).await.unwrap(), None);
    conflict(catalogue.finish_drive_upload(drive).await.unwrap_err(), "state");
    let begun = catalogue.begin_drive_upload(drive, 100).await.unwrap();
    assert_eq!((begun.drive, begun.size, begun.received), (drive, 100, 0));
    assert_eq!(catalogue.drive(drive).await.unwrap().state, DriveState::Uploading);
    catalogue.advance_drive_upload(drive, 60).await.unwrap();
    let come = catalogue.drive_upload(drive).await.unwrap().unwrap();
    assert_eq!((come.size, come.received), (100, 60));
    catalogue.begin_drive_upload(drive, 70).await.unwrap();
    let anew = catalogue.drive_upload(drive).await.unwrap().unwrap();
    assert_eq!((anew.size, anew.received), (70, 0));
    assert_eq!(catalogue.finish_drive_upload(drive).await.unwrap().state, DriveState::Ready);
    assert_eq!(catalogue.drive_upload(drive).await.unwrap(), None);
    // A drive takes its upload with it.
    catalogue.begin_drive_upload(drive, 70).await.unwrap();
    let delete = work(drive, DriveChange::Delete);
    catalogue.begin_drive_change(drive, &[DriveState::Uploading], DriveState::Deleting, &delete, &[]).await.unwrap();
    conflict(catalogue.begin_drive_upload(drive, 70).await.unwrap_err(), "state");
    conflict(catalogue.finish_drive_upload(drive).await.unwrap_err(), "state");
    catalogue.remove_drive(drive).await.unwrap();
    assert_eq!(catalogue.drive_upload(drive).await.unwrap(), None);
    assert_eq!(catalogue.begin_drive_upload(DriveId::new(), 1).await.unwrap_err().kind, Kind::NotFound);
}

async fn taken(catalogue: &Catalogue, _: &Base) {
    let drive = ready(catalogue, ground(catalogue).await, "a").await.id;
    catalogue.add_attachment(attachment(drive)).await.unwrap();
    conflict(catalogue.begin_drive_upload(drive, 100).await.unwrap_err(), "mounted");
    assert_eq!(catalogue.drive(drive).await.unwrap().state, DriveState::Ready);
    assert_eq!(catalogue.drive_upload(drive).await.unwrap(), None);
    catalogue.remove_attachment(drive).await.unwrap();
    catalogue.begin_drive_upload(drive, 100).await.unwrap();
}

async fn unready(catalogue: &Catalogue, _: &Base) {
    let drive = ready(catalogue, ground(catalogue).await, "a").await.id;
    catalogue.begin_drive_upload(drive, 100).await.unwrap();
    conflict(catalogue.add_attachment(attachment(drive)).await.unwrap_err(), "state");
    assert!(catalogue.attachments().await.unwrap().is_empty());
    catalogue.finish_drive_upload(drive).await.unwrap();
    catalogue.add_attachment(attachment(drive)).await.unwrap();
    assert_eq!(catalogue.attachments().await.unwrap().len(), 1);
}

async fn restored(catalogue: &Catalogue, _: &Base) {
    let drive = ready(catalogue, ground(catalogue).await, "a").await.id;
    catalogue.add_attachment(attachment(drive)).await.unwrap();
    let restore = work(drive, DriveChange::RestoreSnapshot { snapshot: SnapshotId::new() });
    let begun = catalogue.begin_drive_change(drive, &[DriveState::Ready], DriveState::Resizing, &restore, &[]).await;
    conflict(begun.unwrap_err(), "mounted");
    assert_eq!(catalogue.drive(drive).await.unwrap().state, DriveState::Ready);
    // What grows keeps its bytes.
    let grow = work(drive, DriveChange::Resize { size: 2 << 30 });
    catalogue.begin_drive_change(drive, &[DriveState::Ready], DriveState::Resizing, &grow, &[]).await.unwrap();
}
