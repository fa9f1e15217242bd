//! Objects in cold storage come back through a task: asked for, waited for, copied, while the others go at once.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use std::time::Duration;

use capstan_e2e::{Harbour, Outcomes, Shape, Tree};
use capstan_test_servers::{Moto, server_or_skip};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(120);
/// Looks at an object that was asked for before it is there: more than come before the test lets it.
const LOOKS: u32 = 100;

#[test]
fn cold_files_are_asked_for_and_arrive_later_while_the_others_go_at_once() {
    let moto = server_or_skip!(Moto::start());
    let harbour = Harbour::open("cold", &moto.s3).unwrap();
    let before = harbour.load(&Shape { files: 12, small: 8 << 10, large: vec![3 << 20], odd: false }).unwrap();
    harbour.cargo.run(harbour.upward("copy").unwrap(), PATIENCE).unwrap();
    // As a rule of the bucket would do it: two objects, a small and a large one, go to the cold class.
    let cold = ["folder-000/file-000003.bin", "large-0.bin"];
    for key in cold {
        moto.freeze(&harbour.bucket, key, LOOKS).unwrap();
    }

    let down = harbour.downward().unwrap();
    harbour.cargo.act(down, "run").unwrap();
    let mut waited = None;
    let waiting = harbour.cargo.watch(down, PATIENCE, |run| {
        let outcomes = Outcomes::of(&harbour.cargo, run).unwrap();
        let waits = outcomes.job["failure"]["code"] == "recalled";
        if waits {
            waited = Some(outcomes);
        }
        waits
    });
    let waited = waited.unwrap_or_else(|| panic!("the job did not say that it waits for cold files: {waiting:?}"));
    assert_eq!((&waited.job["state"], &waited.job["failure"]["kind"]), (&json!("queued"), &json!("offline")), "{}", waited.job);
    // What waits has no outcome yet, everything else has.
    assert!(!waited.paths.keys().any(|path| cold.iter().any(|key| path.ends_with(key))), "{waited:?}");
    assert_eq!(waited.in_state("done").len(), before.files.len() - cold.len(), "{waited:?}");

    moto.restore_takes(1).unwrap();
    harbour.cargo.finish(down, PATIENCE).unwrap();
    before.same_as(&Tree::read(&harbour.inbound()).unwrap()).unwrap();
    harbour.close().unwrap();
}
