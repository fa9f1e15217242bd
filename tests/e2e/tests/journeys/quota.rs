//! A bucket whose quota is used up in the middle of a task: the task ends, each path that did not fit says so and what to do, what
//! fitted is good, and the target is still there for who reads.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use std::fs;
use std::time::Duration;

use capstan_e2e::{Harbour, Outcomes, Shape};
use capstan_test_servers::{Rgw, server_or_skip};

const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn a_bucket_without_room_ends_the_task_with_the_paths_that_did_not_fit() {
    let rgw = server_or_skip!(Rgw::get());
    let harbour = Harbour::open("quota", &rgw.bounded()).unwrap();
    // Far more than the bucket may hold, also where many come in before the gateway has counted the first.
    let before = harbour.load(&Shape { files: 100, small: 400 << 10, large: Vec::new(), odd: false }).unwrap();
    assert!(before.bytes() > 4 * Rgw::BUCKET_QUOTA, "{} bytes", before.bytes());
    let up = harbour.upward("copy").unwrap();
    harbour.cargo.act(up, "run").unwrap();
    let run = harbour.cargo.watch(up, PATIENCE, |_| false).unwrap();
    assert_ne!(run.status, "done", "{}", run.whole);

    let outcomes = Outcomes::of(&harbour.cargo, &run).unwrap();
    let (failed, done) = (outcomes.in_state("failed"), outcomes.in_state("done"));
    assert!(!failed.is_empty() && !done.is_empty(), "{outcomes:?}");
    for path in &failed {
        let failure = &outcomes.paths[*path]["failure"];
        assert_eq!((outcomes.kind(path), failure["blame"].as_str()), (Some("no-space"), Some("target")), "{path}: {failure}");
        assert!(failure["next_step"].as_str().is_some_and(|step| step.contains("quota")), "{path}: {failure}");
    }
    // What is told to be there is there, whole, and nothing else is.
    let keys = harbour.s3.list(&harbour.bucket).unwrap();
    for path in &done {
        assert!(keys.iter().any(|key| path.ends_with(key.as_str())), "{path} is told to be there: {keys:?}");
    }
    for key in keys.iter().filter(|key| !key.ends_with('/')) {
        let stored = harbour.s3.get(&harbour.bucket, key).unwrap();
        assert!(stored == fs::read(harbour.outbound().join(key)).unwrap(), "{key} is not what was sent");
        assert!(!failed.iter().any(|path| path.ends_with(key.as_str())), "{key} is told to have failed");
    }
    assert!(harbour.s3.unfinished(&harbour.bucket).unwrap().is_empty());

    // Full is not away: what lies there comes back.
    harbour.cargo.run(harbour.downward().unwrap(), PATIENCE).unwrap();
    let target = harbour.cargo.client.get("/capstan/v1/targets/harbour-connector").unwrap();
    assert_eq!(target["status"], "available", "{target}");
    harbour.close().unwrap();
}
