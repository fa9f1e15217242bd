//! Paths and sources that are out of the ordinary: each has its outcome, and the others go on.

use std::fs;
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;
use std::time::Duration;

use capstan_domain::failure::Kind;
use capstan_domain::job::PathState;
use rustix::fs::{Mode, OFlags};

use super::trees::objects_tree;
use crate::testing::{MemoryLedger, MemoryObjects, bytes, local, transfer};
use crate::{Limits, Summary, names};

const MIB: usize = 1 << 20;

/// Folders of 250 bytes each until the path of the file in the last one has more than `names::LONGEST_PATH`; answers that path.
fn deep_file(root: &Path) -> String {
    let mut at = rustix::fs::open(root, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).expect("root");
    let name = "d".repeat(250);
    let mut path = String::new();
    while path.len() <= names::LONGEST_PATH {
        rustix::fs::mkdirat(&at, &name, Mode::from_raw_mode(0o755)).expect("folder");
        at = rustix::fs::openat(&at, &name, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).expect("folder");
        path = names::join(&path, &name);
    }
    let file = rustix::fs::openat(&at, "file", OFlags::WRONLY | OFlags::CREATE, Mode::from_raw_mode(0o644)).expect("file");
    rustix::io::write(&file, b"deep").expect("written");
    names::join(&path, "file")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_longer_than_4096_bytes_arrives_or_is_told_and_its_neighbours_arrive() {
    let (from, to) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    let deep = deep_file(from.path());
    let longest = "é".repeat(127) + "x";
    assert_eq!(longest.len(), 255);
    for name in ["neighbour", &longest] {
        fs::write(from.path().join(name), name).expect("file");
    }
    let ledger = MemoryLedger::new();
    assert_eq!(transfer(local(from.path()), local(to.path()), &ledger).run().await.expect("run").failed, 0);
    let arrived = local(to.path()).stat(&names::join("in", &deep)).await.expect("look").expect("the deep file");
    assert_eq!(arrived.size, 4);
    assert_eq!(fs::read_to_string(to.path().join("in").join(&longest)).expect("file"), longest);

    let (store, ledger) = (MemoryObjects::new(8 << 20), MemoryLedger::new());
    let summary = transfer(local(from.path()), objects_tree(&store), &ledger).run().await.expect("run");
    assert_eq!(summary, Summary { done: 2, failed: 1, ..Summary::default() });
    let failure = ledger.settled(&deep).and_then(|settled| settled.failure).expect("failure");
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Invalid, Some("name-too-long")));
}

/// Waits until something stands in the folder.
async fn begun(folder: &Path) {
    while fs::read_dir(folder).map_or(0, Iterator::count) == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_written_to_while_it_is_read_arrives_as_it_is_in_the_end_never_mixed() {
    let (from, to) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    fs::write(from.path().join("large"), bytes(8 * MIB, 1)).expect("file");
    let ledger = MemoryLedger::new();
    let mut run = transfer(local(from.path()), local(to.path()), &ledger);
    run.options.bandwidth = Some(16 << 20);
    let running = tokio::spawn(run.run());
    begun(&to.path().join("in")).await;
    fs::write(from.path().join("large"), bytes(8 * MIB, 2)).expect("file");
    let summary = running.await.expect("task").expect("run");
    assert_eq!(summary, Summary { done: 1, ..Summary::default() });
    assert!(fs::read(to.path().join("in/large")).expect("file") == bytes(8 * MIB, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_changes_all_the_time_fails_alone_and_leaves_nothing() {
    let (from, to) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    let busy = from.path().join("busy");
    fs::write(&busy, bytes(4 * MIB, 1)).expect("file");
    fs::write(from.path().join("quiet"), b"quiet").expect("file");
    let ledger = MemoryLedger::new();
    let mut run = transfer(local(from.path()), local(to.path()), &ledger);
    run.options.bandwidth = Some(8 << 20);
    let running = tokio::spawn(run.run());
    let file = fs::File::options().write(true).open(&busy).expect("file");
    let mut state = 0_u8;
    while !running.is_finished() {
        state = state.wrapping_add(1);
        file.write_at(&[state], 0).expect("written");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(running.await.expect("task").expect("run"), Summary { done: 1, failed: 1, ..Summary::default() });
    let failure = ledger.settled("busy").and_then(|settled| settled.failure).expect("failure");
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Conflict, Some("source-changed")));
    let left: Vec<_> = fs::read_dir(to.path().join("in")).expect("dir").map(|entry| entry.expect("entry").file_name()).collect();
    assert_eq!(left, ["quiet"], "no part of it stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_vanishes_before_its_turn_fails_alone() {
    let (from, to) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    for name in ["first", "second"] {
        fs::write(from.path().join(name), bytes(6 * MIB, 1)).expect("file");
    }
    fs::write(from.path().join("small"), b"small").expect("file");
    let ledger = MemoryLedger::new();
    let mut run = transfer(local(from.path()), local(to.path()), &ledger);
    run.limits.large_files = 1;
    run.options.bandwidth = Some(16 << 20);
    let running = tokio::spawn(run.run());
    begun(&to.path().join("in")).await;
    fs::remove_file(from.path().join("second")).expect("removed");
    assert_eq!(running.await.expect("task").expect("run"), Summary { done: 2, failed: 1, ..Summary::default() });
    let settled = ledger.settled("second").expect("outcome");
    assert_eq!(settled.state, PathState::Failed);
    assert_eq!(settled.failure.and_then(|failure| failure.code).as_deref(), Some("source-gone"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_out_of_the_tree_are_copied_as_links_and_never_written_through() {
    let (from, to, outside) =
        (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    fs::write(outside.path().join("secret"), b"secret").expect("file");
    symlink(outside.path(), from.path().join("out")).expect("link");
    for folder in ["a", "trap"] {
        fs::create_dir(from.path().join(folder)).expect("folder");
        fs::write(from.path().join(folder).join("small"), folder).expect("file");
        fs::write(from.path().join(folder).join("large"), bytes(2 * MIB, 1)).expect("file");
    }
    fs::create_dir(to.path().join("in")).expect("folder");
    symlink(outside.path(), to.path().join("in/trap")).expect("link");
    let ledger = MemoryLedger::new();
    let summary = transfer(local(from.path()), local(to.path()), &ledger).run().await.expect("run");
    assert_eq!(fs::read_link(to.path().join("in/out")).expect("a link"), outside.path());
    assert_eq!(fs::read_dir(outside.path()).expect("dir").count(), 1, "nothing went through the link");
    assert_eq!(ledger.state_of("a/small"), Some(PathState::Done));
    assert_eq!(ledger.state_of("a/large"), Some(PathState::Done));
    for path in ["trap/small", "trap/large"] {
        let failure = ledger.settled(path).and_then(|settled| settled.failure).expect("failure");
        assert_eq!(failure.code.as_deref(), Some("link-in-path"), "{path}");
    }
    assert!(summary.failed >= 2, "{summary:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_path_does_not_stop_the_others() {
    let (from, to) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    for name in ["good-1", "good-2", "in-the-way"] {
        fs::write(from.path().join(name), name).expect("file");
    }
    let pipe = from.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    fs::create_dir_all(to.path().join("in/in-the-way")).expect("folder");
    let ledger = MemoryLedger::new();
    let summary = transfer(local(from.path()), local(to.path()), &ledger).run().await.expect("run");
    assert_eq!(summary, Summary { done: 2, failed: 1, skipped: 1, unchanged: 0 });
    let code = |path: &str| ledger.settled(path).and_then(|settled| settled.failure).and_then(|failure| failure.code);
    assert_eq!(code("pipe").as_deref(), Some("special-file"));
    assert_eq!(code("in-the-way").as_deref(), Some("folder-in-the-way"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_keys_that_no_file_can_have_are_told_and_the_rest_comes() {
    let to = tempfile::tempdir().expect("dir");
    let store = MemoryObjects::new(16 << 20);
    for key in ["pre/ok", "pre/a//b", "pre/../up", "pre/%!41", "pre/data/"] {
        store.put_foreign(key, b"x");
    }
    let ledger = MemoryLedger::new();
    let mut run = transfer(objects_tree(&store), local(to.path()), &ledger);
    run.limits = Limits { tries: 1, ..Limits::default() };
    let summary = run.run().await.expect("run");
    assert_eq!((summary.done, summary.skipped), (3, 2));
    assert_eq!(fs::read(to.path().join("in/%!2E%!2E/up")).expect("escaped"), b"x");
    assert_eq!(fs::read(to.path().join("in/%!41")).expect("literal"), b"x");
    assert!(!to.path().join("up").exists());
}
