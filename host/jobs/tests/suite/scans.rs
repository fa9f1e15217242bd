//! Scans: what is there becomes entries, what is gone goes, and the guards of inferred deletion hold.

use std::path::Path;

use capstan_domain::entry::{EntryKind, Tree};
use capstan_domain::job::{Job, JobState, Work};
use capstan_domain::space::Space;

use crate::world::{World, fill, whole};

async fn scan(world: &World, space: &Space) -> Job {
    let job = world.submit(Work::Scan { places: vec![whole(space.id)] }).await;
    world.ended(job.id).await
}

async fn files(world: &World, space: &Space) -> u64 {
    world.catalogue.space(space.id).await.unwrap().file_count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_follows_what_comes_changes_and_goes() {
    let world = World::new().await;
    let space = world.space("s").await;
    fill(&space, 40);
    std::os::unix::fs::symlink("/etc/passwd", Path::new(&space.directory).join("link")).unwrap();
    assert_eq!(scan(&world, &space).await.state, JobState::Done);
    assert_eq!(files(&world, &space).await, 40);
    let tree = Tree::Space(space.id);
    assert_eq!(world.catalogue.entry_at(tree, "link").await.unwrap().kind, EntryKind::Link);
    let before = world.catalogue.entry_at(tree, "d0/f3").await.unwrap();
    assert_eq!((before.kind, before.size), (EntryKind::File, 12));

    std::fs::write(Path::new(&space.directory).join("d0/f3"), "longer than it was before").unwrap();
    std::fs::remove_file(Path::new(&space.directory).join("d1/f1")).unwrap();
    std::fs::write(Path::new(&space.directory).join("new"), "n").unwrap();
    assert_eq!(scan(&world, &space).await.state, JobState::Done);
    let after = world.catalogue.entry_at(tree, "d0/f3").await.unwrap();
    assert_eq!((after.number, after.size), (before.number, 25));
    assert!(world.catalogue.entry_at(tree, "d1/f1").await.is_err());
    assert_eq!(files(&world, &space).await, 40);
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_source_removes_nothing_and_warns() {
    let world = World::new().await;
    let space = world.space("s").await;
    fill(&space, 6);
    scan(&world, &space).await;
    for at in 0..3 {
        std::fs::remove_dir_all(Path::new(&space.directory).join(format!("d{at}"))).unwrap();
    }
    let job = scan(&world, &space).await;
    assert_eq!(job.state, JobState::DoneWithWarnings);
    assert_eq!(job.failure.unwrap().code.as_deref(), Some("deletion-guard"));
    assert_eq!(files(&world, &space).await, 6);
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_a_quarter_gone_removes_nothing_and_warns() {
    let world = World::new().await;
    let space = world.space("s").await;
    fill(&space, 90);
    scan(&world, &space).await;
    std::fs::remove_dir_all(Path::new(&space.directory).join("d2")).unwrap();
    let job = scan(&world, &space).await;
    assert_eq!(job.state, JobState::DoneWithWarnings);
    assert_eq!(files(&world, &space).await, 90);
    world.jobs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_gone_fails_the_scan_and_keeps_the_entries() {
    let world = World::new().await;
    let space = world.space("s").await;
    fill(&space, 6);
    scan(&world, &space).await;
    std::fs::remove_dir_all(&space.directory).unwrap();
    assert_eq!(scan(&world, &space).await.state, JobState::Failed);
    assert_eq!(files(&world, &space).await, 6);
    world.jobs.close().await;
}
