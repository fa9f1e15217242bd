//! The Zadara plugin under the real runtime, on the simulated VPSA and its real iSCSI target.

#![allow(clippy::unwrap_used, reason = "a test that fails here says where")]

use std::sync::Arc;

use capstan_conformance::check::{CONTRACT, kept};
use capstan_conformance::content::{counting, same, same_seeded, seeded};
use capstan_conformance::fails;
use capstan_conformance::host::{Host, built};
use capstan_conformance::zadara::{configuration, host, target};
use capstan_domain::failure::Kind;
use capstan_domain::ports::{Attachment, CloneSource, Drives};
use capstan_test_servers::{Vpsa, server_or_skip};
use serde_json::json;

const GIB: u64 = 1 << 30;
const POOL: &str = Vpsa::POOL;

fn drives(host: &Host) -> Arc<dyn Drives> {
    host.connection.drives().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn zadara_keeps_the_contract() {
    let server = server_or_skip!(Vpsa::start());
    kept("zadara", target(&server, json!({})), CONTRACT).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drive_has_the_bytes_that_were_written_through_everything_that_is_done_with_it() {
    let server = server_or_skip!(Vpsa::start());
    let mut host = host(&server, json!({})).await.unwrap();
    let port = drives(&host);
    assert_eq!(port.create(POOL, "one", GIB, "a1", Vec::new()).await.unwrap().size, GIB);
    let length = (6 << 20) + 512;
    port.write(POOL, "one", 4096, counting(length), "w1").await.unwrap();
    port.flush(POOL, "one").await.unwrap();
    let (drive, body) = port.read(POOL, "one", 4096, length).await.unwrap();
    assert_eq!((drive.name.as_str(), drive.size), ("one", GIB));
    same(body, 0, length).await.unwrap();
    let taken = port.take_snapshot(POOL, "one", "before", "s1").await.unwrap();
    assert_eq!(taken.size, GIB);
    assert_eq!(port.resize(POOL, "one", 2 * GIB, "g1").await.unwrap().size, 2 * GIB);
    port.write(POOL, "one", 4096, seeded(length, 7), "w2").await.unwrap();
    let source = CloneSource { name: "one", snapshot: Some("before"), size: GIB };
    port.clone_drive(POOL, source, "two", "c1", Vec::new()).await.unwrap();
    // Another instance.
    host.reopen();
    let port = drives(&host);
    same(port.read(POOL, "two", 4096, length).await.unwrap().1, 0, length).await.unwrap();
    same_seeded(port.read(POOL, "one", 4096, length).await.unwrap().1, 7, length).await.unwrap();
    port.discard(POOL, "one", 1 << 20, 1 << 20, "d1").await.unwrap();
    let extents = port.extents(POOL, "one", 0, 2 * GIB, 100).await.unwrap();
    assert!(
        extents.extents.iter().all(|extent| extent.offset >= 2 << 20 || extent.offset + extent.length <= 1 << 20),
        "{extents:?}"
    );
    assert_eq!(port.restore_snapshot(POOL, "one", "before", "r1").await.unwrap().size, 2 * GIB);
    same(port.read(POOL, "one", 4096, length).await.unwrap().1, 0, length).await.unwrap();
    assert_eq!(port.attach(POOL, "one", false, "at1").await.unwrap(), Attachment::Calls);
    port.detach(POOL, "one", "de1").await.unwrap();
    for name in ["one", "two"] {
        port.delete(POOL, name, "x1").await.unwrap();
        fails(port.get(POOL, name).await, Kind::NotFound, "a deleted drive").unwrap();
    }
    assert!(server.volumes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_ends_and_is_there_again_costs_no_byte() {
    let server = server_or_skip!(Vpsa::start());
    let host = host(&server, json!({ "digests": "required" })).await.unwrap();
    let port = drives(&host);
    port.create(POOL, "steady", GIB, "a1", Vec::new()).await.unwrap();
    let length = 8 << 20;
    port.write(POOL, "steady", 0, counting(length), "w1").await.unwrap();
    server.restart_target().unwrap();
    same(port.read(POOL, "steady", 0, length).await.unwrap().1, 0, length).await.unwrap();
    server.restart_target().unwrap();
    port.write(POOL, "steady", 0, seeded(length, 3), "w2").await.unwrap();
    let (_, body) = port.read(POOL, "steady", 0, length).await.unwrap();
    server.restart_target().unwrap();
    same_seeded(body, 3, length).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_answer_was_lost_is_found_again() {
    let server = server_or_skip!(Vpsa::start());
    let mut host = host(&server, json!({})).await.unwrap();
    server.fall_silent(1, "POST", "/volumes.json");
    let lost = drives(&host).create(POOL, "found", GIB, "a1", Vec::new()).await.unwrap_err();
    assert!(lost.may_retry() && lost.maybe_done, "{lost:?}");
    host.reopen();
    drives(&host).create(POOL, "found", GIB, "a1", Vec::new()).await.unwrap();
    assert_eq!(server.volumes(), ["found"]);
    fails(drives(&host).create(POOL, "found", GIB, "a2", Vec::new()).await, Kind::AlreadyExists, "another attempt").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_the_configuration_opens_the_bytes_without_leaving_the_host() {
    let server = server_or_skip!(Vpsa::start());
    let (user, secret) = server.chap();
    for (secret, good) in [(secret.as_str(), true), ("quite-another-one", false)] {
        let configured = configuration(&server, json!({ "chap-user": user }));
        let secrets = [("access-key", server.access_key.as_str()), ("chap-secret", secret)];
        let host = Host::start(&built("zadara"), configured, &secrets).await.unwrap();
        let (port, name) = (drives(&host), if good { "open" } else { "closed" });
        port.create(POOL, name, GIB, "a1", Vec::new()).await.unwrap();
        let written = port.write(POOL, name, 0, counting(4096), "w1").await;
        if good {
            written.unwrap();
        } else {
            fails(written, Kind::Unauthenticated, "a wrong secret").unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_that_nobody_configured_needs_a_grant() {
    let server = server_or_skip!(Vpsa::start());
    let configured = json!({ "endpoint": server.endpoint, "iscsi-port": server.iscsi_port });
    let host = Host::start(&built("zadara"), configured, &[("access-key", &server.access_key)]).await.unwrap();
    let port = drives(&host);
    port.create(POOL, "far", GIB, "a1", Vec::new()).await.unwrap();
    let denied = port.flush(POOL, "far").await.unwrap_err();
    assert_eq!((denied.kind, denied.code.as_deref()), (Kind::Denied, Some("not-granted")));
    assert!(denied.next_step.is_some_and(|step| step.contains(&server.iscsi_port.to_string())));
    port.delete(POOL, "far", "x1").await.unwrap();
}
