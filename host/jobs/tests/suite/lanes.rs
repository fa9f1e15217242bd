//! Lanes: what somebody waits for does not stand behind what takes hours.

use std::time::{Duration, Instant};

use capstan_domain::Failure;
use capstan_domain::drive::{DriveChange, DriveState};
use capstan_domain::job::{JobState, Lane};
use capstan_jobs::Limits;

use crate::drive_world::{At, DriveWorld, SIZE};
use crate::engine::When::Before;

const NEAR: At = At::Near;
const FAR: At = At::Far;
/// How long the copies may take to come to where they hang.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_to_a_drive_does_not_wait_for_copies_though_all_their_workers_are_busy() {
    let mut world = DriveWorld::new().await;
    let source = world.filled(NEAR).await;
    let workers = Limits::default().workers;
    let mut copies = Vec::new();
    for _ in 0..workers {
        world.far.hang("create", 0, Before);
        copies.push(world.clone_of(&source, None, FAR, SIZE).await.1);
    }
    let start = Instant::now();
    while world.far.planned() > 0 {
        assert!(start.elapsed() < PATIENCE, "the copies do not begin");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // One more has to wait, in the lane of the others.
    let (_, waiting) = world.clone_of(&source, None, FAR, SIZE).await;
    world.until(waiting.id, |job| job.lane == Lane::Long).await;

    let (drive, created) = world.create(NEAR, SIZE).await;
    assert_eq!(world.ended(created.id).await.state, JobState::Done);
    let drive = world.drive(drive.id).await;
    let (_, taken) = world.snapshot(&drive).await;
    assert_eq!(world.ended(taken.id).await.state, JobState::Done);
    let grown = world.change(&drive, DriveState::Resizing, DriveChange::Resize { size: 2 * SIZE }).await;
    assert_eq!(world.ended(grown.id).await.state, JobState::Done);
    let (_, cloned) = world.clone_of(&drive, None, NEAR, 2 * SIZE).await;
    let cloned = world.ended(cloned.id).await;
    assert_eq!((cloned.state, cloned.lane), (JobState::Done, Lane::Brief));
    let deleted = world.change(&drive, DriveState::Deleting, DriveChange::Delete).await;
    assert_eq!(world.ended(deleted.id).await.state, JobState::Done);
    assert_eq!(world.catalogue.job(waiting.id).await.unwrap().state, JobState::Queued);

    // The next process finds them all.
    world = world.again().await;
    for copy in copies.iter().chain([&waiting]) {
        let copy = world.ended(copy.id).await;
        assert_eq!((copy.state, copy.lane), (JobState::Done, Lane::Long), "{:?}", copy.failure);
    }
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clone_that_its_target_does_not_make_goes_over_to_those_who_copy() {
    let world = DriveWorld::new().await;
    let source = world.filled(NEAR).await;
    // Asked in the one lane and in the other.
    for _ in 0..2 {
        world.near.fail("clone", 0, Before, Failure::unsupported("no clones here"));
    }
    let (drive, job) = world.clone_of(&source, None, NEAR, SIZE).await;
    assert_eq!(job.lane, Lane::Brief);
    let job = world.ended(job.id).await;
    assert_eq!((job.state, job.lane, job.attempt), (JobState::Done, Lane::Long, 1), "{:?}", job.failure);
    assert_eq!(world.near.planned(), 0, "it was not asked for a clone");
    assert!(world.near.bytes_of(&drive.volume()) == world.near.bytes_of(&source.volume()));
    assert_eq!(world.near.names().len(), 2);
    world.jobs.close().await;
}
