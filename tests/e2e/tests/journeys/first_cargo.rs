//! The first cargo: a directory tree goes into an S3 bucket through a sandboxed plugin, over REST, and comes back verified.
//!
//! Sizes fit a run of all tests; `cargo xtask prove first-cargo` does the same with 20,000 files and 2 GiB.

use std::time::Duration;

use capstan_e2e::{Harbour, HostOptions, Shape, Tree};
use capstan_test_servers::{Postgres, Rclone, Rgw, server_or_skip};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(300);

fn there_and_back(harbour: Harbour, shape: &Shape) -> anyhow::Result<()> {
    let before = harbour.load(shape)?;
    let up = harbour.cargo.run(harbour.upward("copy")?, PATIENCE)?;
    assert_eq!((up.files, up.bytes), (before.files.len() as u64, before.bytes()), "{}", up.whole);
    let down = harbour.cargo.run(harbour.downward()?, PATIENCE)?;
    assert_eq!(down.files, before.files.len() as u64, "{}", down.whole);
    before.same_as(&Tree::read(&harbour.inbound())?)?;
    harbour.close()
}

#[test]
fn a_tree_goes_up_to_ceph_and_comes_back_verified() {
    let rgw = server_or_skip!(Rgw::get());
    let shape = Shape { files: 2_000, small: 8 << 10, large: vec![128 << 20], odd: true };
    there_and_back(Harbour::open("first-cargo", &rgw.s3).unwrap(), &shape).unwrap();
}

/// `rclone serve s3` answers a range with the whole object: what is too large for one read is read whole, in order, and verified
/// all the same, also after the host was killed.
#[test]
fn a_tree_goes_up_to_rclone_and_comes_back_verified() {
    let rclone = server_or_skip!(Rclone::start());
    let shape = Shape { files: 300, small: 256 << 10, large: vec![100 << 20, 20 << 20, (1 << 20) + 1], odd: false };
    let harbour = Harbour::open("second-opinion", &rclone.s3).unwrap();
    let before = harbour.load(&shape).unwrap();
    harbour.cargo.run(harbour.upward("copy").unwrap(), PATIENCE).unwrap();
    let target = harbour.cargo.client.send("POST", "/capstan/v1/targets/harbour-connector/probe", &json!({})).unwrap();
    assert!(target.text.contains("\"ranges\""), "the probe tells of it: {}", target.text);
    harbour.cargo.run(harbour.downward().unwrap(), PATIENCE).unwrap();
    before.same_as(&Tree::read(&harbour.inbound()).unwrap()).unwrap();
    harbour.close().unwrap();
}

#[test]
fn postgresql_as_catalogue_carries_the_same_cargo() {
    let rgw = server_or_skip!(Rgw::get());
    // One of its own: a catalogue may not be shared with another test's host.
    let postgres = server_or_skip!(Postgres::start());
    let options = HostOptions { database: Some(postgres.url.clone()), ..HostOptions::default() };
    let shape = Shape { files: 200, small: 8 << 10, large: vec![40 << 20], odd: true };
    there_and_back(Harbour::with("on-postgres", &rgw.s3, options).unwrap(), &shape).unwrap();
}

#[test]
fn a_move_leaves_nothing_behind_but_what_arrived() {
    let rgw = server_or_skip!(Rgw::get());
    let harbour = Harbour::open("moved", &rgw.s3).unwrap();
    let before = harbour.load(&Shape { files: 150, small: 8 << 10, large: vec![20 << 20], odd: true }).unwrap();
    harbour.cargo.run(harbour.upward("move").unwrap(), PATIENCE).unwrap();
    assert!(Tree::read(&harbour.outbound()).unwrap().files.is_empty(), "a move leaves no file in its source");
    harbour.cargo.run(harbour.downward().unwrap(), PATIENCE).unwrap();
    before.same_as(&Tree::read(&harbour.inbound()).unwrap()).unwrap();
    harbour.close().unwrap();
}

#[test]
fn a_second_run_finds_everything_unchanged() {
    let rgw = server_or_skip!(Rgw::get());
    let harbour = Harbour::open("again", &rgw.s3).unwrap();
    harbour.load(&Shape { files: 100, small: 8 << 10, large: vec![], odd: false }).unwrap();
    let task = harbour.upward("copy").unwrap();
    harbour.cargo.run(task, PATIENCE).unwrap();
    let second = harbour.cargo.run(task, PATIENCE).unwrap();
    let job = second.whole["id"].as_str().unwrap().to_owned();
    let outcomes = harbour.cargo.client.get(&format!("/capstan/v1/jobs/{job}/outcomes?limit=200")).unwrap();
    let states: Vec<&str> = outcomes["items"].as_array().unwrap().iter().filter_map(|one| one["state"].as_str()).collect();
    assert_eq!(states.iter().filter(|state| **state == "unchanged").count(), 100, "{states:?}");
    harbour.close().unwrap();
}
