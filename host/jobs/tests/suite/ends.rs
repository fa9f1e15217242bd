//! How jobs end, and what is recorded of each path.

use std::path::Path;
use std::sync::atomic::Ordering;

use capstan_domain::Kind;
use capstan_domain::entry::Tree;
use capstan_domain::job::{JobState, PathState, Request, Work};
use capstan_domain::listing::{Listing, Operator};

use crate::world::{World, copy, fill, whole};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_ends_done_with_an_outcome_for_each_path() {
    let world = World::new().await;
    let (from, to) = (world.space("from").await, world.space("to").await);
    fill(&from, 50);
    let job = world.submit(copy(&from, &to)).await;
    let job = world.ended(job.id).await;
    assert_eq!((job.state, &job.failure, job.attempt), (JobState::Done, &None, 1));
    assert_eq!(job.progress.files_finalized, 50);
    let done = Listing::first(100).with("state", Operator::Equal, "done");
    assert_eq!(world.catalogue.outcomes(job.id, &done).await.unwrap().count, 50);
    assert_eq!(std::fs::read(Path::new(&to.directory).join("d1/f7")).unwrap(), b"content of 7");
    let entry = world.catalogue.entry_at(Tree::Space(to.id), "d1/f7").await.unwrap();
    assert!(entry.blake3.is_some());
    assert_eq!(world.catalogue.space(to.id).await.unwrap().file_count, 50);
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_job_ends_green_with_a_path_left_out() {
    let world = World::new().await;
    let (from, to) = (world.space("from").await, world.space("to").await);
    fill(&from, 3);
    let socket = std::os::unix::net::UnixListener::bind(Path::new(&from.directory).join("socket")).unwrap();
    let job = world.submit(copy(&from, &to)).await;
    let job = world.ended(job.id).await;
    assert_eq!(job.state, JobState::DoneWithWarnings);
    assert_eq!(job.failure.unwrap().code.as_deref(), Some("paths-failed"));
    let page = world.catalogue.outcomes(job.id, &Listing::first(10).with("path", Operator::Equal, "socket")).await.unwrap();
    let outcome = page.items.first().unwrap();
    assert!(matches!(outcome.state, PathState::Skipped | PathState::Failed));
    assert!(outcome.failure.is_some());
    drop(socket);
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_is_away_is_tried_again_with_pauses_and_then_fails() {
    let world = World::new().await;
    let (from, to) = (world.space("from").await, world.space("to").await);
    fill(&from, 3);
    world.away.store(2, Ordering::SeqCst);
    let job = world.submit(copy(&from, &to)).await;
    let job = world.ended(job.id).await;
    assert_eq!((job.state, job.attempt), (JobState::Done, 3));

    world.away.store(100, Ordering::SeqCst);
    let job = world.submit(copy(&from, &to)).await;
    let job = world.ended(job.id).await;
    assert_eq!((job.state, job.attempt, job.failure.unwrap().kind), (JobState::Failed, 3, Kind::Unavailable));
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_waits_while_it_is_paused_and_goes_on_when_it_is_resumed() {
    let world = World::new().await;
    let (from, to) = (world.space("from").await, world.space("to").await);
    fill(&from, 5);
    world.away.store(1, Ordering::SeqCst);
    let job = world.submit(copy(&from, &to)).await;
    if world.jobs.request(job.id, Request::Pause).await.is_err() {
        panic!("the job ended before it could be paused");
    }
    world.until(job.id, |job| job.state == JobState::Paused || job.state.is_final()).await;
    if world.catalogue.job(job.id).await.unwrap().state == JobState::Paused {
        world.jobs.request(job.id, Request::Resume).await.unwrap();
    }
    assert_eq!(world.ended(job.id).await.state, JobState::Done);
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn erase_removes_files_their_entries_and_empty_folders() {
    let world = World::new().await;
    let space = world.space("s").await;
    fill(&space, 12);
    let scan = world.submit(Work::Scan { places: vec![whole(space.id)] }).await;
    assert_eq!(world.ended(scan.id).await.state, JobState::Done);
    assert_eq!(world.catalogue.space(space.id).await.unwrap().file_count, 12);
    let erase = world.submit(Work::Erase { places: vec![whole(space.id)] }).await;
    let erase = world.ended(erase.id).await;
    assert_eq!((erase.state, erase.progress.files_finalized), (JobState::Done, 12));
    assert_eq!(std::fs::read_dir(&space.directory).unwrap().count(), 0);
    assert_eq!(world.catalogue.space(space.id).await.unwrap().file_count, 0);
    for folder in ["d0", "d1", "d2"] {
        assert!(world.catalogue.entry_at(Tree::Space(space.id), folder).await.is_err(), "{folder} is still in the catalogue");
    }
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn erase_of_a_folder_keeps_what_is_beside_it_and_the_folder_itself() {
    let world = World::new().await;
    let space = world.space("s").await;
    let root = Path::new(&space.directory);
    for path in ["a/b/c/f", "a/b/d/g", "a/b0/h", "a/k"] {
        std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        std::fs::write(root.join(path), path).unwrap();
    }
    let scan = world.submit(Work::Scan { places: vec![whole(space.id)] }).await;
    assert_eq!(world.ended(scan.id).await.state, JobState::Done);
    let place = capstan_domain::job::Place::Space { space: space.id, path: "a/b".to_owned() };
    let erase = world.submit(Work::Erase { places: vec![place] }).await;
    assert_eq!(world.ended(erase.id).await.state, JobState::Done);
    let tree = Tree::Space(space.id);
    for (path, there) in
        [("a", true), ("a/b", true), ("a/b/c", false), ("a/b/d", false), ("a/b0", true), ("a/b0/h", true), ("a/k", true)]
    {
        assert_eq!(world.catalogue.entry_at(tree, path).await.is_ok(), there, "{path}");
    }
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probe_interrupted_by_a_restart_is_stopped_by_the_system() {
    let world = World::new().await;
    let new =
        capstan_domain::job::NewJob { definition: None, name: "j".to_owned(), work: Work::Probe { plugin: "s3".to_owned() } };
    // Killed: the lease runs out, and the next process has no configuration.
    world.jobs.close().await;
    let holder = capstan_catalogue::Holder { worker: "dead".to_owned(), until: capstan_domain::time::Timestamp::now() };
    let killed = world.catalogue.create_job(&new, Some(holder)).await.unwrap();
    let next = world.again().await;
    let ended = next.ended(killed.id).await;
    assert_eq!(ended.state, JobState::StoppedBySystem);
    assert!(ended.failure.is_some(), "it says why");
    // Taken down in good order while the probe runs.
    let waiting = next.jobs.submit_own(&new, |job| next.probes.hang(job)).await.unwrap();
    next.until(waiting.id, |_| next.probes.asked(waiting.id)).await;
    next.jobs.close().await;
    assert_eq!(next.ended(waiting.id).await.state, JobState::StoppedBySystem);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probe_whose_configuration_is_gone_fails() {
    let world = World::new().await;
    let job = world.submit(Work::Probe { plugin: "s3".to_owned() }).await;
    let job = world.ended(job.id).await;
    assert!(matches!(job.state, JobState::Failed | JobState::StoppedBySystem), "{:?}", job.state);
    world.jobs.close().await;
}
