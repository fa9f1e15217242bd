//! Through the mounted view: it takes root and /dev/fuse.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use capstan_domain::entry::Tree;
use capstan_domain::file_state::FileState;
use capstan_domain::space_profile::SpaceProfile;
use capstan_jobs::SpaceWork;
use capstan_stub::State;
use capstan_workflows::{Migrate, Recall, Step};

use super::{World, bytes, is_stub};
use crate::recorded::state_of;

const LARGE: usize = (40 << 20) + 99;

/// With its view mounted; none where the machine has no FUSE.
pub(super) async fn viewed() -> Option<(World, PathBuf)> {
    if !Path::new("/dev/fuse").exists() {
        assert!(std::env::var_os("CAPSTAN_TEST_REQUIRE_SERVERS").is_none(), "/dev/fuse is missing");
        eprintln!("SKIPPED: /dev/fuse is missing");
        return None;
    }
    let mut world = World::new().await;
    let view = world.raw.with_file_name("view");
    world.spaces.close(world.id()).await;
    let profile = SpaceProfile { mountpoint: Some(view.to_str().unwrap().to_owned()), ..SpaceProfile::default() };
    world.space = world.catalogue.set_space_profile(world.id(), &profile, None).await.unwrap();
    world.spaces.open(&world.space, &world.raw).await.unwrap();
    world.tree = world.spaces.raw(world.id()).await.unwrap();
    Some((world, view))
}

async fn read(path: PathBuf) -> std::io::Result<Vec<u8>> {
    tokio::task::spawn_blocking(move || std::fs::read(path)).await.unwrap()
}

pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// Waits until the catalogue says so.
pub(super) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let since = Instant::now();
    while !is_so().await {
        assert!(since.elapsed() < Duration::from_secs(30), "it never came to it: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stub_that_is_read_comes_back_and_the_catalogue_knows() {
    let Some((world, view)) = viewed().await else { return };
    world.write("small", &bytes(5000, 1));
    world.write("large", &bytes(LARGE, 2));
    world.migrate(&["small", "large"]).await;
    let many = (0..8).map(|_| tokio::spawn(read(view.join("large"))));
    for one in many.collect::<Vec<_>>() {
        assert!(one.await.unwrap().unwrap() == bytes(LARGE, 2));
    }
    assert!(read(view.join("small")).await.unwrap() == bytes(5000, 1));
    for name in ["small", "large"] {
        until(name, async || world.state(name).await.unwrap().state == FileState::Premigrated).await;
        assert!(matches!(world.look(name).state, State::Premigrated(_)));
    }
    world.spaces.close(world.id()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_wrong_is_an_error_and_never_other_bytes() {
    let Some((world, view)) = viewed().await else { return };
    world.write("f", &bytes(LARGE, 3));
    world.migrate(&["f"]).await;
    super::spoil(&world.buckets[0].join("f"));
    assert!(read(view.join("f")).await.is_err());
    until("a stub", async || is_stub(&world, "f")).await;
    world.spaces.close(world.id()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_through_the_view_is_carried_over() {
    let Some((world, view)) = viewed().await else { return };
    world.write("stub", &bytes(5000, 4));
    world.migrate(&["stub"]).await;
    let at = view.clone();
    blocking(move || {
        std::fs::create_dir(at.join("d")).unwrap();
        std::fs::write(at.join("d/new"), b"new").unwrap();
        std::fs::rename(at.join("stub"), at.join("d/stub")).unwrap();
    })
    .await;
    let tree = Tree::Space(world.id());
    until("made", async || world.catalogue.entry_at(tree, "d/new").await.is_ok_and(|entry| entry.size == 3)).await;
    until("renamed", async || world.state("d/stub").await.is_some_and(|file| file.state == FileState::Migrated)).await;
    until("not there", async || world.catalogue.entry_at(tree, "stub").await.is_err()).await;
    let at = view.clone();
    blocking(move || std::fs::write(at.join("d/stub"), b"other").unwrap()).await;
    until("written", async || world.state("d/stub").await.is_none()).await;
    world.migrate(&["d/stub"]).await;
    assert_eq!(read(view.join("d/stub")).await.unwrap(), b"other");
    let at = view.clone();
    blocking(move || std::fs::remove_file(at.join("d/new")).unwrap()).await;
    until("removed", async || world.catalogue.entry_at(tree, "d/new").await.is_err()).await;
    world.spaces.close(world.id()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_renamed_before_a_death_keeps_its_copy_whatever_is_under_its_old_name_now() {
    let Some((world, view)) = viewed().await else { return };
    let names = ["stored", "stored large", "let go"];
    let size = |name: &str| if name == "stored large" { LARGE } else { 5000 };
    for name in names {
        world.write(name, &bytes(size(name), 1));
        world.migrate(&[name]).await;
    }
    // What a host that died could not say.
    world.spaces.close(world.id()).await;
    for name in names {
        std::fs::rename(world.raw.join(name), world.raw.join(format!("{name} before"))).unwrap();
        world.write(name, &bytes(size(name), 2));
    }
    std::fs::create_dir(world.raw.join(".capstan-removed")).unwrap();
    world.spaces.open(&world.space, &world.raw).await.unwrap();
    world.migrate(&["stored", "stored large"]).await;
    let recall = Recall { delete_remote: true, ..Recall::default() };
    world.well(Step::Recall(recall), &["let go"]).await;
    for name in names {
        let (old, new) = (view.join(format!("{name} before")), view.join(name));
        assert!(read(old).await.unwrap() == bytes(size(name), 1), "{name}");
        assert!(read(new).await.unwrap() == bytes(size(name), 2), "{name}");
    }
    world.spaces.close(world.id()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_state_of_a_file_that_is_written_while_it_is_stored_is_that_of_the_file() {
    let Some((world, view)) = viewed().await else { return };
    let at = view.join("f");
    for round in 0..40_u64 {
        let path = at.clone();
        let written = blocking(move || std::fs::write(path, bytes(5000, round)));
        let stored = world.step(Step::Migrate(Migrate { premigrate: round.is_multiple_of(2), ..Migrate::default() }), &["f"]);
        let (_, results) = tokio::join!(written, stored);
        results.unwrap();
        until("the catalogue says what it is", async || {
            let state = world.state("f").await.map_or(FileState::Resident, |file| file.state);
            state == state_of(&world.look("f")).0
        })
        .await;
    }
    world.spaces.close(world.id()).await;
}
