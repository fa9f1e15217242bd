//! A host that dies under a mounted pool, over NFS and over S3: what is open fails, and gives neither zeros nor an early end; what
//! was written is at the target whole or not at all; the next host shows that, and goes on.
//!
//! A file that is written is stored when it is synced or closed. So before that the target has what it had, and during that what it
//! had or the new file.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use capstan_e2e::{Cargo, Client, Host, HostOptions};
use capstan_test_servers::{ChecksumFront, Ganesha, Rgw, S3, server_or_skip};
use serde_json::json;

use crate::mount_table::{self, has_fuse, without_fuse};

const PATIENCE: Duration = Duration::from_secs(90);
const POOL: &str = "mounted";
const POOL_MOUNT: &str = "/api/v2/pools/mounted/mount";
/// Bytes of a file of which the kernel has read ahead only the beginning.
const READ: usize = 8 << 20;
const OLD: usize = 100_000;
/// Bytes of a file that is being stored when the host dies: several parts.
const STORED: usize = 40 << 20;
/// How long each part is held up, milliseconds.
const HELD_UP: u64 = 2_000;

/// No byte is zero.
fn pattern(size: usize) -> Vec<u8> {
    let mut bytes = (1..=251).collect::<Vec<u8>>().repeat(size / 251 + 1);
    bytes.truncate(size);
    bytes
}

/// What lies behind the pool, seen beside the host.
enum Behind<'a> {
    Export(PathBuf),
    Bucket(&'a S3, String),
}

impl Behind<'_> {
    fn put(&self, name: &str, bytes: &[u8]) {
        match self {
            Self::Export(path) => fs::write(path.join(name), bytes).unwrap(),
            Self::Bucket(s3, bucket) => s3.put(bucket, name, bytes).unwrap(),
        }
    }

    fn get(&self, name: &str) -> Vec<u8> {
        match self {
            Self::Export(path) => fs::read(path.join(name)).unwrap(),
            Self::Bucket(s3, bucket) => s3.get(bucket, name).unwrap(),
        }
    }

    fn names(&self) -> Vec<String> {
        match self {
            Self::Export(path) => names(path),
            Self::Bucket(s3, bucket) => s3.list(bucket).unwrap(),
        }
    }
}

/// Of all that is in the directory.
fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Takes what a dead host left mounted out of the way when the test ends, however it ends.
struct View(String);

impl View {
    /// Mounts the pool; what an earlier host left there is gone then.
    fn of(client: &Client) -> Self {
        let mounted = client.put(POOL_MOUNT, &json!({})).unwrap();
        assert_eq!(mounted["mounted"], true, "{mounted}");
        let view = Self(mounted["status"]["target"].as_str().unwrap().to_owned());
        assert_eq!(mount_table::layers(&view.0), 1, "a dead view lies below the new one");
        view
    }

    fn at(&self, name: &str) -> PathBuf {
        Path::new(&self.0).join(name)
    }

    fn shows(&self, wanted: &[(&str, &Vec<u8>)]) {
        let there: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
        assert_eq!(names(Path::new(&self.0)), there);
        for (name, bytes) in wanted {
            assert!(fs::read(self.at(name)).unwrap() == **bytes, "{name} has other bytes");
        }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if mount_table::at(&self.0).is_some() {
            let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        }
    }
}

/// What programs are told: EIO, ECONNABORTED, ENOTCONN.
fn is_cut_off<T>(done: io::Result<T>) {
    let failed = done.err().unwrap();
    assert!(matches!(failed.raw_os_error(), Some(5 | 103 | 107)), "{failed}");
}

/// Kills the host with three files open: one that is read, a new one, and one that is changed.
fn die_with_open_files(host: Host, view: &View, read: &[u8]) {
    let mut reader = File::open(view.at("read")).unwrap();
    let mut begun = vec![0; 4096];
    reader.read_exact(&mut begun).unwrap();
    assert!(begun == read[..4096]);
    let mut new = File::create(view.at("new")).unwrap();
    new.write_all(&pattern(1 << 20)).unwrap();
    let mut changed = OpenOptions::new().write(true).open(view.at("old")).unwrap();
    changed.write_all(b"never synced").unwrap();
    drop(host);

    is_cut_off(reader.read_at(&mut begun, 6 << 20));
    // The kernel may have some that follows; that is what the file holds, and the end of it is no end of the file.
    let mut rest = Vec::new();
    is_cut_off(reader.read_to_end(&mut rest));
    assert!(4096 + rest.len() < read.len() && read[4096..].starts_with(&rest), "{} bytes that are not the file's", rest.len());
    is_cut_off(fs::read(view.at("read")));
    is_cut_off(fs::read_dir(&view.0));
    for file in [&mut new, &mut changed] {
        is_cut_off(file.write_all(b"more"));
        is_cut_off(file.sync_all());
    }
}

/// Kills the host while a file is being stored; whether whoever synced it was told that it was.
fn die_while_storing(host: Host, view: &View, under_way: &dyn Fn() -> bool) -> bool {
    let path = view.at("stored");
    let storing = spawn(move || {
        let mut file = File::create(path)?;
        file.write_all(&pattern(STORED))?;
        file.sync_all()
    });
    until("the file on its way", under_way);
    drop(host);
    match storing.join().unwrap() {
        Ok(()) => true,
        failed => {
            is_cut_off(failed);
            false
        }
    }
}

fn until(what: &str, mut is: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < end, "{what} did not come");
        sleep(Duration::from_millis(5));
    }
}

/// The last three: the file "stored" is being stored; what a dead host sent has arrived; nothing is left of what was not stored.
fn round(behind: &Behind<'_>, pool: impl FnOnce(&Cargo), [under_way, settled, nothing_left]: [&dyn Fn() -> bool; 3]) {
    let (host, room) = Host::fresh().unwrap();
    let again = || Host::start(HostOptions { data: room.path().join("data"), ..HostOptions::default() }).unwrap();
    let (read, old, stored) = (pattern(READ), pattern(OLD), pattern(STORED));
    behind.put("read", &read);
    behind.put("old", &old);
    pool(&Cargo::new(host.client()));
    let view = View::of(&host.client());
    die_with_open_files(host, &view, &read);
    assert_eq!(behind.names(), ["old", "read"], "what nobody synced is at the target");
    assert!(behind.get("old") == old, "what nobody synced is at the target");

    let host = again();
    assert_eq!(host.client().get(POOL_MOUNT).unwrap()["mounted"], false);
    let view = View::of(&host.client());
    view.shows(&[("old", &old), ("read", &read)]);
    let told = die_while_storing(host, &view, under_way);
    until("the end of what was on its way", settled);

    let host = again();
    let client = host.client();
    let view = View::of(&client);
    let mut wanted = vec![("old", &old), ("read", &read)];
    let is_there = view.at("stored").exists();
    wanted.extend(is_there.then_some(("stored", &stored)));
    assert!(is_there || !told, "what was told to be stored is not there");
    view.shows(&wanted);
    until("the end of what was left at the target", nothing_left);

    // What could not be stored then is stored now.
    let mut file = File::create(view.at("stored")).unwrap();
    file.write_all(&stored).unwrap();
    file.sync_all().unwrap();
    drop(file);
    assert!(behind.get("stored") == stored);
    assert_eq!(client.delete(POOL_MOUNT).unwrap()["mounted"], false);
    assert_eq!(mount_table::layers(&view.0), 0);
    host.stop().unwrap();
}

#[test]
fn a_pool_over_nfs_whose_host_dies_gives_errors_and_whole_files() {
    if !has_fuse() {
        return without_fuse("no pool over NFS is mounted");
    }
    let ganesha = server_or_skip!(Ganesha::start());
    let export = ganesha.export("open");
    let options = format!("port={},mountport={}", ganesha.port, ganesha.mount_port);
    let share = json!({ "name": "share", "path": export, "options": options });
    let pool = |cargo: &Cargo| cargo.nas_pool(POOL, "nfs_v3", "data_exchange", &share).unwrap();
    // Under whichever name it is written.
    let under_way = || names(&export).len() > 2;
    round(&Behind::Export(export.clone()), pool, [&under_way, &|| true, &|| true]);
}

#[test]
fn a_pool_over_a_bucket_whose_host_dies_gives_errors_and_whole_files() {
    if !has_fuse() {
        return without_fuse("no pool over a bucket is mounted");
    }
    let rgw = server_or_skip!(Rgw::get());
    let front = ChecksumFront::start(&rgw.s3).unwrap();
    let bucket = format!("host-death-{}", std::process::id());
    rgw.s3.create_bucket(&bucket).unwrap();
    let pool = |cargo: &Cargo| {
        let mut connector = Cargo::connector_input("connector", &front.s3);
        connector["options"] = json!("multipart_size=8");
        cargo.cloud_pool(POOL, &connector, &bucket).unwrap();
    };
    let unfinished = || rgw.s3.unfinished(&bucket).unwrap();
    // The upload is begun, whether the host has heard of it or not.
    let under_way = || {
        front.hold_up(HELD_UP);
        !unfinished().is_empty()
    };
    // What the front still holds would arrive after the next host has cleared up.
    let settled = || {
        front.hold_up(0);
        front.under_way() == 0
    };
    let nothing_left = || unfinished().is_empty();
    round(&Behind::Bucket(&rgw.s3, bucket.clone()), pool, [&under_way, &settled, &nothing_left]);
    let _ = rgw.s3.delete_bucket(&bucket);
}
