//! What a drive on Ceph goes through: written, cloned, restored, grown, attached, removed. And what is left in the cluster then:
//! nothing.

#![allow(clippy::unwrap_used, reason = "a test that fails here says where")]

use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use capstan_conformance::content::{counting, same, same_seeded, seeded};
use capstan_conformance::dssd::host;
use capstan_conformance::fails;
use capstan_conformance::host::Host;
use capstan_domain::content::Body;
use capstan_domain::failure::Kind;
use capstan_domain::ports::{Attachment, CloneSource, DriveInfo, Drives};
use capstan_test_servers::{CephDrives, server_or_skip};
use futures::StreamExt;
use serde_json::json;

const POOL: &str = CephDrives::POOL;
const MIB: u64 = 1 << 20;
const SIZE: u64 = 64 * MIB;

/// A name that no other test of the run has.
fn name(what: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("{what}-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

async fn drives(server: &CephDrives) -> (Host, Arc<dyn Drives>) {
    let host = host(server, json!({})).await.unwrap();
    let drives = host.connection.drives().unwrap();
    (host, drives)
}

async fn create(drives: &Arc<dyn Drives>, name: &str) -> DriveInfo {
    drives.create(POOL, name, SIZE, "make", Vec::new()).await.unwrap()
}

async fn clone_of(drives: &Arc<dyn Drives>, name: &str, snapshot: Option<&str>, to: &str) -> DriveInfo {
    let source = CloneSource { name, snapshot, size: SIZE };
    drives.clone_drive(POOL, source, to, "clone", Vec::new()).await.unwrap()
}

async fn read(drives: &Arc<dyn Drives>, name: &str, offset: u64, length: u64) -> Body {
    drives.read(POOL, name, offset, length).await.unwrap().1
}

async fn are_zeros(mut body: Body, length: u64) {
    let mut came = 0;
    while let Some(chunk) = body.next().await {
        let chunk = chunk.unwrap();
        assert!(chunk.iter().all(|byte| *byte == 0), "something else than zeros around {came}");
        came += chunk.len() as u64;
    }
    assert_eq!(came, length);
}

/// Under which name the cluster keeps a drive that is deleted while others hang on it.
fn gone(server: &CephDrives, drive: &str) -> String {
    let told = server.rbd(&["info", "--format", "json", &format!("capstan.{drive}")]).unwrap();
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    format!("capstan.gone.{}", told.get("id").and_then(serde_json::Value::as_str).unwrap())
}

/// Images of the cluster with this in their names.
fn images(server: &CephDrives, of: &str) -> Vec<String> {
    server.images().unwrap().into_iter().filter(|image| image.contains(of)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_is_read_back_and_what_is_discarded_is_zeros() {
    let server = server_or_skip!(CephDrives::get());
    let (_host, drives) = drives(&server).await;
    let drive = name("bytes");
    assert_eq!(create(&drives, &drive).await.size, SIZE);
    are_zeros(read(&drives, &drive, 0, SIZE).await, SIZE).await;
    drives.write(POOL, &drive, 4 * MIB, counting(8 * MIB), "write").await.unwrap();
    // Fewer bytes than go natively.
    drives.write(POOL, &drive, 20 * MIB, seeded(4096, 7), "write small").await.unwrap();
    drives.flush(POOL, &drive).await.unwrap();
    same(read(&drives, &drive, 4 * MIB, 8 * MIB).await, 0, 8 * MIB).await.unwrap();
    same(read(&drives, &drive, 5 * MIB + 512, MIB).await, MIB + 512, MIB).await.unwrap();
    same_seeded(read(&drives, &drive, 20 * MIB, 4096).await, 7, 4096).await.unwrap();
    are_zeros(read(&drives, &drive, 0, 0).await, 0).await;
    let page = drives.extents(POOL, &drive, 0, SIZE, 100).await.unwrap();
    let told: u64 = page.extents.iter().map(|extent| extent.length).sum();
    let has = |at: u64| page.extents.iter().any(|extent| (extent.offset..extent.offset + extent.length).contains(&at));
    assert!(page.next.is_none() && (4..12).all(|mib| has(mib * MIB)) && has(20 * MIB), "{page:?}");
    assert!(told < SIZE / 2 && !has(40 * MIB), "{page:?}");
    drives.discard(POOL, &drive, 4 * MIB, 6 * MIB, "discard").await.unwrap();
    are_zeros(read(&drives, &drive, 4 * MIB, 6 * MIB).await, 6 * MIB).await;
    same(read(&drives, &drive, 10 * MIB, 2 * MIB).await, 6 * MIB, 2 * MIB).await.unwrap();
    for (offset, length) in [(1, 512), (0, 100), (SIZE, 512), (SIZE - 512, 1024)] {
        fails(drives.read(POOL, &drive, offset, length).await, Kind::Invalid, "a range off the blocks, or outside").unwrap();
    }
    drives.delete(POOL, &drive, "delete").await.unwrap();
    drives.delete(POOL, &drive, "delete").await.unwrap();
    fails(drives.read(POOL, &drive, 0, 512).await, Kind::NotFound, "a drive that was deleted").unwrap();
    assert_eq!(images(&server, &drive), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drive_grows_and_never_shrinks_and_shows_its_new_end_at_once() {
    let server = server_or_skip!(CephDrives::get());
    let (_host, drives) = drives(&server).await;
    let drive = name("grows");
    create(&drives, &drive).await;
    drives.write(POOL, &drive, SIZE - MIB, counting(MIB), "write").await.unwrap();
    fails(drives.resize(POOL, &drive, SIZE / 2, "shrink").await, Kind::Invalid, "a smaller size").unwrap();
    fails(drives.create(POOL, &name("none"), 0, "none", Vec::new()).await, Kind::Invalid, "no bytes at all").unwrap();
    assert_eq!(drives.get(POOL, &drive).await.unwrap().size, SIZE, "nothing was cut");
    for _ in 0..2 {
        assert_eq!(drives.resize(POOL, &drive, 2 * SIZE, "grow").await.unwrap().size, 2 * SIZE);
    }
    same(read(&drives, &drive, SIZE - MIB, MIB).await, 0, MIB).await.unwrap();
    are_zeros(read(&drives, &drive, SIZE, SIZE).await, SIZE).await;
    drives.write(POOL, &drive, 2 * SIZE - MIB, counting(MIB), "write at the new end").await.unwrap();
    drives.delete(POOL, &drive, "delete").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn clones_outlive_their_sources_and_nothing_is_left_when_the_last_goes() {
    let server = server_or_skip!(CephDrives::get());
    let (_host, drives) = drives(&server).await;
    let [source, first, second, third] = ["source", "first", "second", "third"].map(name);
    create(&drives, &source).await;
    // Not flushed: a clone has it all the same.
    drives.write(POOL, &source, 0, counting(4 * MIB), "write").await.unwrap();
    let made = clone_of(&drives, &source, None, &first).await;
    assert_eq!(made.size, SIZE);
    assert_eq!(clone_of(&drives, &source, None, &first).await.name, first, "the same attempt again");
    drives.write(POOL, &source, 0, seeded(4 * MIB, 1), "write over it").await.unwrap();
    drives.take_snapshot(POOL, &source, "kept", "take").await.unwrap();
    clone_of(&drives, &source, Some("kept"), &second).await;
    clone_of(&drives, &first, None, &third).await;
    // Where they are kept when they are deleted.
    let kept = [gone(&server, &source), gone(&server, &first)];
    drives.delete_snapshot(POOL, &source, "kept", "drop").await.unwrap();
    assert!(drives.list_snapshots(POOL, &source, None, 10).await.unwrap().snapshots.is_empty());
    drives.delete(POOL, &source, "delete").await.unwrap();
    fails(drives.get(POOL, &source).await, Kind::NotFound, "a drive that was deleted").unwrap();
    same(read(&drives, &first, 0, 4 * MIB).await, 0, 4 * MIB).await.unwrap();
    same_seeded(read(&drives, &second, 0, 4 * MIB).await, 1, 4 * MIB).await.unwrap();
    drives.write(POOL, &first, 0, seeded(MIB, 2), "write to the clone").await.unwrap();
    drives.delete(POOL, &first, "delete").await.unwrap();
    // The name is free again, and what hung on the drive that had it does not notice.
    create(&drives, &source).await;
    are_zeros(read(&drives, &source, 0, MIB).await, MIB).await;
    same(read(&drives, &third, 0, 4 * MIB).await, 0, 4 * MIB).await.unwrap();
    let left = server.images().unwrap();
    assert!(kept.iter().all(|image| left.contains(image)), "{left:?}: others hang on {kept:?}");
    for drive in [&third, &second, &source] {
        drives.delete(POOL, drive, "delete").await.unwrap();
    }
    for drive in [&source, &first, &second, &third] {
        assert_eq!(images(&server, drive), [""; 0]);
    }
    let left = server.images().unwrap();
    assert!(!kept.iter().any(|image| left.contains(image)), "{left:?}: nothing hangs on {kept:?} any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_drive_has_its_bytes_and_keeps_its_size() {
    let server = server_or_skip!(CephDrives::get());
    let (_host, drives) = drives(&server).await;
    let drive = name("restored");
    create(&drives, &drive).await;
    drives.write(POOL, &drive, 0, counting(2 * MIB), "before").await.unwrap();
    let taken = drives.take_snapshot(POOL, &drive, "one", "take").await.unwrap();
    assert_eq!((taken.name.as_str(), taken.size), ("one", SIZE));
    assert_eq!(drives.take_snapshot(POOL, &drive, "one", "take").await.unwrap().name, "one", "the same attempt again");
    fails(drives.take_snapshot(POOL, &drive, "one", "another").await, Kind::AlreadyExists, "another attempt").unwrap();
    drives.write(POOL, &drive, 0, seeded(2 * MIB, 3), "after").await.unwrap();
    drives.resize(POOL, &drive, 2 * SIZE, "grow").await.unwrap();
    drives.write(POOL, &drive, SIZE, seeded(MIB, 3), "behind the snapshot's end").await.unwrap();
    drives.take_snapshot(POOL, &drive, "two", "take two").await.unwrap();
    let names = drives.list_snapshots(POOL, &drive, None, 10).await.unwrap().snapshots;
    assert_eq!(names.into_iter().map(|snapshot| snapshot.name).collect::<Vec<_>>(), ["one", "two"], "oldest first");
    assert_eq!(drives.restore_snapshot(POOL, &drive, "one", "restore").await.unwrap().size, 2 * SIZE);
    same(read(&drives, &drive, 0, 2 * MIB).await, 0, 2 * MIB).await.unwrap();
    are_zeros(read(&drives, &drive, SIZE, MIB).await, MIB).await;
    // The same attempt again changes nothing any more.
    drives.write(POOL, &drive, 0, seeded(MIB, 5), "later").await.unwrap();
    drives.restore_snapshot(POOL, &drive, "one", "restore").await.unwrap();
    same_seeded(read(&drives, &drive, 0, MIB).await, 5, MIB).await.unwrap();
    fails(drives.restore_snapshot(POOL, &drive, "none", "r").await, Kind::NotFound, "a snapshot that is not there").unwrap();
    drives.delete(POOL, &drive, "delete").await.unwrap();
    assert_eq!(images(&server, &drive), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_is_remembered_by_new_instances_and_what_others_made_is_not_touched() {
    let server = server_or_skip!(CephDrives::get());
    let (mut host, drives) = drives(&server).await;
    let [drive, foreign] = ["mine", "foreign"].map(name);
    let image = format!("capstan.{foreign}");
    server.rbd(&["create", "--size", "8", &image]).unwrap();
    create(&drives, &drive).await;
    host.reopen();
    let drives = host.connection.drives().unwrap();
    assert_eq!(create(&drives, &drive).await.name, drive, "the same attempt again");
    fails(drives.create(POOL, &drive, SIZE, "another", Vec::new()).await, Kind::AlreadyExists, "another attempt").unwrap();
    fails(drives.get(POOL, &foreign).await, Kind::NotFound, "an image that no call made").unwrap();
    fails(drives.create(POOL, &foreign, SIZE, "make", Vec::new()).await, Kind::AlreadyExists, "an image of that name").unwrap();
    drives.delete(POOL, &foreign, "delete").await.unwrap();
    assert_eq!(images(&server, &foreign), std::slice::from_ref(&image), "it is still there");
    let listed = drives.list(POOL, None, 1_000).await.unwrap().drives;
    assert_eq!(listed.into_iter().map(|drive| drive.name).collect::<Vec<_>>(), std::slice::from_ref(&drive));
    drives.delete(POOL, &drive, "delete").await.unwrap();
    server.rbd(&["rm", "--no-progress", &image]).unwrap();
}

/// QEMU's own client, at what a drive is attached as.
fn qemu_io(attachment: &Attachment, arguments: &[&str]) -> Output {
    let Attachment::Nbd { host, port, export } = attachment else { unreachable!("the peer is NBD: {attachment:?}") };
    let url = format!("nbd://{host}:{port}/{export}");
    Command::new("qemu-io").args(["-f", "raw"]).args(arguments).arg(url).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attached_drive_is_reached_by_any_client_until_it_is_detached() {
    let server = server_or_skip!(CephDrives::get());
    let (_host, drives) = drives(&server).await;
    let drive = name("attached");
    create(&drives, &drive).await;
    let write = ["-c", "write -P 7 0 4k", "-c", "flush"];
    let peer = drives.attach(POOL, &drive, false, "attach").await.unwrap();
    assert_eq!(drives.attach(POOL, &drive, false, "again").await.unwrap(), peer);
    assert!(qemu_io(&peer, &write).status.success());
    let body = drives.read(POOL, &drive, 0, 4096).await.unwrap().1;
    let bytes: Vec<u8> = body.map(|chunk| chunk.unwrap().to_vec()).concat().await;
    assert_eq!(bytes, [7; 4096], "what was flushed there is read here");
    drives.detach(POOL, &drive, "detach").await.unwrap();
    assert!(!qemu_io(&peer, &write).status.success(), "nobody is let in any more");
    let peer = drives.attach(POOL, &drive, true, "to read").await.unwrap();
    assert!(qemu_io(&peer, &["-r", "-c", "read -P 7 0 4k"]).status.success());
    assert!(!qemu_io(&peer, &write).status.success(), "nobody writes there, not even by mistake");
    fails(drives.attach(POOL, &drive, false, "to write").await, Kind::Conflict, "attached for reading").unwrap();
    // It grew while it was attached: attached anew it shows its size.
    drives.resize(POOL, &drive, 2 * SIZE, "grow").await.unwrap();
    drives.detach(POOL, &drive, "detach").await.unwrap();
    let peer = drives.attach(POOL, &drive, true, "to read the rest").await.unwrap();
    assert!(qemu_io(&peer, &["-r", "-c", "read -P 0 100M 4k"]).status.success());
    drives.delete(POOL, &drive, "delete").await.unwrap();
    drives.detach(POOL, &drive, "detach").await.unwrap();
    assert_eq!(images(&server, &drive), [""; 0]);
}
