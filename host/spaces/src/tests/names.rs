//! Files made out of their copies, moved, deleted.

use capstan_domain::entry::{EntryKind, Tree};
use capstan_domain::file_state::FileState;
use capstan_domain::space_profile::ManagedSpace;
use capstan_domain::workflow::{PathResult, TaskPath};
use capstan_jobs::SpaceWork;
use capstan_stub::State;
use capstan_workflows::{ConflictPreference, Delete, Migrate, Move, ReverseStub, Step};

use super::{World, bytes, file, is_stub, only, step_of};
use crate::{Settings, Spaces};

/// Another site of the same space, on a directory of its own.
async fn other_site(world: &World) -> (Spaces, std::path::PathBuf, i64) {
    let new = capstan_domain::site::NewSite {
        name: "there".to_owned(),
        label: "There".to_owned(),
        settings: Default::default(),
        attributes: serde_json::json!({}),
    };
    let site = world.catalogue.create_site(&new).await.unwrap().number;
    let space: ManagedSpace =
        world.catalogue.set_space_profile(world.id(), &world.space.profile, Some(&[world.site, site])).await.unwrap();
    let spaces = Spaces::new(
        world.catalogue.clone(),
        std::sync::Arc::clone(&world.directories) as _,
        Settings { site, ..Settings::default() },
    );
    let raw = world.raw.with_file_name("other");
    spaces.open(&space, &raw).await.unwrap();
    (spaces, raw, site)
}

#[tokio::test]
async fn a_file_is_made_at_another_site_out_of_its_copy() {
    let world = World::new().await;
    let (spaces, raw, site) = other_site(&world).await;
    world.write("d/f", &bytes(70_000, 1));
    world.premigrate(&["d/f"]).await;
    let step = |hydrate| Step::ReverseStub(ReverseStub { hydrate, ..ReverseStub::default() });
    let made = step_of(&spaces, world.id(), site, step(false), vec![file("d/f")]).await;
    assert_eq!(only(made).0, PathResult::Processed);
    let tree = spaces.raw(world.id()).await.unwrap();
    assert!(matches!(tree.look("d/f").unwrap().state, State::Migrated(_)));
    assert_eq!(world.state("d/f").await.unwrap().state, FileState::Premigrated, "of the first site");
    let made = step_of(&spaces, world.id(), site, step(true), vec![file("d/f")]).await;
    assert_eq!(only(made).0, PathResult::Processed);
    assert!(std::fs::read(raw.join("d/f")).unwrap() == bytes(70_000, 1));
}

#[tokio::test]
async fn the_file_of_the_destination_stays_or_goes_as_the_step_says() {
    let world = World::new().await;
    let (spaces, raw, site) = other_site(&world).await;
    world.write("f", &bytes(5000, 2));
    world.premigrate(&["f"]).await;
    std::fs::write(raw.join("f"), b"newer").unwrap();
    let with = |conflict_preference, overwrite| {
        Step::ReverseStub(ReverseStub { conflict_preference, overwrite, hydrate: true, ..ReverseStub::default() })
    };
    let run = async |step| only(step_of(&spaces, world.id(), site, step, vec![file("f")]).await);
    assert_eq!(run(with(None, false)).await, (PathResult::Failed, "differs".to_owned()));
    assert_eq!(run(with(Some(ConflictPreference::Ignore), true)).await.0, PathResult::Aborted);
    assert_eq!(run(with(Some(ConflictPreference::Newest), true)).await.0, PathResult::Aborted);
    assert_eq!(std::fs::read(raw.join("f")).unwrap(), b"newer");
    assert_eq!(run(with(Some(ConflictPreference::Local), false)).await.0, PathResult::Processed);
    assert!(std::fs::read(raw.join("f")).unwrap() == bytes(5000, 2));
}

#[tokio::test]
async fn a_link_is_carried_to_another_site_and_follows_what_it_says() {
    let world = World::new().await;
    let (spaces, raw, site) = other_site(&world).await;
    let link = || vec![TaskPath { kind: EntryKind::Link, ..file("d/link") }];
    let carry = async |overwrite| {
        let store = world.step_with(Step::Migrate(Migrate { premigrate: true, ..Migrate::default() }), link()).await;
        assert_eq!(only(store).0, PathResult::Processed);
        let make = Step::ReverseStub(ReverseStub { overwrite, ..ReverseStub::default() });
        only(step_of(&spaces, world.id(), site, make, link()).await)
    };
    std::fs::create_dir(world.raw.join("d")).unwrap();
    std::os::unix::fs::symlink("../nowhere", world.raw.join("d/link")).unwrap();
    assert_eq!(carry(false).await.0, PathResult::Processed);
    assert_eq!(std::fs::read_link(raw.join("d/link")).unwrap().to_str(), Some("../nowhere"));
    assert_eq!(carry(false).await.0, PathResult::Processed, "it is there already");

    std::fs::remove_file(world.raw.join("d/link")).unwrap();
    std::os::unix::fs::symlink("/else", world.raw.join("d/link")).unwrap();
    assert_eq!(carry(false).await, (PathResult::Failed, "differs".to_owned()));
    assert_eq!(carry(true).await.0, PathResult::Processed);
    assert_eq!(std::fs::read_link(raw.join("d/link")).unwrap().to_str(), Some("/else"));

    let nobody_stored = vec![TaskPath { kind: EntryKind::Link, ..file("other") }];
    let made = step_of(&spaces, world.id(), site, Step::ReverseStub(ReverseStub::default()), nobody_stored).await;
    assert_eq!(only(made), (PathResult::Failed, "no-copies".to_owned()));
}

#[tokio::test]
async fn a_copy_that_a_stub_of_another_site_rests_on_is_neither_replaced_nor_removed() {
    let world = World::without_targets().await;
    world.target("first", 0, ".*", |rule| rule.delete_on_recall = true).await;
    let (spaces, raw, site) = other_site(&world).await;
    world.write("f", &bytes(5000, 6));
    world.migrate(&["f"]).await;
    let make = || Step::ReverseStub(ReverseStub { hydrate: true, ..ReverseStub::default() });
    assert_eq!(only(step_of(&spaces, world.id(), site, make(), vec![file("f")]).await).0, PathResult::Processed);
    assert!(world.stored(0, "f").is_some(), "the first site has nothing else");

    // The other site's own content of the same path goes beside it, or nowhere.
    std::fs::remove_file(raw.join("f")).unwrap();
    std::fs::write(raw.join("f"), bytes(5000, 7)).unwrap();
    let store = |overwrite| Step::Migrate(Migrate { premigrate: true, overwrite, ..Migrate::default() });
    let refused = step_of(&spaces, world.id(), site, store(true), vec![file("f")]).await;
    assert_eq!(only(refused), (PathResult::Failed, "needed-elsewhere".to_owned()));
    assert_eq!(only(step_of(&spaces, world.id(), site, store(false), vec![file("f")]).await).0, PathResult::Processed);
    assert!(world.stored(0, "f").unwrap() == bytes(5000, 6));
    world.recall(&["f"]).await;
    assert!(world.read("f") == bytes(5000, 6));
    assert!(world.stored(0, "f").is_some(), "a stub of the other site may rest on it");
}

#[tokio::test]
async fn a_tree_is_open_in_one_process_at_a_time() {
    let world = World::new().await;
    let settings = Settings { site: world.site, ..Settings::default() };
    let other = Spaces::new(world.catalogue.clone(), std::sync::Arc::clone(&world.directories) as _, settings);
    let refused = other.open(&world.space, &world.raw).await.unwrap_err();
    assert_eq!(refused.code.as_deref(), Some("space-in-use"));
    world.spaces.close(world.id()).await;
    other.open(&world.space, &world.raw).await.unwrap();
}

#[tokio::test]
async fn a_copy_that_nobody_recorded_becomes_a_file() {
    let world = World::new().await;
    std::fs::create_dir(world.buckets[0].join("in")).unwrap();
    std::fs::write(world.buckets[0].join("in/found"), bytes(30_000, 3)).unwrap();
    world.well(Step::ReverseStub(ReverseStub::default()), &["in/found"]).await;
    assert!(is_stub(&world, "in/found"));
    assert_eq!(world.state("in/found").await.unwrap().state, FileState::Migrated);
    world.recall(&["in/found"]).await;
    assert!(world.read("in/found") == bytes(30_000, 3));
    let missing = world.step(Step::ReverseStub(ReverseStub::default()), &["in/none"]).await;
    assert_eq!(only(missing), (PathResult::Failed, "no-copies".to_owned()));
}

#[tokio::test]
async fn a_moved_stub_takes_its_copies_along() {
    let world = World::new().await;
    for name in ["a/one", "a/two", "three"] {
        world.write(name, &bytes(5000, 4));
    }
    world.migrate(&["a/one", "three"]).await;
    world.premigrate(&["a/two"]).await;
    let moved = |from: &str, to: &str, kind| TaskPath { kind, from: Some(from.to_owned()), ..file(to) };
    let paths = vec![moved("a", "b/c", EntryKind::Folder), moved("three", "d/four", EntryKind::File)];
    let results = world.step_with(Step::Move(Move::default()), paths.clone()).await.unwrap();
    assert!(results.iter().all(|one| one.result == PathResult::Processed), "{results:?}");
    for (name, state) in [("b/c/one", FileState::Migrated), ("b/c/two", FileState::Premigrated), ("d/four", FileState::Migrated)]
    {
        let known = world.state(name).await.unwrap();
        assert_eq!(known.state, state, "{name}");
        assert_eq!(world.catalogue.replicas_of(known.entry_number).await.unwrap().len(), 1, "{name}");
    }
    for name in ["a/one", "a/two", "three", "a"] {
        assert!(world.catalogue.entry_at(Tree::Space(world.id()), name).await.is_err(), "{name}");
    }
    let again = world.step_with(Step::Move(Move::default()), paths).await.unwrap();
    assert!(again.iter().all(|one| one.result == PathResult::Processed), "{again:?}");
    world.recall(&["b/c/one", "d/four"]).await;
    world.migrate(&["b/c/one", "b/c/two", "d/four"]).await;
    assert_eq!(world.stored(0, "b/c/two"), None, "the copy under its old name is still good");
}

#[tokio::test]
async fn a_move_onto_another_file_needs_to_be_told_to_replace() {
    let world = World::new().await;
    world.write("a", b"a");
    world.write("b", b"b");
    let paths = || vec![TaskPath { from: Some("a".to_owned()), ..file("b") }];
    assert_eq!(only(world.step_with(Step::Move(Move::default()), paths()).await).0, PathResult::Failed);
    assert_eq!(world.read("b"), b"b");
    assert_eq!(only(world.step_with(Step::Move(Move { overwrite: true }), paths()).await).0, PathResult::Processed);
    assert_eq!(world.read("b"), b"a");
    let none = vec![TaskPath { from: Some("none".to_owned()), ..file("nowhere") }];
    assert_eq!(only(world.step_with(Step::Move(Move::default()), none).await), (PathResult::Failed, "gone".to_owned()));
}

#[tokio::test]
async fn what_is_deleted_goes_and_its_copies_stay_known() {
    let world = World::new().await;
    for name in ["d/stub", "d/e/data", "single"] {
        world.write(name, &bytes(5000, 5));
    }
    world.migrate(&["d/stub"]).await;
    let mut folder = file("d");
    folder.kind = EntryKind::Folder;
    let plain = world.step_with(Step::Delete(Delete::default()), vec![folder.clone()]).await;
    assert_eq!(only(plain), (PathResult::Failed, "not-empty".to_owned()));
    let paths = vec![folder, file("single"), file("never there")];
    let results = world.step_with(Step::Delete(Delete { recursive: true }), paths).await.unwrap();
    assert!(results.iter().all(|one| one.result == PathResult::Processed), "{results:?}");
    assert!(!world.raw.join("d").exists() && !world.raw.join("single").exists());
    assert!(world.stored(0, "d/stub").is_some());
    let entry = world.catalogue.entry_at(Tree::Space(world.id()), "d/stub").await.unwrap();
    assert!(!entry.resident && world.catalogue.replicas_of(entry.number).await.unwrap().len() == 1);
    world.well(Step::ReverseStub(ReverseStub::default()), &["d/stub"]).await;
    world.recall(&["d/stub"]).await;
    assert!(world.read("d/stub") == bytes(5000, 5));
}
