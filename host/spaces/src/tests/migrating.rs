//! Into the buckets.

use std::fs::OpenOptions;
use std::time::Duration;

use capstan_domain::file_state::FileState;
use capstan_domain::workflow::PathResult;
use capstan_stub::State;
use capstan_workflows::{Migrate, Step};

use super::{CHANGED, World, bytes, file, is_stub, only, spoil};

/// More than one piece of 16 MiB.
const LARGE: usize = (20 << 20) + 77;

#[tokio::test]
async fn migrated_files_are_stubs_with_verified_copies_that_the_catalogue_knows() {
    let world = World::new().await;
    let names: Vec<String> = (0..300).map(|number| format!("d/{}/f{number}", number % 7)).collect();
    for (seed, name) in names.iter().enumerate() {
        world.write(name, &bytes(5000 + seed, seed as u64));
    }
    world.write("large", &bytes(LARGE, 1));
    let mut all: Vec<&str> = names.iter().map(String::as_str).collect();
    all.push("large");
    world.migrate(&all).await;
    for name in &all {
        assert!(is_stub(&world, name), "{name}");
        assert!(world.allocated(name) <= 4096, "{name}");
        let state = world.state(name).await.unwrap();
        assert_eq!((state.state, state.failure), (FileState::Migrated, None), "{name}");
        let replica = world.catalogue.replicas_of(state.entry_number).await.unwrap().remove(0);
        assert_eq!((Some(replica.id), replica.location, replica.key.as_str()), (state.replica, world.locations[0], *name));
        assert!(replica.verified.is_some());
    }
    assert!(world.stored(0, "large").unwrap() == bytes(LARGE, 1));
    assert!(world.stored(0, "d/3/f3").unwrap() == bytes(5003, 3));
    let space = world.catalogue.space(world.id()).await.unwrap();
    assert_eq!((space.file_count, space.resident_bytes), (301, 0));
    world.migrate(&all).await;
}

#[tokio::test]
async fn premigrated_files_stay_whole_and_are_freed_later_without_being_stored_again() {
    let world = World::new().await;
    for name in ["small", "empty", "large"] {
        world.write(name, &bytes(if name == "large" { LARGE } else { 3000 }, 2));
    }
    world.write("empty", b"");
    let all = ["small", "empty", "large"];
    world.premigrate(&all).await;
    for name in all {
        assert!(matches!(world.look(name).state, State::Premigrated(_)), "{name}");
        assert_eq!(world.state(name).await.unwrap().state, FileState::Premigrated, "{name}");
    }
    let inode = |name: &str| std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(world.buckets[0].join(name)).unwrap());
    let before = [inode("small"), inode("large")];
    world.migrate(&all).await;
    assert_eq!([inode("small"), inode("large")], before, "not stored a second time");
    assert!(is_stub(&world, "small") && is_stub(&world, "large"));
    assert_eq!(world.state("empty").await.unwrap().state, FileState::Premigrated, "there is nothing to free");
}

#[tokio::test]
async fn a_copy_that_went_or_changed_since_is_stored_anew_before_anything_is_freed() {
    let world = World::new().await;
    let names = ["gone", "cut", "large"];
    for name in names {
        world.write(name, &bytes(if name == "large" { LARGE } else { 9000 }, 3));
    }
    world.premigrate(&names).await;
    std::fs::remove_file(world.buckets[0].join("gone")).unwrap();
    std::fs::write(world.buckets[0].join("cut"), b"short").unwrap();
    std::fs::remove_file(world.buckets[0].join("large")).unwrap();
    world.migrate(&["gone", "large"]).await;
    assert!(world.stored(0, "gone").unwrap() == bytes(9000, 3) && world.stored(0, "large").unwrap() == bytes(LARGE, 3));
    world.migrate(&["cut"]).await;
    let copies = [world.stored(0, "cut"), world.stored(0, "cut (1)")];
    assert!(copies.contains(&Some(bytes(9000, 3))));
}

#[tokio::test]
async fn what_differs_and_is_not_ours_stays_unless_the_step_overwrites() {
    let world = World::new().await;
    for name in ["a.txt", "b.txt", "c.txt"] {
        world.write(name, &bytes(3000, 4));
        std::fs::write(world.buckets[0].join(name), b"somebody's").unwrap();
    }
    let strict = Migrate { fail_on_mismatch: true, ..Migrate::default() };
    assert_eq!(only(world.step(Step::Migrate(strict), &["a.txt"]).await), (PathResult::Failed, "differs".to_owned()));
    assert!(!is_stub(&world, "a.txt"));
    assert_eq!(world.state("a.txt").await.map(|state| state.failure.is_some()), None, "it is not known yet");
    world.migrate(&["b.txt"]).await;
    assert_eq!(world.stored(0, "b.txt").unwrap(), b"somebody's");
    assert!(world.stored(0, "b (1).txt").unwrap() == bytes(3000, 4));
    world.recall(&["b.txt"]).await;
    assert!(world.read("b.txt") == bytes(3000, 4));
    world.well(Step::Migrate(Migrate { overwrite: true, ..Migrate::default() }), &["c.txt"]).await;
    assert!(world.stored(0, "c.txt").unwrap() == bytes(3000, 4));
}

#[tokio::test]
async fn an_earlier_content_of_the_same_file_is_replaced_and_never_that_of_another() {
    let world = World::new().await;
    for size in [3000, LARGE] {
        let name = format!("f{size}");
        world.write(&name, &bytes(size, 5));
        world.premigrate(&[&name]).await;
        world.write(&name, &bytes(size, 6));
        // Behind the view's back nothing but its time tells a content from another of the same size (D3).
        world.retime(&name, CHANGED + Duration::from_nanos(1));
        world.migrate(&[&name]).await;
        assert!(world.stored(0, &name).unwrap() == bytes(size, 6));
        // Another file that takes its name finds the copy that the stub rests on.
        std::fs::rename(world.raw.join(&name), world.raw.join("elsewhere")).unwrap();
        world.write(&name, &bytes(size, 7));
        let before = world.stored(0, &name).unwrap();
        world.well(Step::Migrate(Migrate { premigrate: true, ..Migrate::default() }), &["elsewhere"]).await;
        world.well(Step::Migrate(Migrate { overwrite: true, ..Migrate::default() }), &[&name]).await;
        assert!(world.stored(0, &name).unwrap() == before, "a stub rests on it");
        world.recall(&["elsewhere", &name]).await;
        assert!(world.read("elsewhere") == bytes(size, 6) && world.read(&name) == bytes(size, 7));
        std::fs::remove_file(world.raw.join("elsewhere")).unwrap();
    }
}

#[tokio::test]
async fn a_file_that_is_written_stays_and_is_told_as_skipped() {
    let world = World::new().await;
    world.write("busy", &bytes(3000, 8));
    world.write("idle", &bytes(3000, 9));
    let writer = OpenOptions::new().write(true).open(world.raw.join("busy")).unwrap();
    let results = world.step(Step::Migrate(Migrate::default()), &["busy", "idle"]).await.unwrap();
    assert_eq!(results[0].result, PathResult::Skipped);
    assert_eq!(results[0].code.as_deref(), Some("file-in-use"));
    assert_eq!(results[1].result, PathResult::Processed);
    drop(writer);
    assert!(!is_stub(&world, "busy") && is_stub(&world, "idle"));
    let reader = std::fs::File::open(world.raw.join("busy")).unwrap();
    assert_eq!(only(world.step(Step::Migrate(Migrate::default()), &["busy"]).await).0, PathResult::Skipped);
    assert!(matches!(world.look("busy").state, State::Premigrated(_)), "its copy is known all the same");
    drop(reader);
    world.migrate(&["busy"]).await;
}

#[tokio::test]
async fn paths_that_are_missing_or_lead_out_of_the_space_are_told() {
    let world = World::new().await;
    let patient = Step::Migrate(Migrate { abort_missing: true, ..Migrate::default() });
    assert_eq!(only(world.step(patient, &["none"]).await).0, PathResult::Aborted);
    let step = || Step::Migrate(Migrate::default());
    assert_eq!(only(world.step(step(), &["none"]).await), (PathResult::Failed, "gone".to_owned()));
    world.write("d/f", b"content");
    std::os::unix::fs::symlink("d", world.raw.join("link")).unwrap();
    std::os::unix::fs::symlink("/etc", world.raw.join("out")).unwrap();
    for path in ["../x", "d/../d/f", "link/f", "out/passwd", ".capstan-removed/x", "", "d"] {
        let (result, code) = only(world.step(step(), &[path]).await);
        assert_eq!(result, PathResult::Failed, "{path}: {code}");
    }
    assert!(!is_stub(&world, "d/f"));
}

#[tokio::test]
async fn files_are_routed_by_their_targets() {
    let world = World::without_targets().await;
    world.write("x.mov", &bytes(2000, 10));
    let step = || Step::Migrate(Migrate::default());
    assert_eq!(only(world.step(step(), &["x.mov"]).await), (PathResult::Failed, "no-target".to_owned()));
    world.target("movies", 1, r"\.mov$", |_| {}).await;
    world.target("rest", 0, ".*", |rule| rule.position = 1).await;
    world.target("backup", 0, "kept", |rule| (rule.backup_only, rule.position) = (true, -1)).await;
    world.write("kept", &bytes(2000, 11));
    world.write("other", &bytes(2000, 12));
    world.migrate(&["x.mov", "other"]).await;
    assert!(world.stored(1, "x.mov").is_some() && world.stored(0, "x.mov").is_none());
    let named = Migrate { endpoint: Some("backup".to_owned()), ..Migrate::default() };
    world.well(Step::Migrate(named), &["kept"]).await;
    assert!(matches!(world.look("kept").state, State::Premigrated(_)), "nothing is freed for a backup");
    world.migrate(&["kept"]).await;
    assert!(is_stub(&world, "kept"), "for the other target it is");
    let unknown = Migrate { endpoint: Some("nobody".to_owned()), ..Migrate::default() };
    let failure = world.step(Step::Migrate(unknown), &["other"]).await.unwrap_err();
    assert_eq!(failure.code.as_deref(), Some("unknown-endpoint"));
}

#[tokio::test]
async fn a_bucket_that_is_away_ends_the_step_and_nothing_is_freed() {
    let world = World::new().await;
    let names: Vec<String> = (0..20).map(|number| format!("f{number}")).collect();
    names.iter().for_each(|name| world.write(name, &bytes(3000, 13)));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let kept = std::mem::take(&mut *world.directories.0.lock().unwrap());
    let failure = world.step(Step::Migrate(Migrate::default()), &names).await.unwrap_err();
    assert_eq!(failure.kind, capstan_domain::Kind::Unavailable);
    assert!(names.iter().all(|name| world.look(name).state == State::Resident));
    *world.directories.0.lock().unwrap() = kept;
    world.migrate(&names).await;
}

#[tokio::test]
async fn leading_bytes_stay_and_folders_and_links_are_left_as_they_are() {
    let world = World::new().await;
    world.write("d/f", &bytes(100_000, 14));
    std::os::unix::fs::symlink("f", world.raw.join("d/link")).unwrap();
    let mut paths = vec![file("d/f"), file("d"), file("d/link")];
    paths[1].kind = capstan_domain::entry::EntryKind::Folder;
    paths[2].kind = capstan_domain::entry::EntryKind::Link;
    let results = world.step_with(Step::Migrate(Migrate { stub_size: 10_000, ..Migrate::default() }), paths).await.unwrap();
    assert!(results.iter().all(|one| one.result == PathResult::Processed), "{results:?}");
    assert!(world.read("d/f")[..10_000] == bytes(100_000, 14)[..10_000]);
    assert_eq!(world.state("d/f").await.unwrap().leading, 10_000);
}

#[tokio::test]
async fn a_stub_that_the_catalogue_does_not_know_is_recorded_from_its_record() {
    let world = World::new().await;
    world.write("f", &bytes(3000, 15));
    world.write("g", &bytes(3000, 16));
    world.migrate(&["f"]).await;
    std::fs::rename(world.raw.join("f"), world.raw.join("moved")).unwrap();
    assert!(world.state("moved").await.is_none());
    world.migrate(&["moved", "g"]).await;
    assert_eq!(world.state("moved").await.unwrap().state, FileState::Migrated);
    spoil(&world.buckets[0].join("g"));
}
