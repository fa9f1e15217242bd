//! A folder that nobody may read: what is recorded of it stays, the rest is compared, and the next scan comes back to it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use capstan_domain::ids::PoolId;
use capstan_domain::job::{Job, JobState, Place, Work};
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::unread::Unread;

use crate::rescans::{age, complete, completed, plant, rescan, settle, size};
use crate::world::{POOL, World};

const HOUR: Duration = Duration::from_secs(3600);

/// A scan that looks at everything.
async fn scan(world: &World, pool: PoolId) -> Job {
    world.catalogue.mark_scan(pool, None, &Unread::default()).await.unwrap();
    rescan(world, pool).await
}

async fn unread(world: &World, pool: PoolId) -> Vec<String> {
    world.catalogue.scan_of(pool).await.unwrap().unread.paths().to_vec()
}

/// Somebody takes a file away, and the folder says so without being in doubt.
fn take_away(directory: &Path, file: &str) {
    let path = directory.join(file);
    fs::remove_file(&path).unwrap();
    age(path.parent().unwrap(), HOUR);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_below_a_folder_that_cannot_be_read_stays_and_the_next_rescan_reads_it_and_what_changed_alone() {
    let world = World::new().await;
    let (pool, directory, share) = world.primary_share().await;
    plant(&directory);
    assert_eq!(rescan(&world, pool.id).await.state, JobState::Done);
    assert_eq!(share.listed(), ["", "a", "b", "b/deep", "c"]);

    share.close("b");
    take_away(&directory, "b/deep/f1");
    take_away(&directory, "a/f2");
    let job = scan(&world, pool.id).await;
    assert_eq!((job.state, job.failure.unwrap().code.as_deref()), (JobState::DoneWithWarnings, Some("paths-failed")));
    let failed = Listing::first(10).with("state", Operator::Equal, "failed");
    let outcomes = world.catalogue.outcomes(job.id, &failed).await.unwrap();
    assert_eq!(outcomes.items.iter().map(|outcome| outcome.path.as_str()).collect::<Vec<_>>(), ["share/b"]);
    assert_eq!((size(&world, pool.id, "a/f2").await, size(&world, pool.id, "b/deep/f1").await), (None, Some(5)));
    assert!(complete(&world, pool.id).await);
    assert_eq!(unread(&world, pool.id).await, ["share/b"]);

    // Still closed: what changed elsewhere is seen, and nothing else is read.
    share.listed();
    take_away(&directory, "c/f3");
    let job = rescan(&world, pool.id).await;
    assert_eq!(job.state, JobState::DoneWithWarnings, "{job:?}");
    assert_eq!(share.listed(), ["b", "c"]);
    assert_eq!((size(&world, pool.id, "c/f3").await, size(&world, pool.id, "b/deep/f1").await), (None, Some(5)));
    assert!(complete(&world, pool.id).await);

    share.open("b");
    // Written into, which no folder tells of: all below it is looked at.
    fs::write(directory.join("b/deep/f4"), "longer than before").unwrap();
    assert_eq!(rescan(&world, pool.id).await.state, JobState::Done);
    assert_eq!(share.listed(), ["b", "b/deep"]);
    assert_eq!((size(&world, pool.id, "b/deep/f1").await, size(&world, pool.id, "b/deep/f4").await), (None, Some(18)));
    assert!(unread(&world, pool.id).await.is_empty());
    assert_eq!(rescan(&world, pool.id).await.state, JobState::Done);
    assert!(share.listed().is_empty());
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_is_closed_while_rescans_go_on_is_kept_too_and_so_is_a_new_one() {
    let world = World::new().await;
    let (pool, directory, share) = world.primary_share().await;
    plant(&directory);
    rescan(&world, pool.id).await;
    share.listed();
    // Its change tells that it is to be read, which it cannot be; the new one never could.
    take_away(&directory, "c/f3");
    share.close("c");
    fs::create_dir(directory.join("new")).unwrap();
    fs::write(directory.join("new/f"), "1").unwrap();
    age(&directory.join("new"), HOUR);
    age(&directory, HOUR);
    share.close("new");
    assert_eq!(rescan(&world, pool.id).await.state, JobState::DoneWithWarnings);
    assert_eq!((size(&world, pool.id, "c/f3").await, size(&world, pool.id, "new/f").await), (Some(5), None));
    let mut left = unread(&world, pool.id).await;
    left.sort();
    assert_eq!(left, ["share/c", "share/new"]);
    assert!(complete(&world, pool.id).await);

    share.open("c");
    share.open("new");
    share.listed();
    assert_eq!(rescan(&world, pool.id).await.state, JobState::Done);
    assert_eq!(share.listed(), ["c", "new"]);
    assert_eq!((size(&world, pool.id, "c/f3").await, size(&world, pool.id, "new/f").await), (None, Some(1)));
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guards_judge_by_what_could_be_compared() {
    let world = World::new().await;
    let (pool, directory, share) = world.primary_share().await;
    plant(&directory);
    for file in 0..80 {
        fs::write(directory.join("b").join(format!("more{file}")), "1").unwrap();
    }
    settle(&directory);
    rescan(&world, pool.id).await;
    // A seventh of all that is known, and half of what can be read.
    share.close("b");
    fs::remove_dir_all(directory.join("a")).unwrap();
    for _ in 0..2 {
        let job = scan(&world, pool.id).await;
        assert_eq!((job.state, job.failure.unwrap().code.as_deref()), (JobState::DoneWithWarnings, Some("deletion-guard")));
        assert_eq!(size(&world, pool.id, "a/f7").await, Some(5));
        assert!(!complete(&world, pool.id).await);
    }
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_folder_that_goes_takes_what_was_recorded_of_it_along() {
    let world = World::new().await;
    let (pool, directory, share) = world.primary_share().await;
    plant(&directory);
    for file in 0..80 {
        fs::write(directory.join("a").join(format!("more{file}")), "1").unwrap();
    }
    settle(&directory);
    rescan(&world, pool.id).await;
    share.close("b");
    scan(&world, pool.id).await;
    assert_eq!(size(&world, pool.id, "b/deep/f7").await, Some(5));
    fs::remove_dir_all(directory.join("b")).unwrap();
    let job = rescan(&world, pool.id).await;
    assert_eq!(job.state, JobState::Done, "{:?}", job.failure);
    assert_eq!((size(&world, pool.id, "b/deep/f7").await, size(&world, pool.id, "b").await), (None, None));
    assert_eq!(size(&world, pool.id, "a/f7").await, Some(5));
    assert!(unread(&world, pool.id).await.is_empty() && complete(&world, pool.id).await);
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_of_a_part_reads_what_was_unread_in_it() {
    let world = World::new().await;
    let (pool, directory, share) = world.primary_share().await;
    plant(&directory);
    share.close("b");
    assert_eq!(rescan(&world, pool.id).await.state, JobState::DoneWithWarnings);
    assert_eq!(unread(&world, pool.id).await, ["share/b"]);
    let before = completed(&world, pool.id).await;
    assert!(before.is_some());
    share.open("b");
    let part = Work::Scan { places: vec![Place::Pool { pool: pool.id, path: POOL.to_owned() }] };
    let job = world.submit(part).await;
    assert_eq!(world.ended(job.id).await.state, JobState::Done);
    assert_eq!(size(&world, pool.id, "b/deep/f7").await, Some(5));
    assert!(unread(&world, pool.id).await.is_empty());
    assert_eq!(completed(&world, pool.id).await, before);
    world.jobs.close().await;
}
