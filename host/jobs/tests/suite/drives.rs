//! Drives: whatever dies or fails, a drive ends as it was or as it was asked for, and no engine holds what no drive names.

use capstan_domain::drive::{DriveChange, DriveState, SnapshotState};
use capstan_domain::job::{JobState, Request};
use capstan_domain::{Failure, Kind};

use crate::drive_world::{At, DriveWorld, SIZE};
use crate::engine::USED;
use crate::engine::When::{After, Before};

const NEAR: At = At::Near;
const FAR: At = At::Far;

fn full() -> Failure {
    Failure::new(Kind::NoSpace, "the engine is full")
}

fn away() -> Failure {
    Failure::new(Kind::Unavailable, "the engine is away")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drive_that_is_made_again_after_a_crash_is_one_volume() {
    let mut world = DriveWorld::new().await;
    for when in [Before, After] {
        world.near.hang("create", 0, when);
        let (drive, job) = world.create(NEAR, SIZE).await;
        assert_eq!(drive.state, DriveState::Creating);
        world = world.die_where_it_hangs().await;
        assert_eq!(world.ended(job.id).await.state, JobState::Done);
        let drive = world.drive(drive.id).await;
        assert_eq!((drive.state, drive.size, &drive.failure), (DriveState::Ready, SIZE, &None));
        assert_eq!(world.near.names(), [drive.volume()]);
        let delete = world.change(&drive, DriveState::Deleting, DriveChange::Delete).await;
        assert_eq!(world.ended(delete.id).await.state, JobState::Done);
        assert!(world.near.names().is_empty());
        assert_eq!(world.catalogue.drive(drive.id).await.unwrap_err().kind, Kind::NotFound);
    }
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drive_that_cannot_be_made_is_unavailable_and_leaves_no_volume() {
    let world = DriveWorld::new().await;
    // Made, but the engine says otherwise, for good.
    world.near.fail("create", 0, After, full());
    let (drive, job) = world.create(NEAR, SIZE).await;
    let job = world.ended(job.id).await;
    assert_eq!((job.state, job.failure.unwrap().kind), (JobState::Failed, Kind::NoSpace));
    let drive = world.drive(drive.id).await;
    assert_eq!((drive.state, drive.failure.clone().unwrap().kind), (DriveState::Unavailable, Kind::NoSpace));
    assert!(world.near.names().is_empty());
    let delete = world.change(&drive, DriveState::Deleting, DriveChange::Delete).await;
    assert_eq!(world.ended(delete.id).await.state, JobState::Done);
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clone_in_a_target_that_dies_at_any_step_ends_whole_and_alone() {
    let mut world = DriveWorld::new().await;
    let source = world.filled(NEAR).await;
    let larger = SIZE + (4 << 20);
    for (call, when) in [("clone", Before), ("clone", After), ("resize", Before), ("resize", After)] {
        world.near.hang(call, 0, when);
        let (drive, job) = world.clone_of(&source, None, NEAR, larger).await;
        world = world.die_where_it_hangs().await;
        assert_eq!(world.ended(job.id).await.state, JobState::Done, "{call} {when:?}");
        let drive = world.drive(drive.id).await;
        assert_eq!((drive.state, drive.size), (DriveState::Ready, larger), "{call} {when:?}");
        let (copied, expected) = (world.near.bytes_of(&drive.volume()), world.near.bytes_of(&source.volume()));
        assert!(copied.len() as u64 == larger && copied.starts_with(&expected), "{call} {when:?}: other bytes");
        assert_eq!(world.near.names().len(), 2, "{call} {when:?}");
        let delete = world.change(&drive, DriveState::Deleting, DriveChange::Delete).await;
        world.ended(delete.id).await;
    }
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clone_through_the_host_that_dies_at_any_step_ends_whole_and_alone() {
    let mut world = DriveWorld::new().await;
    let source = world.filled(NEAR).await;
    let (snapshot, taken) = world.snapshot(&source).await;
    assert_eq!(world.ended(taken.id).await.state, JobState::Done);
    let expected = world.near.bytes_of(&source.volume());
    let steps = [
        // In the source's target: a snapshot is cloned there for as long as it is read.
        (NEAR, "clone", 0, Before),
        (NEAR, "clone", 0, After),
        (NEAR, "read", 2, Before),
        (NEAR, "delete", 0, Before),
        (NEAR, "delete", 0, After),
        (FAR, "delete", 0, After),
        (FAR, "create", 0, After),
        (FAR, "write", 0, Before),
        (FAR, "write", 2, After),
        (FAR, "read", 1, Before),
        (FAR, "flush", 0, After),
    ];
    for (at, call, good, when) in steps {
        world.engine(at).hang(call, good, when);
        let (drive, job) = world.clone_of(&source, Some(snapshot.id), FAR, SIZE).await;
        world = world.die_where_it_hangs().await;
        let job = world.ended(job.id).await;
        assert_eq!(job.state, JobState::Done, "{at:?} {call} {when:?}: {:?}", job.failure);
        let drive = world.drive(drive.id).await;
        assert_eq!((drive.state, drive.size), (DriveState::Ready, SIZE), "{at:?} {call} {when:?}");
        assert!(world.far.bytes_of(&drive.volume()) == expected, "{at:?} {call} {when:?}: other bytes");
        assert_eq!(world.near.names(), [source.volume()], "{at:?} {call} {when:?}");
        assert_eq!(world.far.names(), [drive.volume()], "{at:?} {call} {when:?}");
        assert_eq!((job.progress.bytes_to_process, job.progress.bytes_finalized), (SIZE, SIZE));
        let delete = world.change(&drive, DriveState::Deleting, DriveChange::Delete).await;
        world.ended(delete.id).await;
    }
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clone_that_fails_for_good_at_any_step_leaves_nothing_behind() {
    let world = DriveWorld::new().await;
    let source = world.filled(NEAR).await;
    let (snapshot, taken) = world.snapshot(&source).await;
    assert_eq!(world.ended(taken.id).await.state, JobState::Done);
    let steps = [
        (NEAR, "clone", After),
        (NEAR, "extents", Before),
        (NEAR, "read", Before),
        (FAR, "create", After),
        (FAR, "write", After),
        (FAR, "flush", Before),
    ];
    for (at, call, when) in steps {
        world.engine(at).fail(call, 0, when, full());
        let (drive, job) = world.clone_of(&source, Some(snapshot.id), FAR, SIZE).await;
        assert_eq!(world.ended(job.id).await.state, JobState::Failed, "{call}");
        let drive = world.drive(drive.id).await;
        assert_eq!((drive.state, drive.failure.unwrap().kind), (DriveState::Unavailable, Kind::NoSpace), "{call}");
        assert_eq!(world.near.names(), [source.volume()], "{call}");
        assert!(world.far.names().is_empty(), "{call}");
        world.near.heal();
        world.far.heal();
    }
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clone_whose_target_is_away_for_a_while_goes_on_where_it_was() {
    let world = DriveWorld::new().await;
    let source = world.filled(NEAR).await;
    // After two pieces, and more often than one run asks: the job goes back into the queue.
    world.far.fail("write", 2, Before, away());
    for _ in 0..5 {
        world.far.fail("write", 0, Before, away());
    }
    let (drive, job) = world.clone_of(&source, None, FAR, SIZE).await;
    let job = world.ended(job.id).await;
    assert_eq!(job.state, JobState::Done, "{:?}", job.failure);
    assert!(world.far.bytes_of(&drive.volume()) == world.near.bytes_of(&source.volume()));
    assert!(job.attempt > 1, "it went back into the queue");
    assert_eq!(world.far.calls("create").len(), 1, "it began anew");
    assert_eq!(world.near.calls("read").iter().filter(|offset| **offset == 0).count(), 1, "it began anew");
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resize_that_fails_leaves_the_old_size_and_one_that_was_made_after_all_has_the_new() {
    let mut world = DriveWorld::new().await;
    let drive = world.filled(NEAR).await;
    let resize = DriveChange::Resize { size: 2 * SIZE };
    world.near.fail("resize", 0, Before, full());
    let job = world.change(&drive, DriveState::Resizing, resize.clone()).await;
    assert_eq!(world.ended(job.id).await.state, JobState::Failed);
    let found = world.drive(drive.id).await;
    assert_eq!((found.state, found.size), (DriveState::Ready, SIZE));

    world.near.fail("resize", 0, After, full());
    let job = world.change(&drive, DriveState::Resizing, resize).await;
    assert_eq!(world.ended(job.id).await.state, JobState::Done);
    let found = world.drive(drive.id).await;
    assert_eq!((found.state, found.size, found.failure), (DriveState::Ready, 2 * SIZE, None));

    for when in [Before, After] {
        let size = world.drive(drive.id).await.size + SIZE;
        world.near.hang("resize", 0, when);
        let job = world.change(&drive, DriveState::Resizing, DriveChange::Resize { size }).await;
        world = world.die_where_it_hangs().await;
        assert_eq!(world.ended(job.id).await.state, JobState::Done);
        assert_eq!(world.drive(drive.id).await.size, size);
        assert_eq!(world.near.bytes_of(&drive.volume()).len() as u64, size);
    }
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delete_waits_for_its_target_and_one_that_is_refused_shows_the_drive_again() {
    let mut world = DriveWorld::new().await;
    let (first, second) = (world.filled(NEAR).await, world.filled(NEAR).await);
    // Far more often than other work is taken up.
    for _ in 0..12 {
        world.near.fail("delete", 0, Before, away());
    }
    let job = world.change(&first, DriveState::Deleting, DriveChange::Delete).await;
    assert_eq!(world.ended(job.id).await.state, JobState::Done);
    assert_eq!(world.near.names(), [second.volume()]);

    world.near.fail("delete", 0, Before, Failure::new(Kind::Denied, "not allowed"));
    let job = world.change(&second, DriveState::Deleting, DriveChange::Delete).await;
    assert_eq!(world.ended(job.id).await.state, JobState::Failed);
    let found = world.drive(second.id).await;
    assert_eq!((found.state, found.failure.unwrap().kind), (DriveState::Unavailable, Kind::Denied));

    world.near.hang("delete", 0, After);
    let job = world.change(&second, DriveState::Deleting, DriveChange::Delete).await;
    world = world.die_where_it_hangs().await;
    assert_eq!(world.ended(job.id).await.state, JobState::Done);
    assert!(world.near.names().is_empty());
    assert_eq!(world.catalogue.drive(second.id).await.unwrap_err().kind, Kind::NotFound);
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_are_taken_restored_and_deleted_whatever_dies() {
    let mut world = DriveWorld::new().await;
    let drive = world.filled(NEAR).await;
    let before = world.near.bytes_of(&drive.volume());
    world.near.hang("take", 0, After);
    let (snapshot, job) = world.snapshot(&drive).await;
    world = world.die_where_it_hangs().await;
    assert_eq!(world.ended(job.id).await.state, JobState::Done);
    assert_eq!(world.near.snapshots_of(&drive.volume()), [snapshot.volume()]);
    let taken = world.catalogue.snapshot(snapshot.id).await.unwrap();
    assert_eq!((taken.state, taken.used), (SnapshotState::Ready, Some(USED)));

    world.near.put(&drive.volume(), 0, b"written since");
    world.near.hang("restore", 0, Before);
    let job = world.change(&drive, DriveState::Resizing, DriveChange::RestoreSnapshot { snapshot: snapshot.id }).await;
    world = world.die_where_it_hangs().await;
    assert_eq!(world.ended(job.id).await.state, JobState::Done);
    assert!(world.near.bytes_of(&drive.volume()) == before);

    world.near.hang("forget", 0, After);
    let delete = crate::drive_world::job(drive.id, DriveChange::DeleteSnapshot { snapshot: snapshot.id });
    let from = [SnapshotState::Ready];
    let (_, job) = world.catalogue.begin_snapshot_change(snapshot.id, &from, SnapshotState::Deleting, &delete).await.unwrap();
    world.jobs.ring();
    world = world.die_where_it_hangs().await;
    assert_eq!(world.ended(job.id).await.state, JobState::Done);
    assert!(world.near.snapshots_of(&drive.volume()).is_empty());
    assert_eq!(world.catalogue.snapshot(snapshot.id).await.unwrap_err().kind, Kind::NotFound);
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_a_drive_is_not_stopped_halfway() {
    let mut world = DriveWorld::new().await;
    world.near.hang("create", 0, Before);
    let (drive, job) = world.create(NEAR, SIZE).await;
    let refused = world.jobs.request(job.id, Request::Stop).await.unwrap_err();
    assert_eq!((refused.kind, refused.code.as_deref()), (Kind::Conflict, Some("wrong-state")));
    world = world.die_where_it_hangs().await;
    assert_eq!(world.ended(job.id).await.state, JobState::Done);
    assert_eq!(world.drive(drive.id).await.state, DriveState::Ready);
    world.jobs.close().await;
}
