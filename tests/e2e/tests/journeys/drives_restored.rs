//! A drive that goes back to its snapshot, told by the command line: it has the bytes of then, none that were written since, and it
//! is taken away beneath nobody.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use std::thread::sleep;
use std::time::{Duration, Instant};

use capstan_e2e::{Client, DriveHost, Host, NVME, STORAGE_TYPES};
use capstan_test_servers::{CephDrives, StorageType, Vpsa, nbd_program, server_or_skip};
use serde_json::{Value, json};

use crate::attaching::{Attached, capstan, good, run};
use crate::drives_clients::{API, GIB, PATIENCE, act, made, path, wait};
use crate::drives_every_type::all_good;

const HOSTS: &str = "/capstan/v1";
const PAUSE: Duration = Duration::from_millis(50);
/// States of a job that is still to do something.
const TO_DO: [&str; 4] = ["queued", "calculating", "running", "paused"];

/// A drive of 1 GiB that is called after its type.
fn make(client: &Client, storage_type: &str) -> Value {
    made(client, &json!({ "media": "disk", "name": storage_type, "size": GIB, "storage_type": storage_type }))
}

/// Waits until what lies there is in this state.
fn becomes(client: &Client, path: &str, state: &str) -> Value {
    let end = Instant::now() + PATIENCE;
    loop {
        let now = client.get(path).unwrap();
        if now["state"] == state {
            return now;
        }
        assert!(now["state"] != "failed" && now["state"] != "unavailable", "{now}");
        assert!(Instant::now() < end, "it never was {state}: {now}");
        sleep(PAUSE);
    }
}

/// Waits until no job is left to do; none of them failed.
fn settle(client: &Client) {
    let end = Instant::now() + PATIENCE;
    loop {
        let jobs = client.get(&format!("{HOSTS}/jobs?limit=100")).unwrap();
        let jobs = jobs["items"].as_array().unwrap();
        assert!(jobs.iter().all(|job| job["state"] != "failed"), "{jobs:?}");
        let Some(left) = jobs.iter().find(|job| TO_DO.contains(&job["state"].as_str().unwrap())) else { return };
        assert!(Instant::now() < end, "it never was done: {left}");
        sleep(PAUSE);
    }
}

/// What the host answers the command.
fn told(host: &Host, arguments: &[&str]) -> Value {
    let said = good(capstan(host, &["--json"]).args(arguments));
    serde_json::from_str(&said).unwrap()
}

/// Until it is done.
fn restore(host: &Host, drive: &str, snapshot: &str) {
    let job = told(host, &["drive", "restore", drive, snapshot]);
    assert_eq!(job["work"], "drive", "{job}");
    becomes(&host.client(), &format!("{HOSTS}/jobs/{}", job["number"]), "done");
}

/// Refused, because somebody has the drive.
fn is_held(client: &Client, restore: &str) {
    let refused = client.send("POST", restore, &json!({})).unwrap();
    assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("mounted")), "{}", refused.text);
}

fn reads(host: &Host, drive: &str, commands: &[&str]) {
    let attached = Attached::new(host, drive, &["--read-only"]);
    all_good(&attached.uri, &["-r"], commands);
    attached.interrupt();
}

/// There and back twice: the second time from a drive that was restored before.
fn round(host: &Host, StorageType { name, .. }: StorageType<'_>) {
    let client = host.client();
    let drive = make(&client, name);
    let snapshot = format!("{HOSTS}/drives/{name}/snapshots/then");

    // Taken while somebody has it.
    let attached = Attached::new(host, name, &[]);
    all_good(&attached.uri, &[], &["write -P 1 0 64k", "write -P 2 64M 9M", "flush"]);
    good(&mut capstan(host, &["drive", "snapshot", name, "then"]));
    assert_eq!(becomes(&client, &snapshot, "ready")["size"], GIB, "{name}");
    attached.interrupt();

    for _ in 0..2 {
        let attached = Attached::new(host, name, &[]);
        let since = ["write -P 3 0 64k", "write -P 4 65M 1M", "write -P 5 1020M 4M", "discard 70M 1M", "flush"];
        all_good(&attached.uri, &[], &since);
        let (begun, said) = run(&mut capstan(host, &["drive", "restore", name, "then"]));
        assert!(!begun && said.contains("attached"), "{name}: {said}");
        all_good(&attached.uri, &["-r"], &["read -P 3 0 64k", "read -P 5 1020M 4M"]);
        attached.interrupt();

        restore(host, name, "then");
        reads(host, name, &["read -P 1 0 64k", "read -P 2 64M 9M", "read -P 0 1020M 4M"]);
    }

    let listed = good(&mut capstan(host, &["drive", "snapshots", name]));
    assert!(listed.lines().any(|line| line.contains("then") && line.contains("ready")), "{name}: {listed}");
    let usage = told(host, &["drive", "usage", name]);
    assert_eq!((&usage["size"], &usage["snapshots"]), (&json!(GIB), &json!(1)), "{name}: {usage}");
    good(&mut capstan(host, &["drive", "delete-snapshot", name, "then"]));
    let (begun, said) = run(&mut capstan(host, &["drive", "restore", name, "then"]));
    assert!(!begun && said.contains("no such snapshot"), "{name}: {said}");
    settle(&client);
    // What the snapshot was made of goes; the drive stays.
    reads(host, name, &["read -P 1 0 64k", "read -P 2 64M 9M", "read -P 0 1020M 4M"]);
    client.delete(&path(&drive)).unwrap();
}

#[test]
fn a_drive_of_the_hosts_own_disks_goes_back_to_its_snapshot() {
    server_or_skip!(nbd_program("qemu-io"));
    let (host, _room) = Host::fresh().unwrap();
    round(&host, NVME);
    host.stop().unwrap();
}

#[test]
fn a_drive_of_every_storage_type_goes_back_to_its_snapshot_and_leaves_nothing_behind() {
    server_or_skip!(nbd_program("qemu-io"));
    let ceph = server_or_skip!(CephDrives::get());
    let vpsa = server_or_skip!(Vpsa::start());
    let drives = DriveHost::open(ceph, vpsa, None).unwrap();
    for storage_type in STORAGE_TYPES {
        round(&drives.host, storage_type);
    }
    drives.close_empty().unwrap();
}

#[test]
fn a_drive_that_somebody_has_is_not_taken_back_beneath_them() {
    let (host, _room) = Host::fresh().unwrap();
    let client = host.client();
    let drive = make(&client, "nvme");
    let snapshots = format!("{HOSTS}/drives/nvme/snapshots");
    let taken = client.post(&snapshots, &json!({})).unwrap();
    assert!(taken["name"].as_str().is_some_and(|name| name.ends_with('Z')), "it is called after the moment: {taken}");
    let one = format!("{snapshots}/{}", taken["number"]);
    let ready = becomes(&client, &one, "ready");
    assert!(ready["used"].is_u64() && client.get(&format!("{HOSTS}/drives/nvme/usage")).unwrap()["used"].is_u64(), "{ready}");
    let back = format!("{one}/restore");

    // A machine that runs, but not one that is stopped.
    let server = json!({
        "name": "s", "cpu": 1000, "mem": GIB, "vnc_password": "x",
        "drives": [{ "boot_order": 1, "dev_channel": "0:0", "device": "virtio", "drive": drive["uuid"] }],
    });
    let server = client.post(&format!("{API}/servers/"), &server).unwrap()["objects"][0].clone();
    assert_eq!(act(&client, &server, "start", &json!({})).status, 202);
    is_held(&client, &back);
    assert_eq!(act(&client, &server, "stop", &json!({})).status, 202);
    wait(&client, &server, &["stopping"], &["stopped"]);
    let job = client.send("POST", &back, &json!({})).unwrap();
    assert_eq!(job.status, 202, "{}", job.text);
    becomes(&client, &format!("{HOSTS}/jobs/{}", job.json()["id"].as_str().unwrap()), "done");
    client.delete(&path(&server)).unwrap();

    // Whoever it is attached to.
    good(&mut capstan(&host, &["drive", "attach", "nvme", "--detach"]));
    is_held(&client, &back);
    good(&mut capstan(&host, &["drive", "detach", "nvme"]));
    restore(&host, "nvme", taken["id"].as_str().unwrap());

    // A snapshot is found among its drive's own alone, and by a name that only one of them has.
    made(&client, &json!({ "media": "disk", "name": "other", "size": GIB }));
    let status = |method: &str, path: &str| client.raw(method, path, None, b"").unwrap().status;
    for named in ["number", "id", "name"] {
        let named = taken[named].to_string();
        let other = format!("{HOSTS}/drives/other/snapshots/{}", named.trim_matches('"'));
        assert_eq!(status("GET", &other), 404, "{other}");
        let back = client.send("POST", &format!("{other}/restore"), &json!({})).unwrap();
        assert_eq!(back.status, 404, "{other}: {}", back.text);
        assert_eq!(status("DELETE", &other), 404, "{other}");
    }
    for _ in 0..2 {
        client.post(&snapshots, &json!({ "name": "twice" })).unwrap();
        settle(&client);
    }
    let twice = client.raw("GET", &format!("{snapshots}/twice"), None, b"").unwrap();
    assert_eq!((twice.status, &twice.json()["code"]), (409, &json!("ambiguous")), "{}", twice.text);
    let page = client.get(&format!("{snapshots}?limit=2&offset=1")).unwrap();
    let names: Vec<&Value> = page["items"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!((&page["count"], names), (&json!(3), vec![&json!("twice"), &json!("twice")]), "the oldest comes first");
    host.stop().unwrap();
}
