//! A host whose clock is two hours ahead, before servers whose clocks are right: what checks the time is followed, by how much the
//! clock is off is told, and a tree goes there and back verified. And what is seen at a target whose clock cannot be followed.
//!
//! The gateway refuses a signature that is older than a quarter of an hour; a token of Keystone ends an hour after it is given,
//! which is in this host's past.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use std::time::Duration;

use capstan_e2e::{Client, Harbour, HostOptions, Shape, Tree};
use capstan_test_servers::{BusyFront, Cloud, Rgw, Swift, TurnedAway, WrongClock, server_or_skip};
use serde_json::json;

use crate::away::target_is;

const PATIENCE: Duration = Duration::from_secs(120);
/// Seconds.
const AHEAD: i64 = 2 * 60 * 60;
/// Milliseconds that a busy machine may put between an answer and the look at the clock.
const LATE: i64 = 60_000;
/// A front turns away whatever comes, until it is told that this is over.
const ALWAYS: u64 = 1_000_000;

/// The host is ahead, so the target is behind.
fn probe_tells_the_skew(client: &Client, target: &str) {
    let probe = client.post(&format!("/capstan/v1/targets/{target}/probe"), &json!({})).unwrap();
    let skew = probe["clock_skew_ms"].as_i64().unwrap();
    assert!((skew + AHEAD * 1_000).abs() <= LATE, "{probe}");
    target_is(client, target, "available");
}

/// The connector has no words for a domain and another place of the storage; they are laid over its target.
fn keystone_target(client: &Client, cloud: &Cloud) {
    let connector = json!({
        "name": "keystone", "provider": "openstack_swift", "url": cloud.auth_url, "region": cloud.region,
        "access_key": format!("{}:{}", cloud.project, cloud.user), "secret_key": cloud.password,
    });
    client.post("/api/v2/cloud_connectors", &connector).unwrap();
    let mut configuration = client.get("/capstan/v1/targets/keystone").unwrap()["configuration"].clone();
    configuration["user-domain"] = json!(cloud.user_domain);
    configuration["project-domain"] = json!(cloud.project_domain);
    configuration["storage-url"] = json!(cloud.storage_url);
    client.put("/capstan/v1/targets/keystone", &json!({ "configuration": configuration })).unwrap();
}

#[test]
fn a_host_whose_clock_is_wrong_follows_its_targets_and_tells_by_how_much() {
    let clock = server_or_skip!(WrongClock::ahead(AHEAD));
    let (rgw, swift) = (server_or_skip!(Rgw::get()), server_or_skip!(Swift::get()));
    let options = HostOptions { clock: Some(clock), ..HostOptions::default() };
    let harbour = Harbour::with("wrong-clock", &rgw.s3, options).unwrap();
    let client = &harbour.cargo.client;
    probe_tells_the_skew(client, "harbour-connector");
    keystone_target(client, &swift.cloud);
    probe_tells_the_skew(client, "keystone");
    let before = harbour.load(&Shape { files: 60, small: 8 << 10, large: vec![20 << 20], odd: false }).unwrap();
    harbour.cargo.run(harbour.upward("copy").unwrap(), PATIENCE).unwrap();
    harbour.cargo.run(harbour.downward().unwrap(), PATIENCE).unwrap();
    before.same_as(&Tree::read(&harbour.inbound()).unwrap()).unwrap();
    harbour.close().unwrap();
}

#[test]
fn a_clock_that_cannot_be_followed_is_seen_at_the_target_with_what_to_do() {
    let rgw = server_or_skip!(Rgw::get());
    let front = BusyFront::start(&rgw.s3).unwrap();
    let harbour = Harbour::open("other-clock", &front.s3).unwrap();
    let client = &harbour.cargo.client;
    // It refuses all that is signed and does not say which time it has.
    let skewed = TurnedAway { status: "403 Forbidden", code: Some("RequestTimeTooSkewed"), retry_after: None };
    front.turn_away(ALWAYS, "GET", skewed);
    let refused = client.send("POST", "/capstan/v1/targets/harbour-connector/probe", &json!({})).unwrap();
    assert!(refused.status >= 400, "{}", refused.text);
    let target = target_is(client, "harbour-connector", "unavailable");
    let failure = &target["failure"];
    assert_eq!((&failure["kind"], &failure["blame"]), (&json!("unauthenticated"), &json!("caller")), "{target}");
    assert!(failure["message"].as_str().is_some_and(|message| message.contains("clocks")), "{target}");
    assert!(failure["next_step"].as_str().is_some_and(|step| step.contains("clock")), "{target}");
    assert!(target["since"].as_str().is_some_and(|since| since.ends_with('Z')), "{target}");
    // Nobody asks again and again what somebody has to set right.
    assert!(front.turned_away() <= 4, "{} requests were refused", front.turned_away());

    front.let_in();
    client.post("/capstan/v1/targets/harbour-connector/probe", &json!({})).unwrap();
    let target = target_is(client, "harbour-connector", "available");
    assert_eq!((target.get("since"), target.get("failure")), (None, None), "{target}");
    harbour.close().unwrap();
}
