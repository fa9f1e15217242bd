//! The drill: a host is lost with all it had, and a space is made anew from what its bucket says of it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use capstan_e2e::hub::{HubSpace, folder_bucket, s3_bucket};
use capstan_e2e::{Host, PASSWORD, Shape, Tree, USER, binaries};
use capstan_test_servers::{Rgw, server_or_skip};
use rustix::fs::XattrFlags;
use serde_json::{Value, json};

use crate::mount_table::{has_fuse, without_fuse};

const LARGE: u64 = 40 << 20;
const MARK: &[u8] = b"\0kept\xff";

fn shape() -> Shape {
    Shape { files: 300, small: 64 << 10, large: vec![LARGE], odd: true }
}

/// As an administrator would at the command line; what it printed.
fn command(host: &Host, words: &[&str]) -> Value {
    let mut command = Command::new(binaries().unwrap().join("capstan"));
    command.args(["--json", "--url", host.base()]).args(words);
    let output = command.env("CAPSTAN_USER", USER).env("CAPSTAN_PASSWORD", PASSWORD).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().mode() & 0o7777
}

/// All that was migrated comes back; what was deleted does not, and what was renamed has its new name.
fn lost_and_made_anew(bucket: &Value) {
    let (host, room) = Host::fresh().unwrap();
    let space = HubSpace::make(&host, "walk", bucket).unwrap();
    let data = space.mountpoint.join("data");
    std::fs::create_dir(&data).unwrap();
    shape().make(&data).unwrap();
    let marked = data.join("folder-001/file-000101.bin");
    std::fs::set_permissions(&marked, std::fs::Permissions::from_mode(0o640)).unwrap();
    rustix::fs::setxattr(&marked, "user.mark", MARK, XattrFlags::empty()).unwrap();
    let mut expected = Tree::read(&data).unwrap();

    let told = space.run("migrate", &["data"]).unwrap();
    assert_eq!((&told["failed"], &told["skipped"]), (&0.into(), &0.into()), "{told}");
    std::fs::remove_file(data.join("folder-000/file-000007.bin")).unwrap();
    expected.files.remove("folder-000/file-000007.bin".as_bytes()).unwrap();
    // The whole is written anew; what comes behind it counts, too.
    let exported = command(&host, &["space", "export", "walk"]);
    assert!(exported["exports"][0]["files"].as_u64().unwrap() >= 300, "{exported}");
    std::fs::rename(data.join("folder-000"), data.join("renamed")).unwrap();
    let moved: Vec<Vec<u8>> = expected.files.keys().filter(|name| name.starts_with(b"folder-000/")).cloned().collect();
    for name in moved {
        let content = expected.files.remove(&name).unwrap();
        expected.files.insert([b"renamed/", &name[b"folder-000/".len()..]].concat(), content);
    }
    std::fs::remove_file(data.join("folder-002/file-000200.bin")).unwrap();
    expected.files.remove("folder-002/file-000200.bin".as_bytes()).unwrap();

    // Catalogue, tree and keys: all of it.
    host.stop().unwrap();
    drop(room);
    let (host, _room) = Host::fresh().unwrap();
    let space = HubSpace::make(&host, "walk", bucket).unwrap();
    let data = space.mountpoint.join("data");
    assert!(!data.exists());
    let rebuilt = command(&host, &["space", "rebuild", "walk"]);
    let rebuilt = &rebuilt["rebuilds"][0];
    assert_eq!(rebuilt["made"], expected.files.len(), "{rebuilt}");
    for nothing in ["torn", "kept", "failed", "there"] {
        assert_eq!(rebuilt[nothing], 0, "{rebuilt}");
    }

    assert_eq!(space.status("data/large-0.bin").unwrap(), "MIGRATED");
    let stub = std::fs::metadata(data.join("large-0.bin")).unwrap();
    assert_eq!(stub.len(), LARGE);
    assert!(stub.blocks() * 512 < 1 << 20, "{} blocks", stub.blocks());
    let marked = data.join("folder-001/file-000101.bin");
    assert_eq!(mode(&marked), 0o640);
    let mut mark = [0; 64];
    let length = rustix::fs::getxattr(&marked, "user.mark", mark.as_mut_slice()).unwrap();
    assert_eq!(&mark[..length], MARK);

    // Some by reading them, the rest by a job.
    assert_eq!(std::fs::read(data.join("large-0.bin")).unwrap().len() as u64, LARGE);
    let told = space.run("recall", &["data"]).unwrap();
    assert_eq!(&told["failed"], &0, "{told}");
    let found = Tree::read(&data).unwrap();
    found.same_as(&expected).unwrap();
    assert!(found == expected, "times are as they were, too");

    // Once more it finds everything done.
    let again = space.client.post("/capstan/v1/spaces/walk/rebuild", &json!({})).unwrap();
    let again = &again["rebuilds"][0];
    assert_eq!((&again["made"], &again["there"]), (&json!(0), &json!(expected.files.len())), "{again}");
    host.stop().unwrap();
}

#[test]
fn a_space_that_was_lost_comes_back_from_its_folder() {
    if !has_fuse() {
        return without_fuse("no space is mounted");
    }
    let folder = tempfile::tempdir().unwrap();
    lost_and_made_anew(&folder_bucket("folder", folder.path()));
}

#[test]
fn a_space_that_was_lost_comes_back_from_a_gateway_of_ceph() {
    if !has_fuse() {
        return without_fuse("no space is mounted");
    }
    let rgw = server_or_skip!(Rgw::get());
    let bucket = format!("hub-rebuild-{}", std::process::id());
    rgw.s3.create_bucket(&bucket).unwrap();
    lost_and_made_anew(&s3_bucket(&bucket, &rgw.s3).unwrap());
}
