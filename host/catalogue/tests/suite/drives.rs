//! Drives and what is done to them: with a job or not at all, from the states that were named and no other.

use capstan_catalogue::Catalogue;
use capstan_domain::drive::{
    ChangeOutcome, Drive, DriveChange, DriveEdit, DriveRole, DriveState, Media, NewDrive, NewSnapshot, SnapshotState,
};
use capstan_domain::identity::{NewUser, Role};
use capstan_domain::ids::{DriveId, SnapshotId, TargetId, UserId};
use capstan_domain::job::{JobState, NewJob, Work};
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::machine::{Mount, NewMachine};
use capstan_domain::tag::{NewTag, Tagged};
use capstan_domain::{Failure, Kind};
use serde_json::json;

use crate::database::{Base, on_both};
use crate::nouns::target;

on_both! {
    a_drive_and_its_job_are_recorded_together_or_not_at_all => together,
    of_many_drives_all_are_made_or_none => many,
    a_change_from_a_wrong_state_is_a_conflict_that_names_the_state => states,
    of_many_that_begin_a_change_one_does => race,
    what_is_told_to_go_is_not_called_back => deleting,
    a_removed_drive_leaves_no_snapshot_mount_tag_or_user => removal,
    an_edit_writes_only_what_it_names => edits,
    what_is_cloned_is_held_until_the_clone_is_done => sources,
    numbers_of_drives_are_never_used_again => numbers,
    an_owner_and_a_target_stay_while_they_have_drives => kept,
}

/// An owner and a target for drives.
#[derive(Clone, Copy)]
pub(crate) struct Ground {
    pub(crate) owner: UserId,
    pub(crate) target: TargetId,
}

pub(crate) async fn user(catalogue: &Catalogue, name: &str) -> UserId {
    let new = NewUser { name: name.to_owned(), role: Role::Operator, password: "hash".to_owned() };
    catalogue.create_user(&new).await.unwrap().id
}

pub(crate) async fn ground(catalogue: &Catalogue) -> Ground {
    Ground { owner: user(catalogue, "owner").await, target: target(catalogue, "disks").await.id }
}

pub(crate) fn new_drive(ground: Ground, name: &str) -> NewDrive {
    NewDrive {
        id: DriveId::new(),
        owner: ground.owner,
        name: name.to_owned(),
        media: Media::Disk,
        size: 1 << 30,
        storage_type: "nvme".to_owned(),
        target: ground.target,
        location: "pool".to_owned(),
        state: DriveState::Creating,
        allow_multimount: false,
        attributes: json!({"cloudsigma": {"meta": {}}}),
        tags: Vec::new(),
    }
}

pub(crate) fn work(drive: DriveId, change: DriveChange) -> NewJob {
    NewJob { definition: None, name: "drive".to_owned(), work: Work::Drive { drive, change } }
}

pub(crate) fn outcome<State>(state: State) -> ChangeOutcome<State> {
    ChangeOutcome { state, size: None, failure: None }
}

/// Made, and ready.
pub(crate) async fn made(catalogue: &Catalogue, new: NewDrive) -> Drive {
    catalogue.create_drive(&new, &work(new.id, DriveChange::Create), &[]).await.unwrap();
    catalogue.finish_drive_change(new.id, outcome(DriveState::Ready)).await.unwrap()
}

pub(crate) async fn ready(catalogue: &Catalogue, ground: Ground, name: &str) -> Drive {
    made(catalogue, new_drive(ground, name)).await
}

/// A conflict of this code; answers what it says.
pub(crate) fn conflict(failure: Failure, code: &str) -> String {
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Conflict, Some(code)), "{failure}");
    failure.message
}

async fn jobs(catalogue: &Catalogue) -> u64 {
    catalogue.jobs(&Listing::first(1)).await.unwrap().count
}

async fn together(catalogue: &Catalogue, _: &Base) {
    let ground = ground(catalogue).await;
    let new = new_drive(ground, "a");
    let (drive, job) = catalogue.create_drive(&new, &work(new.id, DriveChange::Create), &[]).await.unwrap();
    assert_eq!((drive.id, drive.state, drive.size, drive.media), (new.id, DriveState::Creating, 1 << 30, Media::Disk));
    assert_eq!((drive.attributes, drive.failure.is_none(), drive.allow_multimount), (new.attributes.clone(), true, false));
    assert_eq!((job.state, &job.work), (JobState::Queued, &Work::Drive { drive: new.id, change: DriveChange::Create }));
    let told = catalogue.drive_jobs(new.id).await.unwrap();
    assert_eq!(told.iter().map(|(role, job)| (*role, job.id)).collect::<Vec<_>>(), [(DriveRole::Subject, job.id)]);

    // A source that is not ready, or not there; a target that is not there.
    let copy = |source| {
        let new = NewDrive { state: DriveState::Cloning, ..new_drive(ground, "copy") };
        let job = work(new.id, DriveChange::Clone { source, snapshot: None });
        (new, job)
    };
    let (new, job) = copy(drive.id);
    let failure = catalogue.create_drive(&new, &job, &[drive.id]).await.unwrap_err();
    assert!(conflict(failure, "state").contains("creating"));
    assert_eq!(catalogue.drive(new.id).await.unwrap_err().kind, Kind::NotFound);
    let nothing = DriveId::new();
    let (new, job) = copy(nothing);
    assert_eq!(catalogue.create_drive(&new, &job, &[nothing]).await.unwrap_err().kind, Kind::NotFound);
    let nowhere = NewDrive { target: TargetId::new(), ..new_drive(ground, "b") };
    let failure = catalogue.create_drive(&nowhere, &work(nowhere.id, DriveChange::Create), &[]).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Invalid, Some("not-found")));
    assert_eq!((catalogue.drives(&Listing::first(10)).await.unwrap().count, jobs(catalogue).await), (1, 1));
}

async fn many(catalogue: &Catalogue, _: &Base) {
    let ground = ground(catalogue).await;
    let with_job = |new: NewDrive| {
        let job = work(new.id, DriveChange::Create);
        (new, job, Vec::new())
    };
    let (first, second) = (with_job(new_drive(ground, "a")), with_job(new_drive(ground, "b")));
    let repeated = with_job(first.0.clone());
    let failure = catalogue.create_drives(vec![first.clone(), second.clone(), repeated]).await.unwrap_err();
    assert_eq!(failure.kind, Kind::AlreadyExists);
    assert_eq!((catalogue.drives(&Listing::first(10)).await.unwrap().count, jobs(catalogue).await), (0, 0));
    let made = catalogue.create_drives(vec![first.clone(), second.clone()]).await.unwrap();
    assert_eq!(made.iter().map(|(drive, _)| drive.id).collect::<Vec<_>>(), [first.0.id, second.0.id]);
    assert_eq!(made[1].1.work, second.1.work);
    assert!(made[0].0.number < made[1].0.number);
    let of = catalogue.jobs_of_drives(&[first.0.id, second.0.id]).await.unwrap();
    assert_eq!(
        of.iter().map(|one| (one.drive, one.job)).collect::<Vec<_>>(),
        [(second.0.id, made[1].1.id), (first.0.id, made[0].1.id),]
    );
}

async fn states(catalogue: &Catalogue, _: &Base) {
    let ground = ground(catalogue).await;
    let new = new_drive(ground, "a");
    let (drive, _) = catalogue.create_drive(&new, &work(new.id, DriveChange::Create), &[]).await.unwrap();
    let size = 2 << 30;
    let grow = async |from: &[DriveState]| {
        let job = work(drive.id, DriveChange::Resize { size });
        catalogue.begin_drive_change(drive.id, from, DriveState::Resizing, &job, &[]).await
    };
    let failure = grow(&[DriveState::Ready, DriveState::Unavailable]).await.unwrap_err();
    assert!(conflict(failure, "state").contains("creating"));
    assert!(conflict(grow(&[]).await.unwrap_err(), "state").contains("creating"));
    assert_eq!(jobs(catalogue).await, 1);
    catalogue.finish_drive_change(drive.id, outcome(DriveState::Ready)).await.unwrap();
    let (resizing, job) = grow(&[DriveState::Ready]).await.unwrap();
    assert_eq!((resizing.state, resizing.size), (DriveState::Resizing, 1 << 30));
    assert_eq!(job.work, Work::Drive { drive: drive.id, change: DriveChange::Resize { size } });
    assert!(conflict(grow(&[DriveState::Ready]).await.unwrap_err(), "state").contains("resizing"));
    assert!(conflict(catalogue.remove_drive(drive.id).await.unwrap_err(), "state").contains("resizing"));
    let grown = ChangeOutcome { size: Some(size), ..outcome(DriveState::Ready) };
    for _ in 0..2 {
        let now = catalogue.finish_drive_change(drive.id, grown.clone()).await.unwrap();
        assert_eq!((now.state, now.size), (DriveState::Ready, size));
    }
    let newest: Vec<_> = catalogue.drive_jobs(drive.id).await.unwrap().into_iter().map(|(_, job)| job.id).collect();
    assert_eq!((newest.len(), newest[0]), (2, job.id));
    let nothing = DriveId::new();
    let job = work(nothing, DriveChange::Delete);
    let failure = catalogue.begin_drive_change(nothing, &[DriveState::Ready], DriveState::Deleting, &job, &[]).await.unwrap_err();
    assert_eq!(failure.kind, Kind::NotFound);
    assert_eq!(jobs(catalogue).await, 2);
}

async fn race(catalogue: &Catalogue, _: &Base) {
    let drive = ready(catalogue, ground(catalogue).await, "a").await.id;
    let tasks: Vec<_> = (0..8_u64)
        .map(|at| {
            let catalogue = catalogue.clone();
            tokio::spawn(async move {
                let job = work(drive, DriveChange::Resize { size: at });
                catalogue.begin_drive_change(drive, &[DriveState::Ready], DriveState::Resizing, &job, &[]).await.is_ok()
            })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        won += u32::from(task.await.unwrap());
    }
    assert_eq!((won, jobs(catalogue).await), (1, 2));
}

async fn deleting(catalogue: &Catalogue, _: &Base) {
    let drive = ready(catalogue, ground(catalogue).await, "a").await.id;
    let delete = async |from: DriveState| {
        let job = work(drive, DriveChange::Delete);
        catalogue.begin_drive_change(drive, &[from], DriveState::Deleting, &job, &[]).await
    };
    delete(DriveState::Ready).await.unwrap();
    let failure = catalogue.finish_drive_change(drive, outcome(DriveState::Ready)).await.unwrap_err();
    assert!(conflict(failure, "state").contains("deleting"));
    let edit = DriveEdit { name: Some("b".to_owned()), ..DriveEdit::default() };
    assert_eq!(catalogue.update_drive(drive, edit).await.unwrap_err().kind, Kind::NotFound);
    let failed = ChangeOutcome { failure: Some(Failure::new(Kind::Denied, "no")), ..outcome(DriveState::Unavailable) };
    let kept = catalogue.finish_drive_change(drive, failed).await.unwrap();
    assert_eq!((kept.state, kept.failure.unwrap().kind, kept.name.as_str()), (DriveState::Unavailable, Kind::Denied, "a"));
    delete(DriveState::Unavailable).await.unwrap();
    let shown = Listing::first(10).with("state", Operator::NotEqual, "deleting");
    assert_eq!(catalogue.drives(&shown).await.unwrap().count, 0);
    assert_eq!(catalogue.drives(&Listing::first(10)).await.unwrap().count, 1);
    catalogue.remove_drive(drive).await.unwrap();
    assert_eq!(catalogue.remove_drive(drive).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(catalogue.drive(drive).await.unwrap_err().kind, Kind::NotFound);
}

async fn removal(catalogue: &Catalogue, _: &Base) {
    let ground = ground(catalogue).await;
    let drive = ready(catalogue, ground, "a").await.id;
    let new = NewSnapshot {
        id: SnapshotId::new(),
        drive,
        owner: ground.owner,
        name: "s".to_owned(),
        size: 1 << 30,
        attributes: json!({}),
        tags: Vec::new(),
    };
    let snapshot = new.id;
    catalogue.create_snapshot(&new, &work(drive, DriveChange::TakeSnapshot { snapshot })).await.unwrap();
    let taken = outcome(SnapshotState::Ready);
    catalogue.finish_snapshot_change(snapshot, taken, None).await.unwrap();
    let red = NewTag { owner: ground.owner, name: "red".to_owned(), attributes: json!({}) };
    let tag = catalogue.create_tag(&red, &[Tagged::Drive(drive), Tagged::Snapshot(snapshot)]).await.unwrap();
    catalogue.set_drive_user(drive, 3, true).await.unwrap();
    let mounts = vec![Mount { drive, attributes: json!({"dev_channel": "0:0"}) }];
    let machine = NewMachine { owner: ground.owner, name: "m".to_owned(), mounts, attributes: json!({}), tags: Vec::new() };
    let machine = catalogue.create_machine(&machine).await.unwrap();
    assert_eq!((machine.mounts.len(), catalogue.tagged(tag.id).await.unwrap().len()), (1, 2));

    // Its volume was lost while a machine listed it: then it goes as it is.
    let lost = ChangeOutcome { failure: Some(Failure::not_found("gone")), ..outcome(DriveState::Unavailable) };
    catalogue.finish_drive_change(drive, lost).await.unwrap();
    catalogue.remove_drive(drive).await.unwrap();
    assert_eq!(catalogue.snapshot(snapshot).await.unwrap_err().kind, Kind::NotFound);
    let of = Listing::first(10).with("drive", Operator::Equal, drive);
    assert_eq!(catalogue.snapshots(&of).await.unwrap().count, 0);
    assert!(catalogue.machine(machine.id).await.unwrap().mounts.is_empty());
    assert!(catalogue.machine_mounts_of(&[drive]).await.unwrap().is_empty());
    assert!(catalogue.tagged(tag.id).await.unwrap().is_empty());
    assert!(catalogue.tags_of(&[Tagged::Drive(drive), Tagged::Snapshot(snapshot)]).await.unwrap().is_empty());
    assert_eq!(catalogue.drive_user(drive).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(catalogue.drive_users(&Listing::first(10)).await.unwrap().count, 0);
    // What was done to it is still told.
    let theirs = Listing::first(10).with("drive_owner", Operator::Equal, ground.owner);
    let told = catalogue.jobs(&theirs).await.unwrap();
    assert_eq!(told.count, 2);
    let ids: Vec<_> = told.items.iter().map(|job| job.id).collect();
    assert!(catalogue.drives_of_jobs(&ids).await.unwrap().iter().all(|one| one.drive == drive));
}

async fn edits(catalogue: &Catalogue, _: &Base) {
    let drive = ready(catalogue, ground(catalogue).await, "a").await;
    let name = DriveEdit { name: Some("b".to_owned()), ..DriveEdit::default() };
    let rest = DriveEdit {
        media: Some(Media::Cdrom),
        allow_multimount: Some(true),
        attributes: Some(json!({"x": 1})),
        ..DriveEdit::default()
    };
    let grow = work(drive.id, DriveChange::Resize { size: 2 << 30 });
    let (one, two, three) = tokio::join!(
        catalogue.update_drive(drive.id, name),
        catalogue.update_drive(drive.id, rest),
        catalogue.begin_drive_change(drive.id, &[DriveState::Ready], DriveState::Resizing, &grow, &[]),
    );
    one.unwrap();
    two.unwrap();
    three.unwrap();
    let now = catalogue.drive(drive.id).await.unwrap();
    assert_eq!((now.name.as_str(), now.media, now.allow_multimount), ("b", Media::Cdrom, true));
    assert_eq!((now.attributes, now.state, now.size), (json!({"x": 1}), DriveState::Resizing, drive.size));
    assert!(now.updated >= drive.updated);
    let back = DriveEdit { allow_multimount: Some(false), ..DriveEdit::default() };
    let back = catalogue.update_drive(drive.id, back).await.unwrap();
    assert_eq!((back.allow_multimount, back.name.as_str()), (false, "b"));
    assert_eq!(catalogue.update_drive(DriveId::new(), DriveEdit::default()).await.unwrap_err().kind, Kind::NotFound);
}

async fn sources(catalogue: &Catalogue, _: &Base) {
    let ground = ground(catalogue).await;
    let source = ready(catalogue, ground, "a").await.id;
    let other = ready(catalogue, ground, "b").await.id;
    let new = NewDrive { state: DriveState::Cloning, ..new_drive(ground, "copy") };
    let clone = work(new.id, DriveChange::Clone { source, snapshot: None });
    let (copy, job) = catalogue.create_drive(&new, &clone, &[source]).await.unwrap();
    let reading = catalogue.active_sources(&[source, other, copy.id]).await.unwrap();
    assert_eq!(reading.into_iter().collect::<Vec<_>>(), [source]);
    let both = Listing::first(10).with("id", Operator::Equal, job.id);
    for drive in [source, copy.id] {
        assert_eq!(catalogue.jobs(&both.clone().with("drive", Operator::Equal, drive)).await.unwrap().count, 1);
    }
    let parts = catalogue.drives_of_jobs(&[job.id]).await.unwrap();
    assert_eq!(
        parts.iter().map(|one| (one.drive, one.role)).collect::<Vec<_>>(),
        [(copy.id, DriveRole::Subject), (source, DriveRole::Source),]
    );
    for (to, change) in
        [(DriveState::Deleting, DriveChange::Delete), (DriveState::Resizing, DriveChange::Resize { size: 2 << 30 })]
    {
        let begun = catalogue.begin_drive_change(source, &[DriveState::Ready], to, &work(source, change), &[]).await;
        assert!(conflict(begun.unwrap_err(), "state").contains("cloned"));
    }
    assert_eq!(catalogue.drive(source).await.unwrap().state, DriveState::Ready);
    // A second clone of it may begin, and each holds it.
    let new = NewDrive { state: DriveState::Cloning, ..new_drive(ground, "second") };
    let clone = work(new.id, DriveChange::Clone { source, snapshot: None });
    catalogue.create_drive(&new, &clone, &[source]).await.unwrap();
    catalogue.finish_drive_change(copy.id, outcome(DriveState::Ready)).await.unwrap();
    assert_eq!(catalogue.active_sources(&[source]).await.unwrap().len(), 1);
    catalogue.finish_drive_change(new.id, outcome(DriveState::Ready)).await.unwrap();
    // Although their jobs have yet to end.
    assert!(catalogue.active_sources(&[source]).await.unwrap().is_empty());
    let delete = work(source, DriveChange::Delete);
    catalogue.begin_drive_change(source, &[DriveState::Ready], DriveState::Deleting, &delete, &[]).await.unwrap();
}

async fn numbers(catalogue: &Catalogue, _: &Base) {
    let ground = ground(catalogue).await;
    let first = ready(catalogue, ground, "a").await;
    let delete = work(first.id, DriveChange::Delete);
    catalogue.begin_drive_change(first.id, &[DriveState::Ready], DriveState::Deleting, &delete, &[]).await.unwrap();
    catalogue.remove_drive(first.id).await.unwrap();
    let second = ready(catalogue, ground, "a").await;
    assert!(second.number > first.number);
    assert_eq!(catalogue.drive(second.number).await.unwrap().id, second.id);
    assert_eq!(catalogue.drive(first.number).await.unwrap_err().kind, Kind::NotFound);
}

async fn kept(catalogue: &Catalogue, _: &Base) {
    let ground = ground(catalogue).await;
    let admin = NewUser { name: "admin".to_owned(), role: Role::Administrator, password: "hash".to_owned() };
    catalogue.create_user(&admin).await.unwrap();
    let drive = ready(catalogue, ground, "a").await.id;
    conflict(catalogue.delete_target(ground.target).await.unwrap_err(), "in-use");
    conflict(catalogue.delete_user(ground.owner).await.unwrap_err(), "in-use");
    let delete = work(drive, DriveChange::Delete);
    catalogue.begin_drive_change(drive, &[DriveState::Ready], DriveState::Deleting, &delete, &[]).await.unwrap();
    catalogue.remove_drive(drive).await.unwrap();
    catalogue.delete_target(ground.target).await.unwrap();
    catalogue.delete_user(ground.owner).await.unwrap();
}
