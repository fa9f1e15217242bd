//! Every kind of target in one journey: what is read from one is what the next one keeps.

#![allow(clippy::unwrap_used, reason = "everything here is a test")]

use std::time::Duration;

use capstan_e2e::{Shape, Tour};
use capstan_test_servers::{Missing, skip};

const PATIENCE: Duration = Duration::from_secs(300);

#[test]
fn a_tree_goes_from_nfs_to_azure_to_google_to_smb_and_back_verified() {
    // A server that is not installed skips; whatever else keeps the tour from opening is a failure.
    let (tour, legs) = match Tour::open() {
        Err(reason) if reason.is::<Missing>() => return skip(&reason),
        opened => opened.unwrap(),
    };
    let before = tour.load(&Shape { files: 300, small: 8 << 10, large: vec![24 << 20], odd: true }).unwrap();
    for leg in &legs {
        let end = tour.run(leg, PATIENCE).unwrap();
        assert_eq!(end.files, before.files.len() as u64, "{}", leg.name);
    }
    before.same_as(&tour.back().unwrap()).unwrap();
    tour.host.stop().unwrap();
}
