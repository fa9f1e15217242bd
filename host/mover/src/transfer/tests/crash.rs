//! A process dies after each line of the table in `transfer`; the next run ends as if nothing had been.

use std::fs;
use std::path::Path;
use std::time::Duration;

use capstan_domain::Failure;
use capstan_domain::failure::Kind;

use super::trees::{objects_tree, plant, same_trees};
use crate::testing::{Crash, MemoryLedger, MemoryObjects, bytes, local, transfer};
use crate::{Source, Summary};

const MIB: usize = 1 << 20;

fn exact_copy(of: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("dir");
    assert!(std::process::Command::new("cp").arg("-a").arg(of.join(".")).arg(copy.path()).status().expect("cp").success());
    copy
}

/// Lines 3 and 4: stored and proved, but not recorded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_before_the_record_keeps_the_source_and_adopts_the_copy() {
    let (from, to) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    plant(from.path());
    let original = exact_copy(from.path());
    let ledger = MemoryLedger::new();
    let moving = || {
        let mut run = transfer(local(from.path()), local(to.path()), &ledger);
        run.options.remove_source = true;
        run.options.overwrite = false;
        run
    };
    ledger.crash_at(Crash::BeforeRecord);
    moving().run().await.expect_err("died");
    same_trees(original.path(), from.path());
    ledger.restart();
    let summary = moving().run().await.expect("second run");
    assert_eq!((summary.failed, summary.skipped), (0, 0), "its own copies are not in its way: {summary:?}");
    assert_eq!(fs::read_dir(from.path()).expect("dir").count(), 0);
    same_trees(original.path(), &to.path().join("in"));
}

/// Line 5: recorded, the source not yet removed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_after_the_record_sends_nothing_again_and_removes_the_source() {
    let (from, back) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    plant(from.path());
    fs::remove_dir_all(from.path().join("empty")).expect("folder");
    let original = exact_copy(from.path());
    let store = MemoryObjects::new(16 << 20);
    let ledger = MemoryLedger::new();
    let moving = || {
        let mut run = transfer(local(from.path()), objects_tree(&store), &ledger);
        run.options.remove_source = true;
        // One batch holds all: the death comes after everything was recorded.
        run.limits.small_file = 64 << 20;
        run.limits.batch_bytes = 128 << 20;
        run
    };
    ledger.crash_at(Crash::AfterRecord);
    moving().run().await.expect_err("died");
    same_trees(original.path(), from.path());
    let sent = store.counts();
    ledger.restart();
    let summary = moving().run().await.expect("second run");
    assert_eq!(store.counts(), sent);
    assert_eq!((summary.done, summary.unchanged, summary.failed), (0, 9, 0));
    assert_eq!(fs::read_dir(from.path()).expect("dir").count(), 0);
    let mut down = transfer(objects_tree(&store), local(back.path()), &MemoryLedger::new());
    down.sources = vec![Source { path: "in".to_owned(), place_at: String::new(), ..down.sources.remove(0) }];
    down.run().await.expect("down");
    same_trees(original.path(), back.path());
}

/// Line 5 again, but somebody wrote to the source before the second run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_written_to_after_the_record_is_copied_anew_before_it_goes() {
    let (from, to) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    fs::write(from.path().join("file"), b"old").expect("file");
    let ledger = MemoryLedger::new();
    let moving = || {
        let mut run = transfer(local(from.path()), local(to.path()), &ledger);
        run.options.remove_source = true;
        run
    };
    ledger.crash_at(Crash::AfterRecord);
    moving().run().await.expect_err("died");
    fs::write(from.path().join("file"), b"new").expect("file");
    ledger.restart();
    assert_eq!(moving().run().await.expect("second run"), Summary { done: 1, ..Summary::default() });
    assert_eq!(fs::read(to.path().join("in/file")).expect("file"), b"new");
    assert!(!from.path().join("file").exists());
}

/// Line 5 again, but the copy has gone meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorded_copy_that_vanished_is_made_again_before_the_source_goes() {
    let (from, to) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    for size in [3, 20 * MIB] {
        fs::write(from.path().join(format!("file-{size}")), bytes(size, 5)).expect("file");
    }
    let ledger = MemoryLedger::new();
    transfer(local(from.path()), local(to.path()), &ledger).run().await.expect("copy");
    fs::remove_dir_all(to.path().join("in")).expect("removed");
    let mut run = transfer(local(from.path()), local(to.path()), &ledger);
    run.options.remove_source = true;
    assert_eq!(run.run().await.expect("move"), Summary { done: 2, ..Summary::default() });
    assert_eq!(fs::read(to.path().join("in/file-20971520")).expect("file"), bytes(20 * MIB, 5));
}

/// Line 2: some parts are stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_goes_on_with_the_parts_that_are_missing() {
    let from = tempfile::tempdir().expect("dir");
    fs::write(from.path().join("large"), bytes(80 * MIB + 5, 6)).expect("file");
    for part_size in [8 << 20, 5_000_000] {
        let store = MemoryObjects::new(part_size);
        let ledger = MemoryLedger::new();
        ledger.crash_at(Crash::AfterParts(5));
        transfer(local(from.path()), objects_tree(&store), &ledger).run().await.expect_err("died");
        assert_eq!(ledger.uploads()[0].parts.len(), 5);
        ledger.restart();
        let before = store.counts().1;
        assert_eq!(transfer(local(from.path()), objects_tree(&store), &ledger).run().await.expect("second run").done, 1);
        let parts = (80 * MIB + 5).div_ceil(part_size as usize);
        assert_eq!(store.counts().1 - before, parts - 5, "recorded parts are not sent again");
        assert_eq!(store.bytes_of("pre/in/large").expect("object"), bytes(80 * MIB + 5, 6));
        assert_eq!((ledger.uploads().len(), store.open_uploads()), (0, 0));
        let digest = ledger.settled("large").and_then(|settled| settled.blake3);
        assert_eq!(digest, Some(*blake3::hash(&bytes(80 * MIB + 5, 6)).as_bytes()));
    }
}

/// Before line 2: the target has begun an upload, and its answer is recorded nowhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_was_begun_and_not_recorded_is_found_again_or_given_up() {
    let from = tempfile::tempdir().expect("dir");
    for changed in [false, true] {
        fs::write(from.path().join("large"), bytes(40 * MIB, 6)).expect("file");
        let (store, ledger) = (MemoryObjects::new(8 << 20), MemoryLedger::new());
        ledger.crash_at(Crash::BeforeBegun);
        transfer(local(from.path()), objects_tree(&store), &ledger).run().await.expect_err("died");
        let left = ledger.uploads();
        assert_eq!((left.len(), left[0].id.as_str(), store.open_uploads()), (1, "", 1));
        ledger.restart();
        let content = bytes(40 * MIB, if changed { 7 } else { 6 });
        if changed {
            fs::write(from.path().join("large"), &content).expect("file");
        }
        assert_eq!(transfer(local(from.path()), objects_tree(&store), &ledger).run().await.expect("second run").done, 1);
        assert_eq!(store.bytes_of("pre/in/large").expect("object"), content);
        assert_eq!((store.open_uploads(), ledger.uploads().len()), (0, 0));
        assert_eq!(store.begins(), if changed { 2 } else { 1 }, "the same content goes on with what was begun");
    }
}

/// The same, and no run follows: whoever clears up has the attempt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_attempt_may_have_begun_is_given_up_by_the_attempt() {
    let from = tempfile::tempdir().expect("dir");
    fs::write(from.path().join("large"), bytes(40 * MIB, 6)).expect("file");
    let (store, ledger) = (MemoryObjects::new(8 << 20), MemoryLedger::new());
    ledger.crash_at(Crash::BeforeBegun);
    transfer(local(from.path()), objects_tree(&store), &ledger).run().await.expect_err("died");
    let left = ledger.uploads().remove(0);
    let (tree, attempt) = (objects_tree(&store), left.attempt.expect("an attempt"));
    let key = tree.upload_key("in/large").expect("key");
    for _ in 0..2 {
        tree.give_up_begun(&key, left.size, &attempt).await.expect("given up");
        assert_eq!(store.open_uploads(), 0);
    }
    store.vanish();
    tree.give_up_begun(&key, left.size, &attempt).await.expect("nothing is there");
}

/// A target that refuses to begin leaves nothing to give up; one whose answer is lost does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_is_remembered_as_long_as_it_may_have_begun_an_upload() {
    let from = tempfile::tempdir().expect("dir");
    fs::write(from.path().join("large"), bytes(40 * MIB, 6)).expect("file");
    let (store, ledger) = (MemoryObjects::new(8 << 20), MemoryLedger::new());
    store.fail_next("begin", Failure::new(Kind::Denied, "not here"));
    assert_eq!(transfer(local(from.path()), objects_tree(&store), &ledger).run().await.expect("first run").failed, 1);
    assert_eq!((store.open_uploads(), ledger.uploads().len()), (0, 0));
    store.fail_next("begun", Failure::new(Kind::Denied, "the answer was lost").with_maybe_done());
    assert_eq!(transfer(local(from.path()), objects_tree(&store), &ledger).run().await.expect("second run").failed, 1);
    assert_eq!((store.open_uploads(), ledger.uploads().len()), (1, 1));
    assert_eq!(transfer(local(from.path()), objects_tree(&store), &ledger).run().await.expect("third run").done, 1);
    assert_eq!((store.open_uploads(), ledger.uploads().len(), store.begins()), (0, 0, 1));
}

/// Line 2 again, but the source was replaced before the second run: parts of two states must never meet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_of_another_state_of_the_file_starts_over() {
    let from = tempfile::tempdir().expect("dir");
    fs::write(from.path().join("large"), bytes(80 * MIB, 6)).expect("file");
    let store = MemoryObjects::new(8 << 20);
    let ledger = MemoryLedger::new();
    ledger.crash_at(Crash::AfterParts(5));
    transfer(local(from.path()), objects_tree(&store), &ledger).run().await.expect_err("died");
    fs::write(from.path().join("large"), bytes(80 * MIB, 7)).expect("file");
    ledger.restart();
    transfer(local(from.path()), objects_tree(&store), &ledger).run().await.expect("second run");
    assert_eq!(store.bytes_of("pre/in/large").expect("object"), bytes(80 * MIB, 7));
    assert_eq!(store.open_uploads(), 0, "the outdated upload was given up");
}

/// Between lines 2 and 3: the object is whole, its upload not yet forgotten; and the answer of completing it lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_completed_upload_is_not_sent_again() {
    let from = tempfile::tempdir().expect("dir");
    fs::write(from.path().join("large"), bytes(40 * MIB, 6)).expect("file");
    let store = MemoryObjects::new(8 << 20);
    let ledger = MemoryLedger::new();
    ledger.crash_at(Crash::BeforeForget);
    transfer(local(from.path()), objects_tree(&store), &ledger).run().await.expect_err("died");
    ledger.restart();
    let sent = store.counts();
    let summary = transfer(local(from.path()), objects_tree(&store), &ledger).run().await.expect("second run");
    assert_eq!((summary.done + summary.unchanged, summary.failed), (1, 0));
    assert_eq!((store.counts(), ledger.uploads().len()), (sent, 0));

    fs::write(from.path().join("large"), bytes(40 * MIB, 8)).expect("file");
    store.fail_next("completed", Failure::new(Kind::TimedOut, "the answer was lost").with_maybe_done());
    assert_eq!(transfer(local(from.path()), objects_tree(&store), &ledger).run().await.expect("third run").done, 1);
    assert_eq!(store.bytes_of("pre/in/large").expect("object"), bytes(40 * MIB, 8));
}

/// Line 2 on the way down: blocks in the temporary file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_goes_on_with_the_blocks_that_are_missing_and_trusts_none_unread() {
    for spoil in [false, true] {
        let to = tempfile::tempdir().expect("dir");
        let content = bytes(150 * MIB, 9);
        let store = MemoryObjects::new(8 << 20);
        store.put_foreign("pre/large", &content);
        let ledger = MemoryLedger::new();
        let down = || {
            let mut run = transfer(objects_tree(&store), local(to.path()), &ledger);
            run.sources[0].path = "large".to_owned();
            run.sources[0].place_at = "large".to_owned();
            run
        };
        store.fail_after(6, "get", Failure::new(Kind::Denied, "no longer"));
        assert_eq!(down().run().await.expect("first run").failed, 1);
        let kept = ledger.uploads()[0].parts.len();
        assert!((1..10).contains(&kept), "{kept} blocks kept");
        let temporary = fs::read_dir(to.path()).expect("dir").next().expect("one").expect("entry").path();
        assert!(!to.path().join("large").exists());
        if spoil {
            let mut held = fs::read(&temporary).expect("temporary");
            let offset = (ledger.uploads()[0].parts[0].part.number as usize - 1) * 16 * MIB;
            held[offset + 5] ^= 1;
            fs::write(&temporary, held).expect("temporary");
        }
        assert_eq!(down().run().await.expect("second run").done, 1);
        assert!(fs::read(to.path().join("large")).expect("file") == content);
        assert_eq!((fs::read_dir(to.path()).expect("dir").count(), ledger.uploads().len()), (1, 0));
    }
}

/// Wherever it dies: killed again and again, it gets there, and at no moment is a file in neither place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_killed_again_and_again_loses_nothing() {
    let (from, back) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    plant(from.path());
    for index in 0..60 {
        fs::write(from.path().join(format!("a/more-{index}")), bytes(700 + index, index as u64)).expect("file");
    }
    let original = exact_copy(from.path());
    let store = MemoryObjects::new(8 << 20);
    let (up, down) = (MemoryLedger::new(), MemoryLedger::new());
    for wait in (0..60).chain([10_000]) {
        let mut run = transfer(local(from.path()), objects_tree(&store), &up);
        run.options.remove_source = true;
        run.limits.batch_files = 7;
        let ended = tokio::time::timeout(Duration::from_millis(wait * 4), run.run()).await;
        for index in 0..60 {
            let here = from.path().join(format!("a/more-{index}")).exists();
            assert!(here || store.bytes_of(&format!("pre/in/a/more-{index}")).is_some(), "more-{index} is nowhere");
        }
        if let Ok(summary) = ended {
            let summary = summary.expect("run");
            assert_eq!((summary.failed, summary.skipped), (0, 0));
            break;
        }
    }
    assert_eq!(fs::read_dir(from.path()).expect("dir").count(), 0);
    for wait in (0..60).chain([10_000]) {
        let mut run = transfer(objects_tree(&store), local(back.path()), &down);
        run.sources = vec![Source { path: "in".to_owned(), place_at: String::new(), ..run.sources.remove(0) }];
        run.options.remove_source = true;
        run.limits.batch_files = 7;
        if let Ok(summary) = tokio::time::timeout(Duration::from_millis(wait * 4), run.run()).await {
            // An emptied store has no folder "in" left to walk: all had arrived before the last kill.
            assert!(summary.is_err_and(|failure| failure.kind == Kind::NotFound) || store.keys().is_empty());
            break;
        }
    }
    same_trees(original.path(), back.path());
}
