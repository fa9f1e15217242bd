//! A process that dies: its jobs are taken up again and finish, and nothing is done twice.

use std::time::Duration;

use capstan_domain::entry::Tree;
use capstan_domain::job::{JobState, Lane, NewJob, Request, Work};
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::pool::PeriodUnit;
use capstan_domain::time::Timestamp;

use crate::world::{POOL, World, copy, fill, whole};

/// A worker that claims and is never heard of again, as after kill -9.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_of_a_dead_process_is_taken_up_when_its_lease_runs_out() {
    let world = World::new().await;
    let (from, to) = (world.space("from").await, world.space("to").await);
    fill(&from, 20);
    world.jobs.close().await;
    let job = world
        .catalogue
        .create_job(&NewJob { definition: None, name: "j".to_owned(), work: copy(&from, &to) }, None)
        .await
        .unwrap();
    let now = Timestamp::now();
    world.catalogue.claim_job(Lane::Long, "dead", now, now.plus(Duration::from_millis(300))).await.unwrap().unwrap();
    let next = world.again().await;
    let ended = next.ended(job.id).await;
    assert_eq!((ended.state, ended.attempt), (JobState::Done, 2));
    next.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_goes_down_gives_its_jobs_back_and_the_next_one_finishes_them() {
    let world = World::new().await;
    let (from, to) = (world.space("from").await, world.space("to").await);
    fill(&from, 400);
    let job = world.submit(copy(&from, &to)).await;
    world.until(job.id, |job| job.state != JobState::Queued).await;
    world.jobs.close().await;
    let next = world.again().await;
    let ended = next.ended(job.id).await;
    assert_eq!(ended.state, JobState::Done);
    let good = Listing::first(0).with("state", Operator::Equal, "done");
    let unchanged = Listing::first(0).with("state", Operator::Equal, "unchanged");
    let done = next.catalogue.outcomes(job.id, &good).await.unwrap().count;
    let seen = next.catalogue.outcomes(job.id, &unchanged).await.unwrap().count;
    assert_eq!(done + seen, 400);
    next.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_copied_is_unchanged_for_the_next_job() {
    let world = World::new().await;
    let (from, to) = (world.space("from").await, world.space("to").await);
    fill(&from, 30);
    let first = world.submit(copy(&from, &to)).await;
    assert_eq!(world.ended(first.id).await.state, JobState::Done);
    let second = world.submit(copy(&from, &to)).await;
    assert_eq!(world.ended(second.id).await.state, JobState::Done);
    let tally = world.catalogue.tally(second.id).await.unwrap();
    assert_eq!(tally.done + tally.unchanged, 30);
    let scan = world.submit(Work::Scan { places: vec![whole(to.id)] }).await;
    assert_eq!(world.ended(scan.id).await.state, JobState::Done);
    assert_eq!(world.catalogue.space(to.id).await.unwrap().file_count, 30);
    world.jobs.close().await;
}

/// What a directory holds below its root, temporary files included.
fn files_in(space: &capstan_domain::space::Space) -> usize {
    std::fs::read_dir(&space.directory).map_or(0, Iterator::count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_job_left_that_was_stopped_for_good_is_given_up_also_after_a_restart() {
    for restart in [false, true] {
        let world = World::new().await;
        let (from, to) = (world.space("from").await, world.space("to").await);
        std::fs::write(std::path::Path::new(&from.directory).join("large"), vec![7; 40 << 20]).unwrap();
        let mut work = copy(&from, &to);
        if let Work::Transfer { options, .. } = &mut work {
            options.bandwidth = Some(8 << 20);
        }
        let job = world.submit(work).await;
        world.until(job.id, |_| files_in(&to) > 0).await;
        let jobs = if restart {
            // Taken down in the middle; while it waits in the queue nothing is given up, then it is stopped before anybody took it up.
            world.jobs.close().await;
            world.catalogue.request_job(job.id, Request::Stop).await.unwrap();
            assert_eq!(files_in(&to), 1);
            world.again().await.jobs
        } else {
            world.jobs.request(job.id, Request::Stop).await.unwrap();
            world.jobs.clone()
        };
        assert_eq!(world.ended(job.id).await.state, JobState::StoppedByUser);
        world.until(job.id, |_| files_in(&to) == 0).await;
        jobs.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_that_fell_due_while_the_host_was_down_runs_once_at_the_next_start() {
    let world = World::new().await;
    let (pool, directory) = world.primary_pool().await;
    std::fs::write(directory.join("file"), "x").unwrap();
    world.jobs.close().await;
    let hours = Duration::from_secs(3600);
    let missed = Timestamp(Timestamp::now().0 - 7 * i64::try_from(hours.as_nanos()).unwrap());
    world.catalogue.put_scan(pool.id, true, 1, PeriodUnit::Hours, Some(missed)).await.unwrap();

    let next = world.again().await;
    let until = std::time::Instant::now() + Duration::from_secs(30);
    while next.catalogue.scan_of(pool.id).await.unwrap().last_complete.is_none() {
        assert!(std::time::Instant::now() < until, "it did not run");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Several looks at the schedule later there is still this one, though seven were missed.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(next.catalogue.jobs(&Listing::first(10)).await.unwrap().count, 1);
    let due = next.catalogue.scan_of(pool.id).await.unwrap().due.unwrap();
    assert!(due > Timestamp::now() && due <= Timestamp::now().plus(hours), "{due:?}");
    assert!(next.catalogue.entry_at(Tree::Pool(pool.id), &format!("{POOL}/file")).await.is_ok());
    next.jobs.close().await;
}
