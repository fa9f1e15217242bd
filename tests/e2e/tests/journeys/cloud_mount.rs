//! A pool over a bucket as a directory of the host: mounted, told of, read, written and taken away over the Nodeum API.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use std::fs;
use std::io::Write;
use std::path::Path;

use capstan_e2e::{Harbour, POOL};
use capstan_test_servers::{Rgw, server_or_skip};
use serde_json::{Value, json};

use crate::mount_table::{self, has_fuse, without_fuse};

/// What the host says of the pool where it is not mounted.
fn is_not_mounted(state: &Value) {
    assert_eq!((&state["mounted"], &state["status"]), (&json!(false), &Value::Null), "{state}");
    assert!(state["message"].as_str().is_some_and(|message| !message.is_empty()), "{state}");
}

#[test]
fn a_pool_over_a_bucket_is_mounted_as_it_says_and_read_and_written_there() {
    if !has_fuse() {
        return without_fuse("no pool over a bucket is mounted");
    }
    let rgw = server_or_skip!(Rgw::get());
    let harbour = Harbour::open("cloud-mount", &rgw.s3).unwrap();
    let (client, bucket) = (&harbour.cargo.client, harbour.bucket.as_str());
    rgw.s3.put(bucket, "deep/file", b"from the bucket").unwrap();
    let pool = client.get(&format!("/api/v2/pools/{POOL}")).unwrap();
    let buckets = client.get(&format!("/api/v2/pools/{POOL}/cloud_buckets")).unwrap();
    let connector = client.get("/api/v2/cloud_connectors/harbour-connector").unwrap();
    let mount = format!("/api/v2/pools/{}/mount", pool["id"]);
    is_not_mounted(&client.get(&mount).unwrap());
    assert_eq!(client.get("/api/v2/mounts").unwrap(), json!({ "mounts": [] }));

    let mounted = client.put(&mount, &json!({})).unwrap();
    assert_eq!((&mounted["mounted"], &mounted["message"]), (&json!(true), &json!("")), "{mounted}");
    let status = &mounted["status"];
    for (member, wanted) in [
        ("source", &json!(bucket)),
        ("type", &json!("fuse.s3fs")),
        ("pool_id", &pool["id"]),
        ("pool_name", &json!(POOL)),
        ("cloud_connector_id", &connector["id"]),
        ("cloud_connector_name", &connector["name"]),
        ("cloud_bucket_id", &buckets["cloud_buckets"][0]["id"]),
        ("cloud_bucket_name", &json!(bucket)),
        ("nas_id", &Value::Null),
        ("tape_id", &Value::Null),
    ] {
        assert_eq!(&status[member], wanted, "{member} in {mounted}");
    }
    // Asked again, listed, or mounted again, it is the same mount.
    assert_eq!(client.get(&mount).unwrap(), mounted);
    assert_eq!(client.put(&mount, &json!({})).unwrap(), mounted);
    assert_eq!(client.get("/api/v2/mounts").unwrap(), json!({ "mounts": [status] }));
    let of_bucket = client.get(&format!("/api/v2/cloud_buckets/{}/mount", status["cloud_bucket_id"])).unwrap();
    assert_eq!(of_bucket["status"]["target"], status["target"], "{of_bucket}");

    let target = status["target"].as_str().unwrap();
    assert!(Path::new(target).starts_with(harbour.host.data()), "{target}");
    let line = mount_table::at(target).unwrap();
    assert!(line.kind == "fuse" || line.kind.starts_with("fuse."), "{line:?}");
    assert_eq!(
        (Some(line.source.as_str()), Some(line.device.as_str())),
        (status["source"].as_str(), status["major_minor"].as_str())
    );
    let options = status["options"].as_str().unwrap();
    assert!(options.starts_with("rw"), "{options}");
    for option in options.split(',') {
        assert!(line.options.split(',').any(|found| found == option), "{option} in {line:?}");
    }

    let directory = Path::new(target);
    assert_eq!(fs::read(directory.join("deep/file")).unwrap(), b"from the bucket");
    let bytes: Vec<u8> = (0..300_000_u32).map(|at| at.to_le_bytes()[0] ^ at.to_le_bytes()[1]).collect();
    // Whoever syncs is told whether it was stored; a plain write would not hear of a failure.
    let mut file = fs::File::create(directory.join("deep/new")).unwrap();
    file.write_all(&bytes).unwrap();
    file.sync_all().unwrap();
    drop(file);
    assert!(rgw.s3.get(bucket, "deep/new").unwrap() == bytes, "the bucket has other bytes than were written");
    assert!(fs::read(directory.join("deep/new")).unwrap() == bytes, "the mount has other bytes than were written");
    fs::remove_file(directory.join("deep/file")).unwrap();
    assert_eq!(rgw.s3.list(bucket).unwrap(), ["deep/new"]);

    is_not_mounted(&client.delete(&mount).unwrap());
    is_not_mounted(&client.get(&mount).unwrap());
    is_not_mounted(&client.get(&format!("/api/v2/cloud_buckets/{}/mount", status["cloud_bucket_id"])).unwrap());
    assert_eq!(client.get("/api/v2/mounts").unwrap(), json!({ "mounts": [] }));
    assert!(mount_table::at(target).is_none() && !directory.join("deep").exists(), "the view still stands");
    assert_eq!(rgw.s3.list(bucket).unwrap(), ["deep/new"], "what was unmounted is still in the bucket");
    harbour.close().unwrap();
}

#[test]
fn a_pool_whose_bucket_cannot_be_reached_is_not_mounted_and_says_why() {
    let rgw = server_or_skip!(Rgw::get());
    let harbour = Harbour::open("cloud-no-mount", &rgw.s3).unwrap();
    let client = &harbour.cargo.client;
    let secret = "not-the-secret";
    client.put("/api/v2/cloud_connectors/harbour-connector", &json!({ "secret_key": secret })).unwrap();
    let mount = format!("/api/v2/pools/{POOL}/mount");
    let refused = client.put(&mount, &json!({})).unwrap();
    is_not_mounted(&refused);
    let message = refused["message"].as_str().unwrap();
    assert!(message.contains("harbour-connector") && !message.contains(secret), "{message}");
    is_not_mounted(&client.get(&mount).unwrap());
    assert_eq!(client.get("/api/v2/mounts").unwrap(), json!({ "mounts": [] }));
    harbour.close().unwrap();
}
