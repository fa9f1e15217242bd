//! A space of the Hub: its files go to a bucket, whatever that is, and come back when they are read or recalled.

#![allow(clippy::unwrap_used, reason = "everything here is a test")]

use std::path::Path;

use capstan_e2e::hub::{HubSpace, azure_bucket, folder_bucket, make_bucket, s3_bucket, share_as_bucket};
use capstan_e2e::{Host, Shape, there_and_back};
use capstan_test_servers::{Azurite, Rgw, Samba, server_or_skip};

use crate::mount_table::{has_fuse, without_fuse};

/// `bucket`: makes one on the host, with a directory of the test's to itself, and answers its id.
fn walk(files: usize, bucket: impl FnOnce(&Host, &Path) -> i64) {
    if !has_fuse() {
        return without_fuse("no space is mounted");
    }
    let (host, room) = Host::fresh().unwrap();
    let space = HubSpace::over(&host, "walk", bucket(&host, room.path())).unwrap();
    let shape = Shape { files, small: 64 << 10, large: vec![40 << 20], odd: true };
    there_and_back(&space, &shape, &mut |_| {}).unwrap();
    host.stop().unwrap();
}

#[test]
fn files_go_to_a_folder_and_come_back() {
    walk(300, |host, room| {
        let folder = room.join("bucket");
        std::fs::create_dir(&folder).unwrap();
        make_bucket(&host.client(), &folder_bucket("folder", &folder)).unwrap()
    });
}

#[test]
fn files_go_to_a_gateway_of_ceph_and_come_back() {
    let rgw = server_or_skip!(Rgw::get());
    let bucket = format!("hub-space-{}", std::process::id());
    rgw.s3.create_bucket(&bucket).unwrap();
    walk(300, |host, _| make_bucket(&host.client(), &s3_bucket(&bucket, &rgw.s3).unwrap()).unwrap());
}

#[test]
fn files_go_to_azure_and_come_back() {
    let azurite = server_or_skip!(Azurite::start());
    azurite.blob.create_container("hub-space").unwrap();
    walk(200, |host, _| make_bucket(&host.client(), &azure_bucket("hub-space", &azurite.blob)).unwrap());
}

#[test]
fn files_go_to_a_share_of_smb_and_come_back() {
    let samba = server_or_skip!(Samba::start());
    walk(200, |host, _| share_as_bucket(&host.client(), &samba).unwrap());
}
