//! Shares, through the files port: what arrives, what a killed run leaves, names.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use capstan_domain::Failure;
use capstan_domain::failure::Kind;
use capstan_domain::ports::NamedValues;
use capstan_domain::time::Timestamp;

use super::trees::{plant, same_trees};
use crate::testing::{Crash, MemoryFiles, MemoryLedger, bytes, local, transfer};
use crate::{Arrival, FileTree, Source, Summary, Tree};

const MIB: usize = 1 << 20;
const PART: usize = 16 * MIB;

fn share_with(files: &Arc<MemoryFiles>, capabilities: &NamedValues) -> Arc<dyn Tree> {
    Arc::new(FileTree::new("share", None, "share", "pre", Arc::clone(files) as _, capabilities))
}

fn share(files: &Arc<MemoryFiles>) -> Arc<dyn Tree> {
    share_with(files, &MemoryFiles::capabilities())
}

fn plain() -> NamedValues {
    Vec::new()
}

async fn bring_back(tree: Arc<dyn Tree>, to: &Path) -> Summary {
    let mut down = transfer(tree, local(to), &MemoryLedger::new());
    down.sources = vec![Source { path: "in".to_owned(), place_at: String::new(), ..down.sources.remove(0) }];
    down.run().await.expect("down")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tree_goes_to_a_share_and_comes_back_the_same() {
    let in_ranges: NamedValues = vec![("ranged-write".to_owned(), "true".to_owned())];
    for capabilities in [plain(), in_ranges] {
        let (from, back) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
        plant(from.path());
        let files = MemoryFiles::new();
        let ledger = MemoryLedger::new();
        let up = transfer(local(from.path()), share_with(&files, &capabilities), &ledger);
        assert_eq!(up.run().await.expect("up"), Summary { done: 10, ..Summary::default() });
        assert_eq!(files.ranged() > 0, !capabilities.is_empty());
        assert!(ledger.settled("large").expect("outcome").copies[0].verified.is_some());
        assert!(ledger.uploads().is_empty());
        let summary = bring_back(share_with(&files, &capabilities), back.path()).await;
        assert_eq!((summary.failed, summary.skipped), (0, 0));
        same_trees(from.path(), back.path());
        let again = transfer(local(from.path()), share_with(&files, &capabilities), &ledger).run().await.expect("again");
        assert_eq!((again.done, again.failed), (1, 0), "only the empty folder is made again");
    }
}

#[tokio::test]
async fn what_an_answer_told_is_not_asked_again() {
    let modified = Timestamp(1_000_000_000_000_000_123);
    let steps: NamedValues = vec![("time-step-ns".to_owned(), "100".to_owned())];
    for (files, there, asked) in [
        (MemoryFiles::new(), modified, 1),
        // The moment, cut to a step of the share, and that the file stood still.
        (MemoryFiles::telling(), Timestamp(1_000_000_000_000_000_100), 0),
    ] {
        let tree = share_with(&files, &steps);
        let arrival = Arrival {
            path: "a".to_owned(),
            size: 3,
            modified,
            mode: Some(0o640),
            uid: None,
            gid: None,
            blake3: None,
            attempt: "attempt".to_owned(),
            overwrite: true,
            storage_class: None,
        };
        let stored = tree.store_small(vec![(arrival, Bytes::from_static(b"abc"))]).await.remove(0).expect("stored");
        let read = tree.read_small(&[stored.item], 1 << 20).await.remove(0).expect("read");
        assert_eq!((read.item.modified, &read.bytes[..]), (there, b"abc".as_slice()));
        assert_eq!((files.calls("write"), files.calls("read")), (1, 1));
        assert_eq!((files.calls("set-attributes"), files.calls("stat")), (asked, asked));
    }
}

/// Line 2: killed inside a large file, and the server with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_file_goes_on_with_the_parts_that_are_missing_and_trusts_none_unread() {
    for spoil in [false, true] {
        let from = tempfile::tempdir().expect("dir");
        let content = bytes(6 * PART + 5, 6);
        fs::write(from.path().join("large"), &content).expect("file");
        let files = MemoryFiles::new();
        let ledger = MemoryLedger::new();
        let run = || transfer(local(from.path()), share(&files), &ledger).run();
        files.fail_after(3, "write", Failure::new(Kind::Denied, "no longer"));
        assert_eq!(run().await.expect("first run").failed, 1);
        assert_eq!(files.bytes_of("pre/in/large"), None, "not visible before it is whole");
        let page = share(&files).children("in", None, 100).await.expect("page");
        assert!(page.items.is_empty(), "what is being written is shown to nobody: {:?}", page.items);
        files.crash();
        let kept = ledger.uploads()[0].clone();
        assert!((1..=6).contains(&kept.parts.len()), "{} parts kept", kept.parts.len());
        if spoil {
            files.spoil(&kept.id, (kept.parts[0].part.number as usize - 1) * PART + 7);
        }
        let before = files.ranged();
        assert_eq!(run().await.expect("second run").done, 1);
        let recorded: usize = kept.parts.iter().skip(usize::from(spoil)).map(|part| part.part.size as usize).sum();
        assert_eq!((files.ranged() - before) as usize, content.len() - recorded, "spoiled: {spoil}");
        assert!(files.bytes_of("pre/in/large").expect("file") == content);
        assert_eq!((files.paths(), ledger.uploads().len()), (vec!["pre/in/large".to_owned()], 0));
        assert_eq!(ledger.settled("large").and_then(|settled| settled.blake3), Some(*blake3::hash(&content).as_bytes()));
    }
}

/// Between lines 2 and 3: renamed, and the process dies before it forgets, or the answer is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_there_is_not_sent_again() {
    let from = tempfile::tempdir().expect("dir");
    fs::write(from.path().join("large"), bytes(40 * MIB, 6)).expect("file");
    let files = MemoryFiles::new();
    let ledger = MemoryLedger::new();
    let run = || transfer(local(from.path()), share(&files), &ledger).run();
    ledger.crash_at(Crash::BeforeForget);
    run().await.expect_err("died");
    ledger.restart();
    let before = files.ranged();
    let summary = run().await.expect("second run");
    assert_eq!((summary.done + summary.unchanged, summary.failed), (1, 0));
    assert_eq!((files.ranged(), ledger.uploads().len()), (before, 0));

    fs::write(from.path().join("large"), bytes(40 * MIB, 8)).expect("file");
    files.fail_after(0, "renamed", Failure::new(Kind::TimedOut, "the answer was lost").with_maybe_done());
    assert_eq!(run().await.expect("third run").done, 1);
    assert!(files.bytes_of("pre/in/large").expect("file") == bytes(40 * MIB, 8));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_of_another_state_of_the_file_are_given_up() {
    let from = tempfile::tempdir().expect("dir");
    fs::write(from.path().join("large"), bytes(80 * MIB, 6)).expect("file");
    let files = MemoryFiles::new();
    let ledger = MemoryLedger::new();
    files.fail_after(2, "write", Failure::new(Kind::Denied, "no longer"));
    assert_eq!(transfer(local(from.path()), share(&files), &ledger).run().await.expect("first run").failed, 1);
    fs::write(from.path().join("large"), bytes(80 * MIB, 7)).expect("file");
    let mut second = transfer(local(from.path()), share(&files), &ledger);
    second.options.attempt = "job-2".to_owned();
    assert_eq!(second.run().await.expect("second run").done, 1);
    assert!(files.bytes_of("pre/in/large").expect("file") == bytes(80 * MIB, 7));
    assert_eq!(files.paths(), ["pre/in/large"], "nothing of the first state is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_a_share_cannot_hold_are_escaped_and_too_long_ones_told() {
    let (from, back) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    let long = "n".repeat(201);
    let escaped = ":".repeat(51);
    let raw: std::ffi::OsString = std::os::unix::ffi::OsStringExt::from_vec(b"raw-\xff".to_vec());
    for name in [&long, &escaped, "a:b*c", "fine"] {
        fs::write(from.path().join(name), name).expect("file");
    }
    fs::write(from.path().join(&raw), b"raw").expect("file");
    let files = MemoryFiles::new();
    let ledger = MemoryLedger::new();
    let summary = transfer(local(from.path()), share(&files), &ledger).run().await.expect("run");
    assert_eq!(summary, Summary { done: 3, failed: 2, ..Summary::default() });
    for name in [&long, &escaped] {
        let failure = ledger.settled(name).and_then(|settled| settled.failure).expect("failure");
        assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Invalid, Some("name-too-long")), "{name}");
    }
    assert!(files.paths().contains(&"pre/in/a%!3Ab%!2Ac".to_owned()), "{:?}", files.paths());
    bring_back(share(&files), back.path()).await;
    for name in [Path::new("a:b*c"), Path::new("fine"), Path::new(&raw)] {
        assert_eq!(fs::read(back.path().join(name)).expect("came back"), fs::read(from.path().join(name)).expect("source"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_to_a_share_and_back_leaves_nothing_behind() {
    let (from, back) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    fs::create_dir_all(from.path().join("a/b")).expect("folder");
    for index in 0..20 {
        fs::write(from.path().join(format!("a/b/file-{index}")), bytes(1000 + index, index as u64)).expect("file");
    }
    let files = MemoryFiles::new();
    let mut up = transfer(local(from.path()), share(&files), &MemoryLedger::new());
    up.options.remove_source = true;
    assert_eq!(up.run().await.expect("up").done, 20);
    assert_eq!(fs::read_dir(from.path()).expect("dir").count(), 0);
    let mut down = transfer(share(&files), local(back.path()), &MemoryLedger::new());
    down.options.remove_source = true;
    assert_eq!(down.run().await.expect("down").done, 20);
    assert_eq!(files.paths(), Vec::<String>::new());
    assert_eq!(fs::read(back.path().join("in/in/a/b/file-7")).expect("file"), bytes(1007, 7));
}
