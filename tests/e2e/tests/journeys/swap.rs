//! The S3 plugin is replaced by a new version while it works; no file fails.

use std::time::Duration;

use capstan_e2e::{Harbour, Shape, Tree, dist};
use capstan_test_servers::{ChecksumFront, Rgw, server_or_skip};

const PATIENCE: Duration = Duration::from_secs(300);

#[test]
fn a_plugin_replaced_while_it_works_fails_no_file() {
    let rgw = server_or_skip!(Rgw::get());
    let front = ChecksumFront::start(&rgw.s3).unwrap();
    // The work must still be under way when the plugin is replaced, and when it is put back.
    front.hold_up(400);
    let harbour = Harbour::open("swapped", &front.s3).unwrap();
    let client = harbour.host.client();
    let before = harbour.load(&Shape { files: 1_500, small: 8 << 10, large: vec![128 << 20], odd: false }).unwrap();
    let old = client.get("/capstan/v1/plugins/s3").unwrap()["active"].as_str().unwrap().to_owned();

    let up = harbour.upward("copy").unwrap();
    harbour.cargo.act(up, "run").unwrap();
    harbour.cargo.watch(up, PATIENCE, |run| run.bytes > 1 << 20).unwrap();
    let component = std::fs::read(dist().join("fixtures/s3-next.wasm")).unwrap();
    let installed = client.raw("POST", "/capstan/v1/plugins", Some("application/wasm"), &component).unwrap();
    assert_eq!(installed.status, 201, "{}", installed.text);
    let new = installed.json()["version"].as_str().unwrap().to_owned();
    assert_ne!(new, old);
    client.post(&format!("/capstan/v1/plugins/s3/versions/{new}/activate"), &serde_json::Value::Null).unwrap();
    assert_eq!(client.get("/capstan/v1/plugins/s3").unwrap()["active"], new.as_str());
    let during = harbour.cargo.execution(up).unwrap();
    assert!(!during.is_final(), "it was over before the plugin was replaced: {}", during.whole);
    // And back again, while it still works.
    client.post("/capstan/v1/plugins/s3/rollback", &serde_json::Value::Null).unwrap();
    assert_eq!(client.get("/capstan/v1/plugins/s3").unwrap()["active"], old.as_str());

    front.hold_up(0);
    // `finish` accepts nothing but `done`: no file failed, none was left out.
    let run = harbour.cargo.finish(up, PATIENCE).unwrap();
    assert_eq!(run.files, before.files.len() as u64, "{}", run.whole);
    harbour.cargo.run(harbour.downward().unwrap(), PATIENCE).unwrap();
    before.same_as(&Tree::read(&harbour.inbound()).unwrap()).unwrap();
    harbour.close().unwrap();
}
