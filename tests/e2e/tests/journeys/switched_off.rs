//! A server that is switched off while nobody looks: the task that finds out is what shows the target as away, since when and why;
//! the mount of its pool says so as well; and when the server is back and the task has gone on, nothing of it is left.
//!
//! Nobody asks for a probe here, and the host itself looks only at targets that are away or that nobody called yet.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use capstan_e2e::{Cargo, Client, Harbour, Host, POOL, Stand, Tree};
use capstan_test_servers::{Ganesha, Gate, Rgw, server_or_skip};
use serde_json::{Value, json};

use crate::away::target_is;

const PATIENCE: Duration = Duration::from_secs(90);
/// Name of the NAS and of the pool over its share.
const SHELF: &str = "shelf";

fn is_away(client: &Client, target: &str) -> Value {
    let away = target_is(client, target, "unavailable");
    let failure = &away["failure"];
    assert!(matches!(failure["kind"].as_str(), Some("unavailable" | "timed-out")), "{away}");
    assert_eq!(failure["blame"], "target", "whose fault is it? {away}");
    assert!(failure["message"].as_str().is_some_and(|message| !message.is_empty()), "{away}");
    assert!(away["since"].as_str().is_some_and(|since| since.ends_with('Z')), "{away}");
    away
}

fn is_back(client: &Client, target: &str) {
    let back = target_is(client, target, "available");
    assert_eq!((back.get("since"), back.get("failure")), (None, None), "{back}");
}

/// The documents of the Nodeum API know no state of a share or a connector; the mount of its pool is where it tells.
fn mount_names(client: &Client, pool: &str, target: &str) {
    let refused = client.put(&format!("/api/v2/pools/{pool}/mount"), &json!({})).unwrap();
    assert_eq!((&refused["mounted"], &refused["status"]), (&json!(false), &Value::Null), "{refused}");
    assert!(refused["message"].as_str().is_some_and(|message| message.contains(target)), "{refused}");
}

fn fill(container: &Path, folder: &str) {
    fs::create_dir_all(container.join(folder)).unwrap();
    for number in 0..4_u8 {
        fs::write(container.join(folder).join(format!("file {number}")), vec![number + 1; 20_000]).unwrap();
    }
}

/// To its end, whatever that is; one that gave some files up is run once more.
fn finished(cargo: &Cargo, task: i64) {
    if cargo.watch(task, PATIENCE, |_| false).unwrap().status != "done" {
        cargo.run(task, PATIENCE).unwrap();
    }
}

#[test]
fn a_task_that_finds_its_nfs_server_switched_off_shows_the_target_as_away_until_it_is_back() {
    let mut ganesha = server_or_skip!(Ganesha::start());
    let (host, _room) = Host::fresh().unwrap();
    let cargo = Cargo::new(host.client());
    let client = &cargo.client;
    let export = ganesha.export("open");
    let options = format!("port={},mountport={}", ganesha.port, ganesha.mount_port);
    cargo.nas_pool(SHELF, "nfs_v3", "data_exchange", &json!({ "name": "share", "path": export, "options": options })).unwrap();
    cargo.container("outbound").unwrap();
    fill(&host.container("outbound"), "first");
    let up = cargo.carry("up", Stand::Container("/outbound"), Stand::NasPool(SHELF)).unwrap();
    cargo.run(up, PATIENCE).unwrap();
    is_back(client, "shelf:share");

    ganesha.stop();
    fill(&host.container("outbound"), "second");
    cargo.act(up, "run").unwrap();
    let away = is_away(client, "shelf:share");
    mount_names(client, SHELF, "shelf:share");
    // Failures that follow change neither.
    assert_eq!(is_away(client, "shelf:share")["since"], away["since"]);

    ganesha.restart().unwrap();
    finished(&cargo, up);
    is_back(client, "shelf:share");
    Tree::read(&host.container("outbound")).unwrap().same_as(&Tree::read(&export).unwrap()).unwrap();
    host.stop().unwrap();
}

#[test]
fn a_task_that_finds_nobody_at_its_s3_server_shows_the_target_as_away_until_it_is_back() {
    let rgw = server_or_skip!(Rgw::get());
    let mut gate = Gate::open(&rgw.s3).unwrap();
    let harbour = Harbour::open("switched-off", &gate.s3).unwrap();
    let (cargo, client, target) = (&harbour.cargo, &harbour.cargo.client, "harbour-connector");
    fill(&harbour.outbound(), "first");
    let up = harbour.upward("copy").unwrap();
    cargo.run(up, PATIENCE).unwrap();
    is_back(client, target);

    gate.shut();
    fill(&harbour.outbound(), "second");
    cargo.act(up, "run").unwrap();
    let away = is_away(client, target);
    mount_names(client, POOL, target);
    assert_eq!(is_away(client, target)["since"], away["since"]);

    gate.reopen().unwrap();
    finished(cargo, up);
    is_back(client, target);
    cargo.run(harbour.downward().unwrap(), PATIENCE).unwrap();
    Tree::read(&harbour.outbound()).unwrap().same_as(&Tree::read(&harbour.inbound()).unwrap()).unwrap();
    harbour.close().unwrap();
}
