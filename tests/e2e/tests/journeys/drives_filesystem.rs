//! A file system on a drive, with the tools of everybody: made on an attached drive, it survives that the drive grows, is cloned
//! from one storage type to the next all the way round, and is attached again. Every file is as it was.
//!
//! The tools work on a file: what the drive exports is copied into it, and it is copied back, with `nbdcopy`. That takes neither a
//! kernel with NBD nor one with FUSE, and all bytes go through the export.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use capstan_e2e::{Client, DSSD, DriveHost, NVME, Shape, Tree, ZADARA};
use capstan_test_servers::{CephDrives, StorageType, Vpsa, ext4_program, nbd_program, server_or_skip};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::attaching::{Attached, good, nbd};
use crate::drives_clients::{GIB, act, made, path, wait};

/// Bytes of the drive at first; at each stop it becomes a number of GiB.
const SIZE: u64 = 512 << 20;
/// From one to the next, and back to where it began.
const STOPS: [StorageType<'static>; 4] = [NVME, DSSD, ZADARA, NVME];
/// The folder of the file system that is compared: at its top there is `lost+found` too.
const FOLDER: &str = "files";
const READY: [&str; 1] = ["unmounted"];

fn ext4(name: &str) -> Command {
    Command::new(ext4_program(name).unwrap())
}

/// The file system, and what is known of it.
struct Disk<'d> {
    drives: &'d DriveHost,
    room: TempDir,
    drive: Value,
}

impl Disk<'_> {
    fn client(&self) -> Client {
        self.drives.host.client()
    }

    /// The files as they are to be.
    fn files(&self) -> PathBuf {
        self.room.path().join("root").join(FOLDER)
    }

    /// What the drive holds, where the tools find it.
    fn image(&self) -> PathBuf {
        self.room.path().join("image")
    }

    fn attached(&self, arguments: &[&str]) -> Attached {
        let attached = Attached::new(&self.drives.host, self.drive["uuid"].as_str().unwrap(), arguments);
        assert_eq!(self.client().get(&path(&self.drive)).unwrap()["status"], "mounted");
        attached
    }

    fn fetch(&self, attached: &Attached) {
        good(nbd("nbdcopy").arg(&attached.uri).arg(self.image()));
    }

    fn store(&self, attached: &Attached) {
        good(nbd("nbdcopy").arg("--flush").arg(self.image()).arg(&attached.uri));
    }

    fn make(&self) {
        File::create(self.image()).unwrap().set_len(SIZE).unwrap();
        good(ext4("mkfs.ext4").args(["-q", "-F", "-L", "capstan", "-d"]).arg(self.room.path().join("root")).arg(self.image()));
        let attached = self.attached(&[]);
        self.store(&attached);
        attached.interrupt();
    }

    /// Attached for reading: a file system without a fault, all files, and no other.
    fn is_whole(&self) {
        let attached = self.attached(&["--read-only"]);
        self.fetch(&attached);
        attached.interrupt();
        assert_eq!(fs::metadata(self.image()).unwrap().len(), self.drive["size"].as_u64().unwrap());
        good(ext4("e2fsck").arg("-fn").arg(self.image()));
        let back = self.room.path().join("back");
        fs::create_dir(&back).unwrap();
        good(ext4("debugfs").arg("-R").arg(format!("rdump /{FOLDER} {}", back.display())).arg(self.image()));
        let (files, found) = (Tree::read(&self.files()).unwrap(), Tree::read(&back.join(FOLDER)).unwrap());
        files.same_as(&found).unwrap();
        fs::remove_dir_all(back).unwrap();
    }

    /// The drive, and the file system on it once it is attached again. Files come and go.
    fn grow(&mut self, size: u64, stop: usize) {
        let body = json!({ "media": "disk", "name": self.drive["name"], "size": size });
        let begun = act(&self.client(), &self.drive, "resize", &body);
        assert_eq!(begun.status, 202, "{}", begun.text);
        self.drive = wait(&self.client(), &self.drive, &["resizing"], &READY);
        assert_eq!(self.drive["size"], size, "{}", self.drive);

        let attached = self.attached(&[]);
        self.fetch(&attached);
        // Nothing is to be repaired: then it would not be a success.
        good(ext4("e2fsck").arg("-fp").arg(self.image()));
        let told = good(ext4("resize2fs").arg(self.image()));
        assert!(told.contains("is now"), "{told}");
        self.change(stop);
        self.store(&attached);
        attached.interrupt();
    }

    /// Files that come and go, on the file system and where they are to be.
    fn change(&self, stop: usize) {
        let new = self.files().join(format!("stop-{stop}"));
        fs::create_dir(&new).unwrap();
        let length = stop as u64;
        Shape { files: 0, small: 0, large: vec![length, 4096 + length, (3 << 20) + length], odd: false }.make(&new).unwrap();
        let old = format!("folder-000/file-{stop:06}.bin");
        fs::remove_file(self.files().join(&old)).unwrap();

        let mut commands = format!("rm /{FOLDER}/{old}\nmkdir /{FOLDER}/stop-{stop}\ncd /{FOLDER}/stop-{stop}\n");
        for name in Tree::read(&new).unwrap().files.into_keys() {
            let name = String::from_utf8(name).unwrap();
            commands.push_str(&format!("write {} {name}\n", new.join(&name).display()));
        }
        let script = self.room.path().join("commands");
        fs::write(&script, commands).unwrap();
        good(ext4("debugfs").arg("-w").arg("-f").arg(&script).arg(self.image()));
    }

    /// Goes on as a clone on this storage type; what it was cloned from is deleted.
    fn move_to(&mut self, storage_type: StorageType<'_>) {
        let client = self.client();
        let body = json!({ "name": format!("on {}", storage_type.name), "storage_type": storage_type.name });
        let begun = act(&client, &self.drive, "clone", &body);
        assert_eq!(begun.status, 202, "{}", begun.text);
        let clone = wait(&client, &begun.json()["objects"][0], &["cloning_dst"], &READY);
        assert_eq!((&clone["storage_type"], &clone["size"]), (&json!(storage_type.name), &self.drive["size"]));
        let source = wait(&client, &self.drive, &["cloning_src"], &READY);
        client.delete(&path(&source)).unwrap();
        self.drive = clone;
    }
}

fn shape(root: &Path) {
    fs::create_dir_all(root).unwrap();
    Shape { files: 250, small: 16 << 10, large: vec![12 << 20, (5 << 20) + 1], odd: true }.make(root).unwrap();
}

#[test]
fn a_filesystem_survives_resize_clone_to_every_storage_type_and_attaching_again() {
    for tool in ["mkfs.ext4", "e2fsck", "resize2fs", "debugfs"] {
        server_or_skip!(ext4_program(tool));
    }
    server_or_skip!(nbd_program("nbdcopy"));
    let ceph = server_or_skip!(CephDrives::get());
    let vpsa = server_or_skip!(Vpsa::start());
    let drives = DriveHost::open(ceph, vpsa, None).unwrap();
    let client = drives.host.client();
    let definition = json!({ "media": "disk", "name": "disk", "size": SIZE, "storage_type": STOPS[0].name });
    let mut disk = Disk { drives: &drives, room: tempfile::tempdir().unwrap(), drive: made(&client, &definition) };
    shape(&disk.files());
    disk.make();
    for (stop, storage_type) in STOPS.into_iter().enumerate() {
        if stop > 0 {
            disk.move_to(storage_type);
        }
        assert_eq!(disk.drive["storage_type"], storage_type.name);
        disk.is_whole();
        disk.grow((stop as u64 + 1) * GIB, stop);
        disk.is_whole();
    }
    client.delete(&path(&disk.drive)).unwrap();
    drop(disk);
    drives.close_empty().unwrap();
}
