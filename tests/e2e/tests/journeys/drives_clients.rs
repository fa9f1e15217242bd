//! Public clients of CloudSigma's API as they are shipped: on a fresh host, whose own target for drives is there from the first
//! minute, and on one with every storage type, each in its turn the one of drives that name none. And the requests that its
//! Terraform provider makes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use std::thread::sleep;
use std::time::{Duration, Instant};

use capstan_e2e::{Answer, Client, DSSD, DriveHost, Host, NVME, PASSWORD, USER, ZADARA};
use capstan_test_servers::{CephDrives, CloudSigma, CloudSigmaClients, StorageType, Vpsa, server_or_skip};
use serde_json::{Map, Value, json};

pub(crate) const API: &str = "/api/2.0";
pub(crate) const GIB: u64 = 1 << 30;
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(20);

const READY: [&str; 2] = ["mounted", "unmounted"];
const MAKING: [&str; 2] = ["cloning_dst", "creating"];
const CHANGING: [&str; 3] = ["cloning_dst", "creating", "resizing"];

pub(crate) fn path(object: &Value) -> String {
    object["resource_uri"].as_str().unwrap().to_owned()
}

/// Looks until it is in one of these statuses. Any other than those on the way is a failure, as the Terraform provider takes it.
pub(crate) fn wait(client: &Client, object: &Value, on_the_way: &[&str], until: &[&str]) -> Value {
    let end = Instant::now() + PATIENCE;
    loop {
        let now = client.get(&path(object)).unwrap();
        let status = now["status"].as_str().unwrap();
        if until.contains(&status) {
            return now;
        }
        assert!(on_the_way.contains(&status), "{status} on the way to {until:?}: {now}");
        assert!(Instant::now() < end, "it never was {until:?}: {now}");
        sleep(PAUSE);
    }
}

/// A drive of 1 GiB, ready.
pub(crate) fn drive(client: &Client, name: &str) -> Value {
    made(client, &json!({ "media": "disk", "name": name, "size": GIB }))
}

/// The drive of this definition, ready.
pub(crate) fn made(client: &Client, definition: &Value) -> Value {
    let body = json!({ "objects": [definition] });
    let made = client.post(&format!("{API}/drives/"), &body).unwrap();
    assert_eq!(made["objects"][0]["status"], "creating", "{made}");
    wait(client, &made["objects"][0], &MAKING, &READY)
}

/// What an action on it is answered with.
pub(crate) fn act(client: &Client, object: &Value, action: &str, body: &Value) -> Answer {
    client.send("POST", &format!("{}action/?do={action}", path(object)), body).unwrap()
}

/// What a host has for clients: its drives share one place of each storage type.
fn there<'h>(
    host: &'h Host,
    default_type: StorageType<'h>,
    other_type: StorageType<'h>,
    absent: &'h [&'h str],
) -> CloudSigma<'h> {
    CloudSigma {
        endpoint: host.base(),
        user: USER,
        password: PASSWORD,
        default_type,
        other_type,
        absent_types: absent,
        apart: false,
        at_work: true,
    }
}

/// Beside drives of this type clients make some of the other, and clone from one to the other. `set`: it is the default because the
/// configuration says so.
fn on(default_type: StorageType<'_>, set: bool, other_type: StorageType<'_>) {
    let clients = server_or_skip!(CloudSigmaClients::get());
    let ceph = server_or_skip!(CephDrives::get());
    let vpsa = server_or_skip!(Vpsa::start());
    let drives = DriveHost::open(ceph, vpsa, set.then_some(default_type)).unwrap();
    let there = there(&drives.host, default_type, other_type, &[]);
    clients.libcloud(&there).unwrap();
    clients.pycloudsigma(&there).unwrap();
    drives.close_empty().unwrap();
}

#[test]
fn public_clients_work_on_nvme_as_they_are_shipped() {
    on(NVME, true, DSSD);
}

#[test]
fn public_clients_work_on_dssd_which_is_the_default_where_it_serves() {
    on(DSSD, false, ZADARA);
}

#[test]
fn public_clients_work_on_zadara_as_they_are_shipped() {
    on(ZADARA, true, NVME);
}

#[test]
fn public_clients_work_on_a_fresh_host() {
    let clients = server_or_skip!(CloudSigmaClients::get());
    let (host, _room) = Host::fresh().unwrap();
    let absent = [DSSD.name, ZADARA.name];
    let there = there(&host, NVME, NVME, &absent);
    clients.libcloud(&there).unwrap();
    clients.pycloudsigma(&there).unwrap();
    // All of it went through the default target, which is as it was.
    let client = host.client();
    let end = Instant::now() + PATIENCE;
    while std::fs::read_dir(host.data().join("drives")).unwrap().flatten().any(|entry| is_volume(&entry)) {
        assert!(Instant::now() < end, "volumes are left of drives that were deleted");
        sleep(PAUSE);
    }
    assert_eq!(client.get(&format!("{API}/drives/")).unwrap()["meta"]["total_count"], 0);
    host.stop().unwrap();
}

/// What the engine calls a drive's volume.
fn is_volume(entry: &std::fs::DirEntry) -> bool {
    entry.file_name().to_string_lossy().contains("capstan-")
}

#[test]
fn the_terraform_provider_makes_changes_finds_and_deletes_drives() {
    let (host, _room) = Host::fresh().unwrap();
    let client = host.client();
    let drives = format!("{API}/drives/");

    // Created with tags: what was read goes back, without the id and without what is false or empty.
    let tag = client.post(&format!("{API}/tags/"), &json!({ "objects": [{ "name": "t", "owner": {}, "uuid": "" }] })).unwrap();
    let tag = &tag["objects"][0];
    let first = drive(&client, "x");
    let mut body: Map<String, Value> = first.as_object().unwrap().clone();
    body.remove("uuid");
    body.retain(|_, value| !matches!(value, Value::Bool(false) | Value::Null) && *value != json!([]) && *value != json!({}));
    body.insert("tags".into(), json!([{ "owner": {}, "uuid": tag["uuid"] }]));
    client.put(&path(&first), &body.into()).unwrap();
    let read = client.get(&path(&first)).unwrap();
    for member in ["media", "name", "resource_uri", "size", "status", "storage_type", "uuid"] {
        assert_eq!(read[member], first[member], "{member}");
    }
    assert_eq!((&read["tags"][0]["uuid"], &read["storage_type"]), (&tag["uuid"], &json!("nvme")));

    // Cloned, larger.
    let clone = act(&client, &first, "clone", &json!({ "media": "disk", "name": "y", "size": 2 * GIB }));
    assert_eq!(clone.status, 202, "{}", clone.text);
    let clone = wait(&client, &clone.json()["objects"][0], &MAKING, &READY);
    assert_eq!((&clone["name"], &clone["size"], &clone["tags"]), (&json!("y"), &json!(2 * GIB), &read["tags"]));
    assert_eq!(clone["jobs"].as_array().map(Vec::len), Some(1), "{clone}");
    let job = client.get(&path(&clone["jobs"][0])).unwrap();
    assert_eq!((&job["operation"], &job["resources"]), (&json!("drive_clone"), &json!([path(&first), path(&clone)])));

    // Grown while its server is stopped, mounted; tags that are left out go.
    let server = json!({
        "name": "s", "cpu": 1000, "mem": GIB, "vnc_password": "x",
        "drives": [{ "boot_order": 1, "dev_channel": "0:0", "device": "virtio", "drive": first["uuid"] }],
    });
    let server = client.post(&format!("{API}/servers/"), &server).unwrap()["objects"][0].clone();
    assert_eq!(act(&client, &server, "start", &json!({})).status, 202);
    let larger = json!({ "media": "disk", "name": "x", "size": 3 * GIB, "storage_type": "nvme" });
    let ignored = client.put(&path(&first), &larger).unwrap();
    assert_eq!((&ignored["size"], &ignored["status"]), (&json!(GIB), &json!("mounted")), "its server runs");
    assert_eq!(act(&client, &first, "resize", &larger).status, 403);
    assert_eq!(act(&client, &server, "stop", &json!({})).status, 202);
    wait(&client, &server, &["stopping"], &["stopped"]);
    let begun = client.put(&path(&first), &larger).unwrap();
    assert_eq!((&begun["size"], &begun["status"]), (&json!(GIB), &json!("resizing")), "the old size until it is done");
    assert_eq!(act(&client, &server, "start", &json!({})).status, 202);
    let now = wait(&client, &first, &CHANGING, &READY);
    assert_eq!((&now["status"], &now["size"], &now["tags"]), (&json!("mounted"), &json!(3 * GIB), &json!([])));

    // A snapshot, watched to its end.
    let wanted = json!({ "objects": [{ "drive": { "uuid": first["uuid"] }, "name": "s", "owner": {}, "tags": [] }] });
    let snapshot = client.post(&format!("{API}/snapshots/"), &wanted).unwrap()["objects"][0].clone();
    let snapshot = wait(&client, &snapshot, &MAKING, &["available"]);
    let change = json!({ "drive": { "uuid": first["uuid"] }, "name": "t", "owner": {} });
    assert_eq!(client.put(&path(&snapshot), &change).unwrap()["name"], "t");
    let read = client.get(&path(&first)).unwrap();
    assert_eq!(read["snapshots"][0]["uuid"], snapshot["uuid"]);
    assert!(snapshot["allocated_size"].is_u64(), "{snapshot}");
    assert_eq!(read["runtime"]["snapshots_allocated_size"], snapshot["allocated_size"]);

    // Found by its exact name; deleted while its stopped server lists it, with its snapshot, and gone at once.
    let found = client.get(&format!("{drives}detail/?limit=0&name=x")).unwrap();
    assert_eq!((&found["meta"]["total_count"], &found["objects"][0]["uuid"]), (&json!(1), &first["uuid"]));
    assert_eq!(client.raw("DELETE", &path(&first), None, b"").unwrap().status, 403, "its server runs");
    assert_eq!(act(&client, &server, "stop", &json!({})).status, 202);
    client.delete(&path(&first)).unwrap();
    assert_eq!(client.raw("GET", &path(&first), None, b"").unwrap().status, 404);
    assert_eq!(client.get(&path(&server)).unwrap()["drives"], json!([]));
    let many = json!({ "objects": [{ "uuid": clone["uuid"] }] });
    assert_eq!(client.send("DELETE", &drives, &many).unwrap().status, 204);
    assert_eq!(client.get(&drives).unwrap()["objects"], json!([]));
    host.stop().unwrap();
}
