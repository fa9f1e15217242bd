//! What a target spoils, refuses, does not know, or has no room for.

use std::fs;

use capstan_domain::Failure;
use capstan_domain::failure::Kind;

use super::trees::objects_tree;
use crate::testing::{MemoryLedger, MemoryObjects, bytes, local, transfer};
use crate::{Destination, Summary};

const MIB: usize = 1 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_target_spoils_is_never_called_done() {
    let from = tempfile::tempdir().expect("dir");
    fs::write(from.path().join("file"), bytes(5000, 1)).expect("file");
    let store = MemoryObjects::new(16 << 20);
    store.corrupt_puts();
    let ledger = MemoryLedger::new();
    let mut run = transfer(local(from.path()), objects_tree(&store), &ledger);
    run.options.remove_source = true;
    let summary = run.run().await.expect("run");
    assert_eq!((summary.done, summary.failed), (0, 1));
    let failure = ledger.settled("file").and_then(|settled| settled.failure).expect("failure");
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Corrupt, Some("hash-mismatch")));
    assert!(from.path().join("file").exists(), "a move must keep what was not proved");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_rotted_is_not_released() {
    let back = tempfile::tempdir().expect("dir");
    let store = MemoryObjects::new(16 << 20);
    for (name, size) in [("rotten", 40 * MIB), ("small-rot", 5000)] {
        let from = tempfile::tempdir().expect("dir");
        fs::write(from.path().join(name), bytes(size, 4)).expect("file");
        let ledger = MemoryLedger::new();
        transfer(local(from.path()), objects_tree(&store), &ledger).run().await.expect("up");
        let settled = ledger.settled(name).expect("settled");
        store.spoil(&format!("pre/in/{name}"));
        let down_ledger = MemoryLedger::new();
        let evidence = crate::Evidence {
            size: size as u64,
            etag: settled.copies[0].etag.clone(),
            blake3: settled.blake3.expect("hash"),
            subtrees: settled.subtrees,
        };
        down_ledger.set_evidence(&format!("in/{name}"), evidence);
        let mut down = transfer(objects_tree(&store), local(back.path()), &down_ledger);
        down.sources[0].path = format!("in/{name}");
        down.sources[0].place_at = name.to_owned();
        let summary = down.run().await.expect("down");
        assert_eq!(summary, Summary { failed: 1, ..Summary::default() });
        assert!(!back.path().join(name).exists());
        let failure = down_ledger.settled(&format!("in/{name}")).and_then(|settled| settled.failure).expect("failure");
        assert_eq!(failure.kind, Kind::Corrupt);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_without_conditions_is_looked_at_before_it_stores() {
    let from = tempfile::tempdir().expect("dir");
    for (name, size) in [("small", 3000), ("large", 40 * MIB)] {
        fs::write(from.path().join(name), bytes(size, 1)).expect("file");
    }
    let store = MemoryObjects::new(8 << 20);
    store.know_no_conditions();
    let run = |from: &std::path::Path| {
        let mut run = transfer(local(from), objects_tree(&store), &MemoryLedger::new());
        run.options.overwrite = false;
        run.run()
    };
    assert_eq!(run(from.path()).await.expect("run"), Summary { done: 2, ..Summary::default() });
    assert_eq!(store.open_uploads(), 0);
    for (name, size) in [("small", 3000), ("large", 40 * MIB)] {
        fs::write(from.path().join(name), bytes(size, 2)).expect("file");
    }
    assert_eq!(run(from.path()).await.expect("run"), Summary { skipped: 2, ..Summary::default() });
    assert_eq!(store.bytes_of("pre/in/large").expect("object"), bytes(40 * MIB, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn busy_targets_are_asked_again_and_gone_ones_end_the_transfer() {
    let from = tempfile::tempdir().expect("dir");
    for index in 0..40 {
        fs::write(from.path().join(format!("file-{index}")), bytes(100, index)).expect("file");
    }
    let store = MemoryObjects::new(16 << 20);
    for _ in 0..5 {
        store.fail_next("put", Failure::new(Kind::Busy, "slow down"));
    }
    let summary = transfer(local(from.path()), objects_tree(&store), &MemoryLedger::new()).run().await.expect("run");
    assert_eq!(summary, Summary { done: 40, ..Summary::default() });

    // Some paths are more than the target can take, whatever is tried: they fail, the others go on.
    let picky = MemoryObjects::new(16 << 20);
    picky.refuse("file-1", Failure::new(Kind::Busy, "slow down"));
    let summary = transfer(local(from.path()), objects_tree(&picky), &MemoryLedger::new()).run().await.expect("run");
    assert_eq!(summary, Summary { done: 29, failed: 11, ..Summary::default() });

    // One that is too large for what room is left costs no other; where none fits any more, it ends.
    let nearly = MemoryObjects::new(16 << 20);
    nearly.refuse("file-7", Failure::new(Kind::NoSpace, "full"));
    let summary = transfer(local(from.path()), objects_tree(&nearly), &MemoryLedger::new()).run().await.expect("run");
    assert_eq!(summary, Summary { done: 39, failed: 1, ..Summary::default() });
    let full = MemoryObjects::new(16 << 20);
    full.refuse("file-", Failure::new(Kind::NoSpace, "full"));
    let mut run = transfer(local(from.path()), objects_tree(&full), &MemoryLedger::new());
    run.limits.batch_files = 4;
    run.limits.batches = 1;
    let failure = run.run().await.expect_err("full");
    assert_eq!(failure.kind, Kind::NoSpace);

    store.vanish();
    let mut run = transfer(local(from.path()), objects_tree(&store), &MemoryLedger::new());
    run.limits.tries = 1;
    assert_eq!(run.run().await.expect_err("gone").kind, Kind::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_location_has_no_room_for_the_next_one_takes() {
    let from = tempfile::tempdir().expect("dir");
    for index in 0..10 {
        fs::write(from.path().join(format!("file-{index}")), bytes(100, index)).expect("file");
    }
    fs::write(from.path().join("large"), bytes(3 * MIB, 77)).expect("file");
    let (full, empty) = (MemoryObjects::new(16 << 20), MemoryObjects::new(16 << 20));
    for _ in 0..30 {
        full.fail_next("put", Failure::new(Kind::NoSpace, "full"));
    }
    let mut run = transfer(local(from.path()), objects_tree(&full), &MemoryLedger::new());
    run.destinations = vec![Destination { trees: vec![objects_tree(&full), objects_tree(&empty)] }];
    let summary = run.run().await.expect("run");
    assert_eq!((summary.done, summary.failed), (11, 0));
    assert_eq!((full.keys().len(), empty.keys().len()), (0, 11));
}
