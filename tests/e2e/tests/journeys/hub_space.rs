//! A space of the Hub: its files go to a bucket, and come back when they are read or recalled.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use std::os::unix::fs::MetadataExt;

use capstan_e2e::hub::{HubSpace, folder_bucket, s3_bucket};
use capstan_e2e::{Host, Shape, Tree};
use capstan_test_servers::{Rgw, server_or_skip};
use serde_json::Value;

use crate::mount_table::{has_fuse, without_fuse};

const SHAPE: Shape = Shape { files: 300, small: 64 << 10, large: Vec::new(), odd: true };

/// Files migrated: they look as before and take next to no room. Some are read, the rest are recalled: all are what they were.
fn there_and_back(host: &Host, bucket: &Value) {
    let space = HubSpace::make(host, "walk", bucket).unwrap();
    let data = space.mountpoint.join("data");
    std::fs::create_dir(&data).unwrap();
    Shape { large: vec![40 << 20], ..SHAPE }.make(&data).unwrap();
    let before = Tree::read(&data).unwrap();
    let large = std::fs::read_dir(&data).unwrap().flatten().find(|entry| entry.metadata().unwrap().len() == 40 << 20).unwrap();
    let name = format!("data/{}", large.file_name().display());

    let told = space.run("migrate", &["data"]).unwrap();
    assert_eq!((&told["failed"], &told["skipped"]), (&0.into(), &0.into()), "{told}");
    assert_eq!(space.status(&name).unwrap(), "MIGRATED");
    let stub = std::fs::metadata(large.path()).unwrap();
    assert_eq!(stub.len(), 40 << 20);
    assert!(stub.blocks() * 512 < 1 << 20, "{} blocks", stub.blocks());

    // Whoever reads gets the content, and the file is here again.
    let content = std::fs::read(large.path()).unwrap();
    assert_eq!(content.len(), 40 << 20);
    assert_eq!(space.status(&name).unwrap(), "PREMIGRATED");

    let told = space.run("recall", &["data"]).unwrap();
    assert_eq!(&told["failed"], &0, "{told}");
    Tree::read(&data).unwrap().same_as(&before).unwrap();
}

#[test]
fn files_go_to_a_folder_and_come_back() {
    if !has_fuse() {
        return without_fuse("no space is mounted");
    }
    let (host, room) = Host::fresh().unwrap();
    let folder = room.path().join("bucket");
    std::fs::create_dir(&folder).unwrap();
    there_and_back(&host, &folder_bucket("folder", &folder));
    host.stop().unwrap();
}

#[test]
fn files_go_to_a_gateway_of_ceph_and_come_back() {
    if !has_fuse() {
        return without_fuse("no space is mounted");
    }
    let rgw = server_or_skip!(Rgw::get());
    let (host, _room) = Host::fresh().unwrap();
    rgw.s3.create_bucket("hub-space").unwrap();
    there_and_back(&host, &s3_bucket("hub-space", &rgw.s3).unwrap());
    host.stop().unwrap();
}
