//! A drive of every storage type, attached by the command line under QEMU's client: what is written and flushed is read again, what
//! is discarded reads as zeros, and nobody else has the drive meanwhile, whichever way its target gives its bytes out.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use std::time::{Duration, Instant};

use capstan_e2e::{Client, DriveHost, Host, STORAGE_TYPES};
use capstan_test_servers::{CephDrives, StorageType, Vpsa, nbd_program, server_or_skip};
use serde_json::{Value, json};

use crate::attaching::{Attached, address, capstan, good, nbd, run};
use crate::drives_clients::{GIB, PATIENCE, made, path};

/// Where a write is on no boundary but that of blocks of 512 bytes.
const ODD: &str = "267776";
const PAUSE: Duration = Duration::from_millis(50);

/// QEMU's client, told this; whether all of it went well, and what it said.
fn qemu_io(uri: &str, arguments: &[&str], commands: &[String]) -> (bool, String) {
    let mut command = nbd("qemu-io");
    command.args(["-f", "raw"]).args(arguments);
    for one in commands {
        command.args(["-c", one.as_str()]);
    }
    run(command.arg(uri))
}

pub(crate) fn all_good(uri: &str, arguments: &[&str], commands: &[&str]) {
    let commands: Vec<String> = commands.iter().map(|command| (*command).to_owned()).collect();
    let (good, said) = qemu_io(uri, arguments, &commands);
    assert!(good && !said.contains("failed"), "{commands:?}: {said}");
}

fn refused(uri: &str, command: &str) {
    let (good, said) = qemu_io(uri, &[], &[command.to_owned()]);
    assert!(!good, "{command}: {said}");
}

fn status(client: &Client, drive: &Value) -> String {
    client.get(&path(drive)).unwrap()["status"].as_str().unwrap().to_owned()
}

/// A drive of 1 GiB that is called after its type.
fn make(client: &Client, storage_type: &str) -> Value {
    made(client, &json!({ "media": "disk", "name": storage_type, "size": GIB, "storage_type": storage_type }))
}

#[test]
fn a_drive_of_every_storage_type_is_read_and_written_where_it_is_attached_and_mounted_meanwhile() {
    server_or_skip!(nbd_program("qemu-io"));
    server_or_skip!(nbd_program("nbdinfo"));
    let ceph = server_or_skip!(CephDrives::get());
    let vpsa = server_or_skip!(Vpsa::start());
    let drives = DriveHost::open(ceph, vpsa, None).unwrap();
    for storage_type in STORAGE_TYPES {
        round(&drives.host, storage_type);
    }
    let drives = died_under_clients(drives);
    let client = drives.host.client();
    for drive in client.get("/api/2.0/drives/").unwrap()["objects"].as_array().unwrap() {
        client.delete(&path(drive)).unwrap();
    }
    drives.close_empty().unwrap();
}

fn round(host: &Host, storage_type: StorageType<'_>) {
    let (client, name) = (host.client(), storage_type.name);
    let drive = make(&client, name);
    assert_eq!((&drive["storage_type"], &drive["status"]), (&json!(name), &json!("unmounted")));

    // Written, at both ends, flushed, and read by another client.
    let attached = Attached::new(host, name, &[]);
    assert_eq!(status(&client, &drive), "mounted");
    assert_eq!(client.get(&format!("/capstan/v1/drives/{name}")).unwrap()["mounted"], true);
    let size = good(nbd("nbdinfo").args(["--size", &attached.uri]));
    assert_eq!(size.trim(), GIB.to_string(), "{name}");
    let small = format!("write -P 4 {ODD} 1536");
    all_good(
        &attached.uri,
        &[],
        &["read -P 0 0 1M", "write -P 1 0 64k", "write -P 2 64M 9M", "write -P 3 1020M 4M", &small, "flush"],
    );
    let small = format!("read -P 4 {ODD} 1536");
    all_good(&attached.uri, &["-r"], &["read -P 1 0 64k", "read -P 0 64k 4k", "read -P 2 64M 9M", "read -P 3 1020M 4M", &small]);
    refused(&attached.uri, "read -P 1 64M 4k");
    refused(&attached.uri, "write -P 5 1024M 4k");

    // Discarded, and made zeros: the neighbours stay as they are.
    all_good(&attached.uri, &[], &["discard 68M 4M", "write -z -u 4k 8k", "flush"]);
    all_good(
        &attached.uri,
        &[],
        &["read -P 2 64M 4M", "read -P 0 68M 4M", "read -P 2 72M 1M", "read -P 1 0 4k", "read -P 0 4k 8k", "read -P 1 12k 52k"],
    );

    // Nobody else gets it, and nobody takes it away.
    let (again, said) = run(&mut capstan(host, &["drive", "attach", name, "--detach"]));
    assert!(!again && said.contains("attached"), "{name}: {said}");
    let gone = client.raw("DELETE", &path(&drive), None, b"").unwrap();
    assert_eq!(gone.status, 403, "{name}: {}", gone.text);

    let uri = attached.uri.clone();
    attached.interrupt();
    assert_eq!(status(&client, &drive), "unmounted");
    assert!(!run(nbd("nbdinfo").arg(&uri)).0, "{name}: it is exported still");

    // Attached anew, for reading, at a place that was asked for.
    let told = ["drive", "attach", name, "--address", "tcp:127.0.0.1:0", "--read-only", "--detach"];
    let uri = address(&good(&mut capstan(host, &told)));
    assert_eq!(status(&client, &drive), "mounted");
    all_good(&uri, &["-r"], &["read -P 1 0 4k", "read -P 2 72M 1M", "read -P 3 1020M 4M"]);
    refused(&uri, "write -P 5 0 4k");
    good(&mut capstan(host, &["drive", "detach", name]));
    assert_eq!(status(&client, &drive), "unmounted");
    assert!(!run(nbd("nbdinfo").arg(&uri)).0, "{name}: it is exported still");
}

/// The host dies while all are attached. What was flushed is there, and each can be attached again.
fn died_under_clients(drives: DriveHost) -> DriveHost {
    for storage_type in STORAGE_TYPES {
        let told = good(&mut capstan(&drives.host, &["drive", "attach", storage_type.name, "--detach"]));
        all_good(&address(&told), &[], &["write -P 6 128M 1M", "flush"]);
    }
    let drives = drives.crash_and_restart().unwrap();
    for StorageType { name, .. } in STORAGE_TYPES {
        let drive = drives.host.client().get(&format!("/capstan/v1/drives/{name}")).unwrap();
        assert_eq!((&drive["mounted"], &drive["state"]), (&json!(false), &json!("ready")), "{name}");
        let attached = attach_once_there(&drives.host, name);
        all_good(&attached, &["-r"], &["read -P 6 128M 1M", "read -P 2 64M 4M"]);
        good(&mut capstan(&drives.host, &["drive", "detach", name]));
    }
    drives
}

/// An engine may need a moment until it has noticed that the one who had the drive is gone.
fn attach_once_there(host: &Host, name: &str) -> String {
    let until = Instant::now() + PATIENCE;
    loop {
        let (attached, said) = run(&mut capstan(host, &["drive", "attach", name, "--detach"]));
        if attached {
            return address(&said);
        }
        assert!(Instant::now() < until, "{name}: {said}");
        std::thread::sleep(PAUSE);
    }
}
