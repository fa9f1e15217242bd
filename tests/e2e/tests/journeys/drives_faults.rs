//! Engines of drives that are full, away or slow in the middle of what is done: it goes on when the engine is back, or fails with a
//! failure that says why and that the drive shows; no engine keeps what nobody tells of.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use std::thread::sleep;
use std::time::{Duration, Instant};

use capstan_e2e::drives::{Catalogue, Change, Dssd, Engine, GIB, Nvme, Operation, Rig, Zadara, holds, in_step, put};
use capstan_e2e::{Client, Host, HostOptions};
use capstan_test_servers::{SmallDisk, server_or_skip};
use serde_json::{Value, json};

use crate::drives_clients::{API, PATIENCE, act, path, wait};

/// MiB of a disk that two drives with this many bytes of data do not fit on, and of one that they do.
const SMALL: u64 = 48;
const ROOMY: u64 = 128;
const DATA: u64 = 32 << 20;
const SEED: u64 = 7;
const READY: [&str; 1] = ["unmounted"];
const FAILED: [&str; 1] = ["unavailable"];
const PAUSE: Duration = Duration::from_millis(50);
/// What each request to a slow engine takes longer, and what the array takes for what it does by itself.
const SLOW: Duration = Duration::from_millis(150);
const SLOW_ARRAY: Duration = Duration::from_millis(800);
/// A status of the simulated array, with the sentence of one that is full.
const FULL: i64 = 20_002;
/// A job is taken up so often while its engine is away; then it has failed.
const GIVES_UP_SOON: &str = "[jobs]\nattempts = 2\n";

fn make(client: &Client, noun: &str, body: &Value) -> Value {
    client.post(&format!("{API}/{noun}/"), body).unwrap()["objects"][0].clone()
}

fn drive(client: &Client, name: &str, size: u64, storage_type: &str) -> Value {
    make(client, "drives", &json!({ "name": name, "media": "disk", "size": size, "storage_type": storage_type }))
}

fn clone_of(client: &Client, drive: &Value, body: &Value) -> Value {
    let answer = act(client, drive, "clone", body);
    assert_eq!(answer.status, 202, "{}", answer.text);
    answer.json()["objects"][0].clone()
}

fn id(object: &Value) -> &str {
    object["uuid"].as_str().unwrap()
}

/// The drive shows why, and so does the newest job, which was to do it.
fn failed_for(client: &Client, drive: &Value, kind: &str) {
    let shown = client.get(&format!("/capstan/v1/drives/{}", id(drive))).unwrap();
    assert_eq!(shown["failure"]["kind"], kind, "{shown}");
    assert!(shown["failure"]["message"].as_str().is_some_and(|message| message.len() > 10), "{shown}");
    let until = Instant::now() + PATIENCE;
    loop {
        let job = client.get("/capstan/v1/jobs?limit=1").unwrap()["items"][0].clone();
        if job["state"] == "failed" {
            assert_eq!(job["failure"]["kind"], kind, "{job}");
            return;
        }
        // Its end is written a moment after the drive's.
        assert!(Instant::now() < until, "it never failed: {job}");
        sleep(PAUSE);
    }
}

/// Deletes it, and waits until its engine has nothing more of it.
fn delete(client: &Client, object: &Value, engine: &dyn Engine) {
    assert_eq!(client.raw("DELETE", &path(object), None, b"").unwrap().status, 204);
    in_step_soon(client, engine);
}

/// Jobs end a moment after what they do.
fn in_step_soon(client: &Client, engine: &dyn Engine) {
    let until = Instant::now() + PATIENCE;
    while let Err(differs) = in_step(client, &[engine]) {
        assert!(Instant::now() < until, "{differs:#}");
        sleep(PAUSE);
    }
}

#[test]
fn a_full_disk_fails_what_needs_room_and_leaves_every_drive_as_it_was() {
    let room = tempfile::tempdir().unwrap();
    let data = room.path().join("data");
    std::fs::create_dir_all(data.join("drives")).unwrap();
    let disk = server_or_skip!(SmallDisk::over(&data.join("drives"), SMALL));
    let host = Host::start(HostOptions { data: data.clone(), ..HostOptions::default() }).unwrap();
    let (client, engine) = (host.client(), Nvme::of(&data));
    let one = drive(&client, "one", GIB, "nvme");
    wait(&client, &one, &["creating"], &READY);
    put(&client, id(&one), SEED, DATA).unwrap();

    let clone = clone_of(&client, &one, &json!({ "name": "clone" }));
    wait(&client, &clone, &["cloning_dst"], &FAILED);
    failed_for(&client, &clone, "no-space");
    in_step_soon(&client, &engine);
    let snapshot = make(&client, "snapshots", &json!({ "name": "s", "drive": one["uuid"] }));
    wait(&client, &snapshot, &["creating"], &FAILED);
    in_step_soon(&client, &engine);
    // What needs no room is done.
    let two = drive(&client, "two", GIB, "nvme");
    wait(&client, &two, &["creating"], &READY);
    let larger = json!({ "name": "one", "media": "disk", "size": 2 * GIB });
    assert_eq!(act(&client, &one, "resize", &larger).status, 202);
    assert_eq!(wait(&client, &one, &["resizing"], &READY)["size"], 2 * GIB);
    holds(&client, id(&one), SEED, DATA, 2 * GIB).unwrap();
    for gone in [&clone, &snapshot, &two] {
        delete(&client, gone, &engine);
    }

    disk.grow(ROOMY).unwrap();
    let clone = clone_of(&client, &one, &json!({ "name": "clone" }));
    wait(&client, &clone, &["cloning_dst"], &READY);
    holds(&client, id(&clone), SEED, DATA, 2 * GIB).unwrap();
    delete(&client, &clone, &engine);
    host.stop().unwrap();
}

#[test]
fn a_full_array_fails_what_needs_room_and_leaves_every_drive_as_it_was() {
    let engine = server_or_skip!(Zadara::small());
    let (host, _room) = Host::fresh().unwrap();
    let client = host.client();
    engine.connect(&client).unwrap();
    // Half of the pool.
    let one = drive(&client, "one", 4 * GIB, "zadara");
    wait(&client, &one, &["creating"], &READY);
    put(&client, id(&one), SEED, DATA).unwrap();

    let large = drive(&client, "large", 6 * GIB, "zadara");
    wait(&client, &large, &["creating"], &FAILED);
    failed_for(&client, &large, "no-space");
    let larger = json!({ "name": "one", "media": "disk", "size": 9 * GIB });
    assert_eq!(act(&client, &one, "resize", &larger).status, 202);
    assert_eq!(wait(&client, &one, &["resizing"], &READY)["size"], 4 * GIB);
    failed_for(&client, &one, "no-space");
    in_step_soon(&client, &engine);
    // The clone itself fits; made larger it does not.
    let clone = clone_of(&client, &one, &json!({ "name": "clone", "size": 5 * GIB }));
    wait(&client, &clone, &["cloning_dst"], &FAILED);
    failed_for(&client, &clone, "no-space");
    in_step_soon(&client, &engine);
    engine.vpsa.refuse(1, "POST", "/snapshots.json", FULL, "Not enough free capacity in the pool");
    let snapshot = make(&client, "snapshots", &json!({ "name": "s", "drive": one["uuid"] }));
    wait(&client, &snapshot, &["creating"], &FAILED);
    in_step_soon(&client, &engine);
    holds(&client, id(&one), SEED, DATA, 4 * GIB).unwrap();

    for gone in [&large, &clone, &snapshot] {
        delete(&client, gone, &engine);
    }
    let clone = clone_of(&client, &one, &json!({ "name": "clone" }));
    wait(&client, &clone, &["cloning_dst"], &READY);
    holds(&client, id(&clone), SEED, DATA, 4 * GIB).unwrap();
    host.stop().unwrap();
}

/// The engine is away in the middle of each operation, with its first change made or not.
fn goes_away(engine: Box<dyn Engine>, made: &[bool]) {
    let mut rig = Rig::start(Some(engine)).unwrap();
    for operation in Operation::WITHIN.into_iter().chain([Operation::CloneIn]) {
        for made in made {
            rig.cut_off(operation, Change { nth: 1, made: *made }).unwrap();
        }
    }
    rig.host.stop().unwrap();
}

#[test]
fn what_is_done_on_an_array_that_goes_away_goes_on_when_it_is_back() {
    let engine = server_or_skip!(Zadara::start());
    goes_away(Box::new(engine), &[false, true]);
}

#[test]
fn what_is_done_on_a_cluster_that_goes_away_goes_on_when_it_is_back() {
    let engine = server_or_skip!(Dssd::start());
    goes_away(Box::new(engine), &[true]);
}

#[test]
fn what_is_done_on_a_slow_array_is_done_and_seen_until_it_is() {
    let engine = server_or_skip!(Zadara::start());
    engine.vpsa.take(SLOW_ARRAY);
    let mut rig = Rig::start(Some(Box::new(engine))).unwrap();
    for operation in Operation::WITHIN.into_iter().chain([Operation::CloneIn]) {
        rig.slow_down(operation, SLOW).unwrap();
    }
    // Whoever wants something else of a drive that is not ready is told so.
    let client = rig.host.client();
    let one = drive(&client, "one", GIB, "zadara");
    let larger = json!({ "name": "one", "media": "disk", "size": 2 * GIB });
    assert_eq!(client.get(&path(&one)).unwrap()["status"], "creating");
    assert_eq!(act(&client, &one, "resize", &larger).status, 403);
    assert_eq!(client.raw("DELETE", &path(&one), None, b"").unwrap().status, 403);
    wait(&client, &one, &["creating"], &READY);
    assert_eq!(act(&client, &one, "resize", &larger).status, 202);
    // One of two who edit at once is heard.
    assert_eq!(act(&client, &one, "resize", &larger).status, 403);
    assert_eq!(wait(&client, &one, &["resizing"], &READY)["size"], 2 * GIB);
    rig.settle().unwrap();
    rig.in_step().unwrap();
    rig.host.stop().unwrap();
}

#[test]
fn what_an_array_that_stays_away_was_to_make_fails_visibly_and_goes_with_its_drive() {
    let engine = server_or_skip!(Zadara::start());
    let mut rig = Rig::with(Some(Box::new(engine)), Some(GIVES_UP_SOON)).unwrap();
    let client = rig.host.client();
    let one = drive(&client, "one", GIB, "zadara");
    wait(&client, &one, &["creating"], &READY);
    for made in [false, true] {
        rig.engine.arm(Change { nth: 1, made }).unwrap();
        let new = drive(&client, "new", GIB, "zadara");
        assert!(rig.engine.is_reached_within(PATIENCE).unwrap());
        rig.front().unwrap().set_away(true);
        rig.engine.let_go();
        wait(&client, &new, &["creating"], &FAILED);
        failed_for(&client, &new, "unavailable");
        // Told to go, it is gone for who asked, and from the array once that is there.
        assert_eq!(client.raw("DELETE", &path(&new), None, b"").unwrap().status, 204);
        assert_eq!(client.raw("GET", &path(&new), None, b"").unwrap().status, 404);
        rig.front().unwrap().set_away(false);
        rig.settle().unwrap();
        rig.in_step().unwrap();
    }
    // A drive that could not be made larger has the size it had, and becomes larger when it is asked for again.
    let larger = json!({ "name": "one", "media": "disk", "size": 2 * GIB });
    rig.engine.arm(Change { nth: 1, made: true }).unwrap();
    assert_eq!(act(&client, &one, "resize", &larger).status, 202);
    assert!(rig.engine.is_reached_within(PATIENCE).unwrap());
    rig.front().unwrap().set_away(true);
    rig.engine.let_go();
    assert_eq!(wait(&client, &one, &["resizing"], &READY)["size"], GIB);
    failed_for(&client, &one, "unavailable");
    rig.front().unwrap().set_away(false);
    // It is there again as soon as somebody has seen it.
    client.post("/capstan/v1/targets/zadara/probe", &json!({})).unwrap();
    assert_eq!(act(&client, &one, "resize", &larger).status, 202);
    assert_eq!(wait(&client, &one, &["resizing"], &READY)["size"], 2 * GIB);
    let told = Catalogue::read(&client).unwrap();
    assert_eq!(told.drive(id(&one)).unwrap().failure, None);
    rig.settle().unwrap();
    rig.in_step().unwrap();
    rig.host.stop().unwrap();
}
