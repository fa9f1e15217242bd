//! Tapes: what goes onto them in which order, and the way back.

mod faults;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use capstan_domain::Failure;
use capstan_domain::failure::Kind;
use capstan_domain::job::PathState;

use crate::testing::{MemoryLedger, MemoryTape, bytes, local, transfer};
use crate::{Command, Destination, Source, Summary, Transfer};

const SMALL: usize = 2_000;
const LARGE: usize = 5_000_000;

/// Small files, and two that are not.
fn plant(root: &Path, small: usize) -> Vec<(String, Vec<u8>)> {
    fs::create_dir_all(root.join("a")).expect("folder");
    let small = (0..small).map(|index| (format!("a/file-{index:02}"), bytes(SMALL + index, index as u64)));
    let large = (0..2).map(|index| (format!("large-{index}"), bytes(LARGE + index, 90 + index as u64)));
    let files: Vec<(String, Vec<u8>)> = small.chain(large).collect();
    for (name, content) in &files {
        fs::write(root.join(name), content).expect("file");
    }
    files
}

fn archive(from: &Path, tape: &Arc<MemoryTape>, ledger: &Arc<MemoryLedger>) -> Transfer {
    transfer(local(from), tape.tree("A00001"), ledger)
}

fn recall(tape: &Arc<MemoryTape>, to: &Path, ledger: &Arc<MemoryLedger>) -> Transfer {
    let mut down = transfer(tape.tree("A00001"), local(to), ledger);
    down.sources = vec![Source { path: "in".to_owned(), place_at: String::new(), ..down.sources.remove(0) }];
    down
}

fn counts(run: &Summary) -> (u64, u64, u64) {
    (run.done, run.failed, run.skipped)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_round_is_synced_once_and_read_back_in_the_order_it_lies_in() {
    let from = tempfile::tempdir().expect("dir");
    let files = plant(from.path(), 30);
    std::os::unix::fs::symlink("file-00", from.path().join("a/link")).expect("link");
    fs::create_dir(from.path().join("empty")).expect("folder");
    let (tape, ledger) = (MemoryTape::new(), MemoryLedger::new());
    let summary = archive(from.path(), &tape, &ledger).run().await.expect("run");
    assert_eq!(summary, Summary { done: 34, ..Summary::default() });
    let log = tape.log();
    let synced = log.iter().position(|line| line == "sync").expect("a sync");
    assert_eq!(log.iter().filter(|line| *line == "sync").count(), 1);
    assert!(log.iter().rposition(|line| line.starts_with("write ")).expect("writes") < synced);
    assert!(log.iter().position(|line| line.starts_with("read ")).expect("reads") > synced);
    let read: Vec<u64> = tape.calls("read").iter().map(|path| tape.place(path)).collect();
    assert_eq!(read.len(), 32);
    assert!(read.is_sorted(), "{read:?}");
    for (name, content) in files {
        assert_eq!(tape.durable(&format!("in/{name}")).as_deref(), Some(content.as_slice()), "{name}");
        let settled = ledger.settled(&name).expect("settled");
        assert_eq!(settled.blake3, Some(*blake3::hash(&content).as_bytes()));
        assert!(settled.copies[0].verified.is_some());
    }
    let again = archive(from.path(), &tape, &ledger).run().await.expect("again");
    assert_eq!((again.unchanged, again.failed), (33, 0));
    assert_eq!(tape.calls("write").len(), 32, "nothing is written again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_round_ends_at_its_files_and_at_its_bytes() {
    for (round_files, round_bytes, syncs) in [(5, u64::MAX, 3), (usize::MAX, 6_000_000, 2)] {
        let from = tempfile::tempdir().expect("dir");
        plant(from.path(), 10);
        fs::remove_dir_all(from.path().join("a")).expect("removed");
        let files = plant(from.path(), 10);
        let (tape, ledger) = (MemoryTape::new(), MemoryLedger::new());
        let mut run = archive(from.path(), &tape, &ledger);
        (run.limits.round_files, run.limits.round_bytes) = (round_files, round_bytes);
        let summary = run.run().await.expect("run");
        assert_eq!((summary.failed, tape.files()), (0, files.len()));
        // The folders of the tree count as files of a round.
        assert_eq!(tape.log().iter().filter(|line| *line == "sync").count(), syncs, "{:?}", tape.log());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_tape_spoils_is_never_called_done() {
    let from = tempfile::tempdir().expect("dir");
    plant(from.path(), 3);
    let (tape, ledger) = (MemoryTape::new(), MemoryLedger::new());
    archive(from.path(), &tape, &ledger).run().await.expect("first");
    tape.spoil("in/a/file-01");
    tape.spoil("in/large-1");
    let back = tempfile::tempdir().expect("dir");
    let down = MemoryLedger::new();
    for name in ["a/file-01", "large-1"] {
        let settled = ledger.settled(name).expect("settled");
        let evidence = crate::Evidence {
            size: settled.item.size,
            etag: None,
            blake3: settled.blake3.expect("hash"),
            subtrees: settled.subtrees,
        };
        down.set_evidence(&format!("in/{name}"), evidence);
    }
    let summary = recall(&tape, back.path(), &down).run().await.expect("down");
    assert_eq!((summary.done, summary.failed), (3, 2), "a bad file costs no other");
    assert!(!back.path().join("a/file-01").exists() && !back.path().join("large-1").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_and_a_stop_record_what_is_on_the_tape() {
    for command in [Command::Pause, Command::Stop] {
        let from = tempfile::tempdir().expect("dir");
        let files = plant(from.path(), 40);
        let (tape, ledger) = (MemoryTape::new(), MemoryLedger::new());
        let mut run = archive(from.path(), &tape, &ledger);
        run.limits.small_file = 100;
        run.limits.spool = 4_096;
        run.options.bandwidth = Some(100_000);
        let control = run.control.clone();
        let running = tokio::spawn(run.run());
        while tape.calls("write").len() < 8 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        control.set(command);
        let settled = || files.iter().filter(|(name, _)| ledger.settled(name).is_some()).count();
        let since = std::time::Instant::now();
        while settled() == 0 && since.elapsed() < Duration::from_secs(10) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let recorded = settled();
        assert!(recorded >= 7 && recorded < files.len(), "{command:?}: {recorded} are recorded");
        assert_eq!(tape.files(), recorded, "{command:?}");
        if command == Command::Stop {
            assert_eq!(running.await.expect("task").expect_err("stopped").kind, Kind::Cancelled);
        } else {
            assert!(!running.is_finished());
            running.abort();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_round_goes_on_where_it_was() {
    let from = tempfile::tempdir().expect("dir");
    let files = plant(from.path(), 30);
    let (tape, ledger) = (MemoryTape::new(), MemoryLedger::new());
    let mut run = archive(from.path(), &tape, &ledger);
    run.limits.small_file = 100;
    let control = run.control.clone();
    let running = tokio::spawn(run.run());
    while tape.calls("write").len() < 5 && !running.is_finished() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    control.set(Command::Pause);
    tokio::time::sleep(Duration::from_millis(50)).await;
    control.set(Command::Run);
    let summary = running.await.expect("task").expect("run");
    assert_eq!(counts(&summary), (32, 0, 0));
    assert_eq!(tape.calls("write").len(), files.len(), "each once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recall_reads_each_file_once_in_the_order_they_lie_in() {
    let (from, back) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    let mut files = plant(from.path(), 0);
    // Later in the alphabet, earlier on the tape.
    let (tape, ledger) = (MemoryTape::new(), MemoryLedger::new());
    archive(from.path(), &tape, &ledger).run().await.expect("large first");
    files.extend(plant(from.path(), 20).into_iter().take(20));
    fs::write(from.path().join("0-huge"), bytes(40 << 20, 7)).expect("file");
    files.push(("0-huge".to_owned(), bytes(40 << 20, 7)));
    archive(from.path(), &tape, &ledger).run().await.expect("the rest");
    tape.revive(true);
    let down = MemoryLedger::new();
    let summary = recall(&tape, back.path(), &down).run().await.expect("down");
    assert_eq!(counts(&summary), (23, 0, 0));
    let places: Vec<u64> = tape.calls("read").iter().map(|path| tape.place(path)).collect();
    assert!(places.len() == 23 && places.is_sorted(), "{:?}", tape.calls("read"));
    for (name, content) in &files {
        assert!(fs::read(back.path().join(name)).expect("came back") == *content, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_are_named_one_by_one_are_read_in_the_order_they_lie_in() {
    let (from, back) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    let files = plant(from.path(), 20);
    let tape = MemoryTape::new();
    archive(from.path(), &tape, &MemoryLedger::new()).run().await.expect("up");
    tape.revive(true);
    let mut down = recall(&tape, back.path(), &MemoryLedger::new());
    let whole = down.sources.remove(0);
    let named = |(name, _): &(String, Vec<u8>)| Source { path: format!("in/{name}"), place_at: name.clone(), ..whole.clone() };
    down.sources = files.iter().rev().map(named).collect();
    let summary = down.run().await.expect("down");
    assert_eq!(counts(&summary), (22, 0, 0));
    let places: Vec<u64> = tape.calls("read").iter().map(|path| tape.place(path)).collect();
    assert!(places.len() == 22 && places.is_sorted(), "{:?}", tape.calls("read"));
    for (name, content) in &files {
        assert!(fs::read(back.path().join(name)).expect("came back") == *content, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recall_goes_around_files_that_cannot_be_read() {
    let (from, back) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    plant(from.path(), 10);
    let tape = MemoryTape::new();
    archive(from.path(), &tape, &MemoryLedger::new()).run().await.expect("up");
    tape.fail("read in/a/file-04", Failure::new(Kind::Corrupt, "a permanent read error"));
    tape.fail("read in/large-0", Failure::new(Kind::Corrupt, "a permanent read error"));
    tape.fail("read in/a/file-07", Failure::new(Kind::Unavailable, "the drive was reset"));
    let ledger = MemoryLedger::new();
    let summary = recall(&tape, back.path(), &ledger).run().await.expect("down");
    assert_eq!(counts(&summary), (10, 2, 0), "what may help is tried again");
    assert_eq!(ledger.state_of("in/a/file-04"), Some(PathState::Failed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_settled_when_it_is_on_the_disk_and_on_the_tape() {
    let (from, disk) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    let files = plant(from.path(), 10);
    let (tape, ledger) = (MemoryTape::new(), MemoryLedger::new());
    let mut run = archive(from.path(), &tape, &ledger);
    run.destinations.insert(0, Destination { trees: vec![local(disk.path())] });
    run.options.remove_source = true;
    tape.fail("write in/a/file-05", Failure::invalid("not this name"));
    let summary = run.run().await.expect("run");
    assert_eq!(counts(&summary), (11, 1, 0));
    for (name, content) in files {
        assert_eq!(fs::read(disk.path().join("in").join(&name)).expect("on the disk"), content);
        let kept = name == "a/file-05";
        assert_eq!(from.path().join(&name).exists(), kept, "{name}");
        if !kept {
            assert_eq!(ledger.settled(&name).expect("settled").copies.len(), 2);
            assert_eq!(tape.durable(&format!("in/{name}")), Some(content));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_on_the_tape_stays_unless_it_may_be_replaced() {
    let from = tempfile::tempdir().expect("dir");
    let files = plant(from.path(), 3);
    let (tape, ledger) = (MemoryTape::new(), MemoryLedger::new());
    archive(from.path(), &tape, &ledger).run().await.expect("first");
    for name in ["a/file-00", "large-0"] {
        fs::write(from.path().join(name), bytes(3_000, 55)).expect("file");
    }
    for (rename, expected) in [(false, (0, 0, 2)), (true, (2, 0, 0))] {
        let mut run = archive(from.path(), &tape, &MemoryLedger::new());
        (run.options.overwrite, run.options.rename) = (false, rename);
        let summary = run.run().await.expect("again");
        assert_eq!((counts(&summary), summary.unchanged), (expected, 3), "rename: {rename}");
        assert_eq!(tape.durable("in/large-0").as_deref(), files.iter().find(|(name, _)| name == "large-0").map(|(_, c)| &c[..]));
    }
    assert_eq!(tape.durable("in/a/file-00 (1)"), Some(bytes(3_000, 55)));
    let mut run = archive(from.path(), &tape, &MemoryLedger::new());
    (run.options.overwrite, run.options.rename) = (false, true);
    assert_eq!(run.run().await.expect("once more").unchanged, 5, "what was stored beside is found there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spool_smaller_than_the_files_holds_nobody_up() {
    let (from, back) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    let files = plant(from.path(), 20);
    let (tape, ledger) = (MemoryTape::new(), MemoryLedger::new());
    for small_file in [100, 1 << 20] {
        let mut run = archive(from.path(), &tape, &ledger);
        (run.limits.spool, run.limits.small_file) = (1_024, small_file);
        run.options.overwrite = true;
        assert_eq!(run.run().await.expect("up").failed, 0);
        let mut down = recall(&tape, back.path(), &MemoryLedger::new());
        (down.limits.spool, down.limits.small_file) = (1_024, small_file);
        assert_eq!(down.run().await.expect("down").failed, 0);
    }
    for (name, content) in &files {
        assert!(fs::read(back.path().join(name)).expect("came back") == *content, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_tape_to_tape_both_are_gone_along_once() {
    let from = tempfile::tempdir().expect("dir");
    let files = plant(from.path(), 10);
    let (first, second) = (MemoryTape::new(), MemoryTape::new());
    archive(from.path(), &first, &MemoryLedger::new()).run().await.expect("up");
    first.revive(true);
    let mut run = transfer(first.tree("A00001"), second.tree("A00002"), &MemoryLedger::new());
    run.sources = vec![Source { path: "in".to_owned(), place_at: "in".to_owned(), ..run.sources.remove(0) }];
    assert_eq!(counts(&run.run().await.expect("across")), (12, 0, 0));
    let places: Vec<u64> = first.calls("read").iter().map(|path| first.place(path)).collect();
    assert!(places.len() == 12 && places.is_sorted(), "{places:?}");
    for (name, content) in files {
        assert_eq!(second.durable(&format!("in/{name}")), Some(content), "{name}");
    }
}

#[tokio::test]
async fn a_pool_of_tapes_and_others_is_refused() {
    let (from, to) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    let tape = MemoryTape::new();
    let mut run = archive(from.path(), &tape, &MemoryLedger::new());
    run.destinations = vec![Destination { trees: vec![tape.tree("A00001"), local(to.path())] }];
    assert_eq!(run.run().await.expect_err("refused").code.as_deref(), Some("mixed-pool"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tape_tells_the_hashes_of_its_files_without_being_read() {
    let from = tempfile::tempdir().expect("dir");
    let files = plant(from.path(), 5);
    let (tape, ledger) = (MemoryTape::new(), MemoryLedger::new());
    archive(from.path(), &tape, &ledger).run().await.expect("up");
    tape.revive(true);
    let tree = tape.tree("A00001");
    let mut items = Vec::new();
    for (name, _) in &files {
        items.push(tree.stat(&format!("in/{name}")).await.expect("a look").expect("a file"));
    }
    let kept: Vec<_> = tree.kept_hashes(&items).await.into_iter().map(|hash| hash.expect("a hash")).collect();
    let expected: Vec<_> = files.iter().map(|(_, content)| Some(*blake3::hash(content).as_bytes())).collect();
    assert_eq!(kept, expected);
    assert_eq!(tape.calls("read"), Vec::<String>::new());
}
