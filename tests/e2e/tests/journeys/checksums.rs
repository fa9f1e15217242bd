//! What a target verifies on arrival, and what the host verifies because no target did.

use std::time::Duration;

use capstan_e2e::{Harbour, Shape, Tree};
use capstan_test_servers::{ChecksumFront, Rgw, server_or_skip};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(300);

fn shape() -> Shape {
    Shape { files: 40, small: 32 << 10, large: vec![40 << 20], odd: false }
}

#[test]
fn an_upload_the_target_refuses_for_its_checksum_is_sent_again() {
    let rgw = server_or_skip!(Rgw::get());
    let front = ChecksumFront::start(&rgw.s3).unwrap();
    let harbour = Harbour::open("rejected", &front.s3).unwrap();
    // The probe tries what this endpoint verifies; uploads carry that from then on.
    harbour.cargo.client.post("/capstan/v1/targets/harbour-connector/probe", &json!({})).unwrap();
    let (verified, refused) = (front.verified(), front.refused());
    let before = harbour.load(&shape()).unwrap();
    front.spoil(3);
    harbour.cargo.run(harbour.upward("copy").unwrap(), PATIENCE).unwrap();
    assert!(front.verified() > verified, "no upload carried a checksum");
    assert_eq!(front.refused() - refused, 3, "what was spoilt under way was refused on arrival");
    harbour.cargo.run(harbour.downward().unwrap(), PATIENCE).unwrap();
    before.same_as(&Tree::read(&harbour.inbound()).unwrap()).unwrap();
    harbour.close().unwrap();
}

#[test]
fn an_upload_spoilt_under_way_to_a_target_that_verifies_nothing_is_found_by_reading_back() {
    let rgw = server_or_skip!(Rgw::get());
    let front = ChecksumFront::start(&rgw.s3).unwrap();
    let harbour = Harbour::open("unverified", &front.s3).unwrap();
    let before = harbour.load(&shape()).unwrap();
    front.spoil(3);
    let up = harbour.upward("copy").unwrap();
    harbour.cargo.act(up, "run").unwrap();
    let up = harbour.cargo.watch(up, PATIENCE, |_| false).unwrap();
    // Sent again, or told to have failed: never taken for good.
    let down = harbour.downward().unwrap();
    harbour.cargo.act(down, "run").unwrap();
    harbour.cargo.watch(down, PATIENCE, |_| false).unwrap();
    let after = Tree::read(&harbour.inbound()).unwrap();
    assert!(up.status != "done" || after.files.len() == before.files.len(), "{}", up.whole);
    for (name, content) in &after.files {
        let sent = &before.files[name];
        assert!(up.status != "done" || content.hash == sent.hash, "{} is spoilt", String::from_utf8_lossy(name));
    }
    harbour.close().unwrap();
}

#[test]
fn a_download_spoilt_under_way_is_never_taken_for_the_file() {
    let rgw = server_or_skip!(Rgw::get());
    let front = ChecksumFront::start(&rgw.s3).unwrap();
    let harbour = Harbour::open("spoilt-down", &front.s3).unwrap();
    let before = harbour.load(&shape()).unwrap();
    harbour.cargo.run(harbour.upward("copy").unwrap(), PATIENCE).unwrap();
    front.spoil_down(3);
    let down = harbour.downward().unwrap();
    harbour.cargo.act(down, "run").unwrap();
    let run = harbour.cargo.watch(down, PATIENCE, |_| false).unwrap();
    assert_eq!(front.left_to_spoil_down(), 0, "nothing was spoilt");
    let after = Tree::read(&harbour.inbound()).unwrap();
    for (name, content) in &after.files {
        assert_eq!(content.hash, before.files[name].hash, "{} was taken although it was spoilt", String::from_utf8_lossy(name));
    }
    assert!(run.status != "done" || after.files.len() == before.files.len(), "{}", run.whole);
    harbour.close().unwrap();
}
