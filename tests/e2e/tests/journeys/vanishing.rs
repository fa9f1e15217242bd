//! Things that go away under a task: its bucket, its files.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use std::fs;
use std::io::Write;
use std::time::Duration;

use capstan_e2e::{Harbour, Outcomes, Shape, Tree};
use capstan_test_servers::{ChecksumFront, Rgw, server_or_skip};

const PATIENCE: Duration = Duration::from_secs(120);
/// How long each upload is held up, so that something can go away meanwhile. Milliseconds.
const HELD_UP: u64 = 300;

#[test]
fn a_bucket_that_vanishes_ends_the_task_and_a_move_has_lost_nothing() {
    let rgw = server_or_skip!(Rgw::get());
    let front = ChecksumFront::start(&rgw.s3).unwrap();
    front.hold_up(HELD_UP);
    let harbour = Harbour::open("vanished", &front.s3).unwrap();
    let before = harbour.load(&Shape { files: 600, small: 8 << 10, large: vec![], odd: false }).unwrap();
    let up = harbour.upward("move").unwrap();
    harbour.cargo.act(up, "run").unwrap();
    let seen = harbour.cargo.watch(up, PATIENCE, |run| run.files > 0 || run.bytes > 0).unwrap();
    assert!(!seen.is_final(), "it was over before the bucket went: {}", seen.whole);
    // Objects arrive while it is emptied; it goes when it was empty for a moment.
    let gone = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        rgw.s3.delete_bucket(&harbour.bucket).is_ok()
    });
    assert!(gone, "the bucket could not be taken away");
    front.hold_up(0);
    let run = harbour.cargo.watch(up, PATIENCE, |_| false).unwrap();
    assert_ne!(run.status, "done", "{}", run.whole);
    let outcomes = Outcomes::of(&harbour.cargo, &run).unwrap();
    assert!(outcomes.job["failure"]["message"].is_string(), "{}", outcomes.job);
    for path in outcomes.in_state("failed") {
        // Nothing to store into, or stored and gone before it was read back.
        assert!(matches!(outcomes.kind(path), Some("not-found" | "corrupt")), "{path}: {}", outcomes.paths[path]);
    }
    // What the bucket took with it had been read back and recorded before its source went; nothing else is gone.
    let left = Tree::read(&harbour.outbound()).unwrap();
    for name in before.files.keys().filter(|name| !left.files.contains_key(*name)) {
        let path = String::from_utf8_lossy(name);
        let told = outcomes.paths.iter().find(|(told, _)| told.ends_with(path.as_ref()));
        assert!(told.is_some_and(|(_, one)| one["state"] == "done"), "{path} is gone and nobody stored it");
    }

    // With the bucket back the rest goes up, and comes back.
    rgw.s3.create_bucket(&harbour.bucket).unwrap();
    harbour.cargo.run(up, PATIENCE).unwrap();
    harbour.cargo.run(harbour.downward().unwrap(), PATIENCE).unwrap();
    left.same_as(&Tree::read(&harbour.inbound()).unwrap()).unwrap();
    harbour.close().unwrap();
}

#[test]
fn a_file_that_changes_or_goes_while_it_is_read_costs_no_other_and_is_never_stored_half() {
    let rgw = server_or_skip!(Rgw::get());
    let front = ChecksumFront::start(&rgw.s3).unwrap();
    let harbour = Harbour::open("changing", &front.s3).unwrap();
    let before = harbour.load(&Shape { files: 50, small: 8 << 10, large: vec![96 << 20, 96 << 20], odd: false }).unwrap();
    front.hold_up(HELD_UP);
    let up = harbour.upward("copy").unwrap();
    harbour.cargo.act(up, "run").unwrap();
    let seen = harbour.cargo.watch(up, PATIENCE, |run| run.bytes > 8 << 20).unwrap();
    assert!(!seen.is_final(), "it was over before anything changed: {}", seen.whole);
    fs::remove_file(harbour.outbound().join("large-1.bin")).unwrap();
    let mut growing = fs::File::options().append(true).open(harbour.outbound().join("large-0.bin")).unwrap();
    growing.write_all(b"more").unwrap();
    drop(growing);
    front.hold_up(0);
    let run = harbour.cargo.watch(up, PATIENCE, |_| false).unwrap();
    let outcomes = Outcomes::of(&harbour.cargo, &run).unwrap();
    for name in before.files.keys().filter(|name| !name.starts_with(b"large")) {
        let path = String::from_utf8_lossy(name);
        let told = outcomes.paths.iter().find(|(told, _)| told.ends_with(path.as_ref()));
        assert!(told.is_some_and(|(_, one)| one["state"] == "done"), "{path}: {told:?}");
    }
    let gone = outcomes.paths.iter().find(|(path, _)| path.ends_with("large-1.bin")).unwrap();
    // What was open is read to its end, as files are; what was not is told to be gone.
    let stored = gone.1["state"] == "done";
    assert!(stored || gone.1["failure"]["message"].is_string(), "{gone:?}");
    assert_eq!(run.status, if stored { "done" } else { "finished_with_warnings" }, "{}", run.whole);

    // What stands in the bucket is a state the file really had.
    harbour.cargo.run(harbour.downward().unwrap(), PATIENCE).unwrap();
    let (after, now) = (Tree::read(&harbour.inbound()).unwrap(), Tree::read(&harbour.outbound()).unwrap());
    for (name, content) in &after.files {
        let hashes = [before.files.get(name), now.files.get(name)].map(|state| state.map(|state| state.hash));
        assert!(hashes.contains(&Some(content.hash)), "{} is in no state it ever had", String::from_utf8_lossy(name));
    }
    assert_eq!(after.files.contains_key(b"large-1.bin".as_slice()), stored);
    harbour.close().unwrap();
}
