//! A disk that runs full under a task: what fitted is good, what did not is told, and with more room the task ends.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use std::time::Duration;

use capstan_e2e::{Harbour, Outcomes, Shape, Tree};
use capstan_test_servers::{Rgw, SmallDisk, server_or_skip};

const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn a_full_disk_says_so_keeps_what_fitted_and_ends_well_with_more_room() {
    let rgw = server_or_skip!(Rgw::get());
    let harbour = Harbour::open("full-disk", &rgw.s3).unwrap();
    let disk = server_or_skip!(SmallDisk::over(&harbour.inbound(), 12));
    let before = harbour.load(&Shape { files: 120, small: 32 << 10, large: vec![20 << 20, 6 << 20], odd: false }).unwrap();
    harbour.cargo.run(harbour.upward("copy").unwrap(), PATIENCE).unwrap();

    let down = harbour.downward().unwrap();
    harbour.cargo.act(down, "run").unwrap();
    let run = harbour.cargo.watch(down, PATIENCE, |_| false).unwrap();
    assert_ne!(run.status, "done", "{}", run.whole);
    let outcomes = Outcomes::of(&harbour.cargo, &run).unwrap();
    let failed = outcomes.in_state("failed");
    assert!(failed.iter().any(|path| path.ends_with("large-0.bin")), "20 MiB cannot fit into 12: {outcomes:?}");
    for path in &failed {
        assert_eq!(outcomes.kind(path), Some("no-space"), "{path}: {:?}", outcomes.paths[*path]);
    }
    // What is told to be there is there whole; half a file shows under no name.
    let after = Tree::read(&harbour.inbound()).unwrap();
    for (name, content) in &after.files {
        assert_eq!(before.files.get(name).map(|sent| sent.hash), Some(content.hash), "{:?}", String::from_utf8_lossy(name));
    }
    for path in outcomes.in_state("done") {
        assert!(after.files.contains_key(path.trim_start_matches('/').as_bytes()), "{path} is told to be there");
    }
    assert!(!disk.names().unwrap().is_empty());

    disk.grow(64).unwrap();
    harbour.cargo.run(down, PATIENCE).unwrap();
    before.same_as(&Tree::read(&harbour.inbound()).unwrap()).unwrap();
    drop(disk);
    harbour.close().unwrap();
}
