//! Rescans: folders that did not change are not read, what came and went is noticed, and a broken rescan is made good by a complete one.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use capstan_domain::entry::Tree;
use capstan_domain::ids::PoolId;
use capstan_domain::job::{Job, JobState, Place, Work};
use capstan_domain::time::Timestamp;
use capstan_domain::unread::Unread;

use crate::world::{POOL, World};

pub(crate) async fn rescan(world: &World, pool: PoolId) -> Job {
    let job = world.submit(Work::Rescan { pool }).await;
    world.ended(job.id).await
}

pub(crate) async fn size(world: &World, pool: PoolId, path: &str) -> Option<u64> {
    world.catalogue.entry_at(Tree::Pool(pool), &format!("{POOL}/{path}")).await.ok().map(|entry| entry.size)
}

pub(crate) async fn completed(world: &World, pool: PoolId) -> Option<Timestamp> {
    world.catalogue.scan_of(pool).await.unwrap().last_complete
}

pub(crate) async fn complete(world: &World, pool: PoolId) -> bool {
    completed(world, pool).await.is_some()
}

/// Folders changed so long ago that nothing is doubtful.
pub(crate) fn settle(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            settle(&path);
        }
    }
    age(directory, Duration::from_secs(3600));
}

/// A folder that changed so long ago.
pub(crate) fn age(directory: &Path, ago: Duration) {
    File::open(directory).unwrap().set_modified(SystemTime::now() - ago).unwrap();
}

pub(crate) fn plant(directory: &Path) {
    for folder in ["a", "b/deep", "c"] {
        fs::create_dir_all(directory.join(folder)).unwrap();
        for file in 0..20 {
            fs::write(directory.join(folder).join(format!("f{file}")), "12345").unwrap();
        }
    }
    settle(directory);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rescan_reads_only_folders_that_changed() {
    let world = World::new().await;
    let (pool, directory) = world.primary_pool().await;
    plant(&directory);
    assert_eq!(rescan(&world, pool.id).await.state, JobState::Done);
    assert!(complete(&world, pool.id).await);
    assert_eq!(size(&world, pool.id, "b/deep/f7").await, Some(5));

    // Written into, which changes no folder: a rescan does not look, and so shows that it did not read the folder.
    fs::write(directory.join("a/f1"), "longer than before").unwrap();
    fs::write(directory.join("c/f1"), "longer than before").unwrap();
    fs::write(directory.join("c/new"), "n").unwrap();
    fs::remove_file(directory.join("c/f2")).unwrap();
    fs::create_dir_all(directory.join("b/fresh/er")).unwrap();
    fs::write(directory.join("b/fresh/er/f"), "f").unwrap();
    let job = rescan(&world, pool.id).await;
    assert_eq!(job.state, JobState::Done, "{job:?}");
    assert_eq!(size(&world, pool.id, "a/f1").await, Some(5));
    assert_eq!(size(&world, pool.id, "c/f1").await, Some(18));
    assert_eq!((size(&world, pool.id, "c/new").await, size(&world, pool.id, "c/f2").await), (Some(1), None));
    assert_eq!(size(&world, pool.id, "b/fresh/er/f").await, Some(1));
    assert_eq!(size(&world, pool.id, "b/deep/f7").await, Some(5));
    let root = world.catalogue.entry_at(Tree::Pool(pool.id), "").await.unwrap();
    assert_eq!(world.catalogue.pool(pool.id).await.unwrap().root, Some(root.id));

    // Once everything is looked at again, that is seen too.
    world.catalogue.mark_scan(pool.id, None, &Unread::default()).await.unwrap();
    assert_eq!(rescan(&world, pool.id).await.state, JobState::Done);
    assert_eq!(size(&world, pool.id, "a/f1").await, Some(18));
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_is_gone_goes_with_all_that_was_in_it_if_no_guard_holds() {
    let world = World::new().await;
    let (pool, directory) = world.primary_pool().await;
    plant(&directory);
    for file in 0..60 {
        fs::write(directory.join("a").join(format!("more{file}")), "1").unwrap();
    }
    settle(&directory);
    rescan(&world, pool.id).await;
    fs::remove_dir_all(directory.join("b")).unwrap();
    let job = rescan(&world, pool.id).await;
    assert_eq!(job.state, JobState::Done, "{job:?}");
    assert_eq!((size(&world, pool.id, "b/deep/f7").await, size(&world, pool.id, "b").await), (None, None));
    assert_eq!(size(&world, pool.id, "c/f7").await, Some(5));

    // Most of what is left at once is no inference: it stays, and the next scan looks at everything and says so again.
    settle(&directory);
    rescan(&world, pool.id).await;
    fs::remove_dir_all(directory.join("a")).unwrap();
    for _ in 0..2 {
        let job = rescan(&world, pool.id).await;
        assert_eq!((job.state, job.failure.unwrap().code.as_deref()), (JobState::DoneWithWarnings, Some("deletion-guard")));
        assert_eq!(size(&world, pool.id, "a/f7").await, Some(5));
        assert!(!complete(&world, pool.id).await);
    }
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_whose_source_is_away_loses_nothing() {
    let world = World::new().await;
    let (pool, directory) = world.primary_pool().await;
    plant(&directory);
    rescan(&world, pool.id).await;
    let aside = directory.with_extension("aside");
    fs::rename(&directory, &aside).unwrap();
    assert_eq!(rescan(&world, pool.id).await.state, JobState::Failed);
    assert_eq!(size(&world, pool.id, "a/f7").await, Some(5));
    fs::rename(&aside, &directory).unwrap();
    assert_eq!(rescan(&world, pool.id).await.state, JobState::Done);
    assert_eq!(size(&world, pool.id, "a/f7").await, Some(5));
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_changed_shortly_before_it_was_read_is_read_once_more() {
    let world = World::new().await;
    let (pool, directory) = world.primary_pool().await;
    plant(&directory);
    // By a clock that is a minute behind this might be now.
    age(&directory.join("a"), Duration::from_secs(60));
    rescan(&world, pool.id).await;
    // Changes no folder: who sees it has read the folder.
    for folder in ["a", "c"] {
        fs::write(directory.join(folder).join("f1"), "longer than before").unwrap();
    }
    assert_eq!(rescan(&world, pool.id).await.state, JobState::Done);
    assert_eq!((size(&world, pool.id, "a/f1").await, size(&world, pool.id, "c/f1").await), (Some(18), Some(5)));
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_became_a_file_takes_all_that_was_in_it_along_and_a_file_becomes_a_folder() {
    let world = World::new().await;
    let (pool, directory) = world.primary_pool().await;
    plant(&directory);
    // So many that what stands in "z" is looked at after "z" itself was read.
    for folder in 0..600 {
        fs::create_dir_all(directory.join(format!("many/{folder}"))).unwrap();
        fs::write(directory.join(format!("many/{folder}/f")), "12345").unwrap();
    }
    let replaced = ["b/z", "z/q"];
    for folder in replaced {
        fs::create_dir_all(directory.join(folder).join("deep/er")).unwrap();
        fs::write(directory.join(folder).join("f"), "12345").unwrap();
        fs::write(directory.join(folder).join("deep/er/f"), "12345").unwrap();
    }
    fs::write(directory.join("file"), "12345").unwrap();
    settle(&directory);
    assert_eq!(rescan(&world, pool.id).await.state, JobState::Done);
    assert_eq!(size(&world, pool.id, "z/q/deep/er/f").await, Some(5));

    for folder in replaced {
        fs::remove_dir_all(directory.join(folder)).unwrap();
        fs::write(directory.join(folder), "file").unwrap();
    }
    fs::remove_file(directory.join("file")).unwrap();
    fs::create_dir_all(directory.join("file/with")).unwrap();
    fs::write(directory.join("file/with/f"), "1").unwrap();
    let job = rescan(&world, pool.id).await;
    assert_eq!(job.state, JobState::Done, "{:?}", job.failure);
    for folder in replaced {
        assert_eq!(size(&world, pool.id, folder).await, Some(4), "{folder}");
        for path in ["f", "deep", "deep/er", "deep/er/f"] {
            assert_eq!(size(&world, pool.id, &format!("{folder}/{path}")).await, None, "{folder}/{path}");
        }
    }
    assert_eq!(size(&world, pool.id, "file/with/f").await, Some(1));
    assert_eq!(size(&world, pool.id, "a/f7").await, Some(5));
    assert!(complete(&world, pool.id).await);
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_of_a_part_that_leaves_something_undone_is_made_good_by_a_complete_one() {
    let world = World::new().await;
    let (pool, directory) = world.primary_pool().await;
    plant(&directory);
    rescan(&world, pool.id).await;
    let before = completed(&world, pool.id).await;
    assert!(before.is_some());
    let part = || Work::Scan { places: vec![Place::Pool { pool: pool.id, path: POOL.to_owned() }] };
    let job = world.submit(part()).await;
    assert_eq!(world.ended(job.id).await.state, JobState::Done);
    assert_eq!(completed(&world, pool.id).await, before);

    // More than may go by inference: the folder above is recorded as it is now, what was in it stays.
    fs::remove_dir_all(directory.join("a")).unwrap();
    let job = world.submit(part()).await;
    assert_eq!(world.ended(job.id).await.state, JobState::DoneWithWarnings);
    assert!(!complete(&world, pool.id).await);
    let job = rescan(&world, pool.id).await;
    assert_eq!(job.failure.unwrap().code.as_deref(), Some("deletion-guard"));
    world.jobs.close().await;
}
