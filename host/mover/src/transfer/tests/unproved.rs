//! What is not proved is seen by nobody; and how far a large file is, is seen while it goes.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use capstan_domain::Failure;

use super::trees::objects_tree;
use crate::testing::{MemoryFiles, MemoryLedger, MemoryObjects, bytes, local, transfer};
use crate::{Evidence, FileTree, Summary, Tree};

const MIB: usize = 1 << 20;

/// Put whole by an earlier release or another way: the catalogue has the hash of the whole, none of its blocks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_known_by_its_whole_hash_only_is_not_visible_before_it_matched() {
    for size in [5000, 10 * MIB, 20 * MIB, 40 * MIB] {
        let store = MemoryObjects::new(8 << 20);
        let content = bytes(size, 4);
        store.put_foreign("pre/in/rotten", &content);
        store.spoil("pre/in/rotten");
        let directory = tempfile::tempdir().expect("dir");
        let (files, in_ranges, objects) = (MemoryFiles::new(), MemoryFiles::new(), MemoryObjects::new(8 << 20));
        let share = |files: &Arc<MemoryFiles>, capabilities| -> Arc<dyn Tree> {
            Arc::new(FileTree::new("share", None, "share", "", Arc::clone(files) as _, &capabilities))
        };
        let trees = [
            local(directory.path()),
            share(&files, Vec::new()),
            share(&in_ranges, MemoryFiles::capabilities()),
            objects_tree(&objects),
        ];
        for tree in trees {
            let ledger = MemoryLedger::new();
            let evidence =
                Evidence { size: size as u64, etag: None, blake3: *blake3::hash(&content).as_bytes(), subtrees: Vec::new() };
            ledger.set_evidence("in/rotten", evidence);
            let mut down = transfer(objects_tree(&store), tree, &ledger);
            down.sources[0].path = "in/rotten".to_owned();
            down.sources[0].place_at = "rotten".to_owned();
            assert_eq!(down.run().await.expect("run"), Summary { failed: 1, ..Summary::default() });
        }
        let seen: Vec<_> = fs::read_dir(directory.path()).expect("dir").map(|entry| entry.expect("entry").file_name()).collect();
        assert!(!seen.contains(&"rotten".into()), "{size} bytes in a directory: {seen:?}");
        assert!(!files.paths().contains(&"rotten".to_owned()), "{size} bytes on a share");
        assert!(!in_ranges.paths().contains(&"rotten".to_owned()), "{size} bytes on a share, in ranges");
        assert_eq!(objects.keys(), Vec::<String>::new(), "{size} bytes in a bucket");
        assert_eq!(objects.open_uploads(), usize::from(size > 32 * MIB), "an upload that can go on stays with its record");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_its_target_shows_only_a_moment_later_is_proved_then() {
    let from = tempfile::tempdir().expect("dir");
    fs::write(from.path().join("small"), bytes(5000, 1)).expect("file");
    fs::write(from.path().join("large"), bytes(20 * MIB, 2)).expect("file");
    let store = MemoryObjects::new(8 << 20);
    for call in ["get", "head"] {
        store.fail_next(call, Failure::not_found("not yet"));
        store.fail_next(call, Failure::not_found("not yet"));
    }
    let summary = transfer(local(from.path()), objects_tree(&store), &MemoryLedger::new()).run().await.expect("run");
    assert_eq!(summary, Summary { done: 2, ..Summary::default() });
    assert_eq!(store.keys(), ["pre/in/large", "pre/in/small"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_moves_inside_a_large_file() {
    let (from, to) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    let size = 12 * MIB as u64;
    fs::write(from.path().join("large"), bytes(12 * MIB, 1)).expect("file");
    let mut run = transfer(local(from.path()), local(to.path()), &MemoryLedger::new());
    run.options.bandwidth = Some(12 << 20);
    let counters = Arc::clone(&run.counters);
    let running = tokio::spawn(run.run());
    let mut seen = std::collections::BTreeSet::new();
    while !running.is_finished() {
        seen.insert(counters.snapshot().bytes_processed);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    running.await.expect("task").expect("run");
    assert!(seen.iter().filter(|bytes| (1..size).contains(*bytes)).count() >= 4, "{seen:?}");
    assert_eq!(counters.snapshot().bytes_finalized, size);
}
