//! Drives on the host's own disks keep the whole contract; and what is left in their directory is what should be.

#![allow(clippy::unwrap_used, reason = "a test that fails here says where")]

use std::fs::{self, File, FileTimes};
use std::path::Path;
use std::time::{Duration, SystemTime};

use capstan_conformance::check;
use capstan_conformance::content::{collect, counting, same};
use capstan_conformance::host::{Host, built};
use capstan_conformance::target_file::TargetFile;
use capstan_domain::failure::{Blame, Kind, Retry};
use capstan_domain::ports::{CloneSource, Drives};
use capstan_test_servers::{SmallDisk, server_or_skip};
use serde_json::json;
use tempfile::TempDir;

const LOCATION: &str = "drives";
/// Bytes of the smallest drive here.
const MINIMUM: u64 = 1 << 20;
const KEY: &str = "0123456789abcdef0123456789abcdef";

/// Not under /tmp, which is often memory.
fn directory() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn configuration(directory: &Path) -> serde_json::Value {
    json!({ "path": directory, "minimum": MINIMUM })
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

async fn listed(port: &dyn Drives) -> Vec<String> {
    let page = port.list(LOCATION, None, 100).await.unwrap();
    page.drives.into_iter().map(|drive| drive.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nvme_keeps_the_contract() {
    let directory = directory();
    let file = TargetFile::plain(configuration(directory.path()), LOCATION);
    check::small(&built("nvme"), file, &[]).await.unwrap().passed().unwrap();
    // Of no drive anything stays, hidden or not.
    assert_eq!(names(directory.path()), [".capstan"]);
    assert_eq!(names(&directory.path().join(".capstan")), [""; 0]);
}

/// A folder as a call leaves it that died, in which nothing changed since then.
fn left(hidden: &Path, name: &str, since: SystemTime) {
    let folder = hidden.join(name);
    fs::create_dir_all(folder.join("snapshots/s")).unwrap();
    for file in ["disk", "snapshots/s/disk"] {
        fs::write(folder.join(file), "left").unwrap();
    }
    let times = FileTimes::new().set_modified(since);
    for path in [folder.join("disk"), folder] {
        File::open(path).unwrap().set_times(times).unwrap();
    }
}

#[tokio::test]
async fn what_died_in_the_middle_is_seen_by_nobody_and_swept_when_it_is_surely_dead() {
    let directory = directory();
    let host = Host::start(&built("nvme"), configuration(directory.path()), &[]).await.unwrap();
    let port = host.connection.drives().unwrap();
    port.create(LOCATION, "d", MINIMUM, "create", Vec::new()).await.unwrap();
    let hidden = directory.path().join(".capstan");
    let now = SystemTime::now();
    let (part, young) = (format!("part-{KEY}-0000000000000001"), format!("part-{KEY}-0000000000000002"));
    left(&hidden, &part, now - Duration::from_secs(7200));
    left(&hidden, &young, now);
    left(&hidden, &format!("gone-{KEY}-0000000000000003"), now);
    left(&hidden, "somebody-else-s", now - Duration::from_secs(7200));
    assert_eq!(listed(&*port).await, ["d"]);
    host.connection.probe().await.unwrap();
    assert_eq!(names(&hidden), [young, "somebody-else-s".to_owned()]);
    assert_eq!(port.get(LOCATION, "d").await.unwrap().size, MINIMUM);
}

#[tokio::test]
async fn an_attempt_takes_away_what_it_left_and_begins_anew() {
    let directory = directory();
    let host = Host::start(&built("nvme"), configuration(directory.path()), &[]).await.unwrap();
    let port = host.connection.drives().unwrap();
    port.create(LOCATION, "d", MINIMUM, "create", Vec::new()).await.unwrap();
    // The key of the attempt, as its label has it.
    let label = names(&directory.path().join("drive.d")).into_iter().find(|name| name.starts_with("made-")).unwrap();
    let key = label.split('-').nth(1).unwrap();
    port.delete(LOCATION, "d", "delete").await.unwrap();
    let hidden = directory.path().join(".capstan");
    assert_eq!(names(&hidden), [""; 0]);
    let (own, other) = (format!("part-{key}-0000000000000001"), format!("part-{KEY}-0000000000000001"));
    left(&hidden, &own, SystemTime::now());
    left(&hidden, &other, SystemTime::now());
    let made = port.create(LOCATION, "d", MINIMUM, "create", Vec::new()).await.unwrap();
    assert_eq!((made.size, names(&hidden)), (MINIMUM, vec![other]));
    let (_, body) = port.read(LOCATION, "d", 0, 4096).await.unwrap();
    assert_eq!(collect(body, 4097).await.unwrap(), vec![0; 4096]);
}

#[tokio::test]
async fn folders_and_files_of_others_are_neither_shown_nor_touched() {
    let directory = directory();
    let host = Host::start(&built("nvme"), configuration(directory.path()), &[]).await.unwrap();
    let port = host.connection.drives().unwrap();
    let folder = directory.path().join("drive.theirs");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("disk"), vec![7; 4096]).unwrap();
    fs::write(directory.path().join("drive.file"), "theirs").unwrap();
    fs::create_dir(directory.path().join("lost+found")).unwrap();
    assert_eq!(listed(&*port).await, [""; 0]);
    for name in ["theirs", "file"] {
        assert_eq!(port.get(LOCATION, name).await.unwrap_err().kind, Kind::NotFound, "{name}");
        let made = port.create(LOCATION, name, MINIMUM, "create", Vec::new()).await;
        assert_eq!(made.unwrap_err().kind, Kind::AlreadyExists, "{name}");
        port.delete(LOCATION, name, "delete").await.unwrap();
    }
    assert_eq!(fs::read(folder.join("disk")).unwrap(), vec![7; 4096]);
    assert_eq!(names(directory.path()), [".capstan", "drive.file", "drive.theirs", "lost+found"]);
    assert_eq!(names(&directory.path().join(".capstan")), [""; 0]);
}

#[tokio::test]
async fn a_full_disk_says_so_leaves_nothing_half_made_and_takes_more_after_a_discard() {
    let directory = directory();
    let _disk = server_or_skip!(SmallDisk::over(directory.path(), 16));
    let host = Host::start(&built("nvme"), configuration(directory.path()), &[]).await.unwrap();
    let port = host.connection.drives().unwrap();
    // Larger than the disk: what is not written takes no room.
    let size = 64 << 20;
    let made = port.create(LOCATION, "d", size, "create", Vec::new()).await.unwrap();
    assert!(made.used.unwrap() < MINIMUM, "{made:?}");
    port.write(LOCATION, "d", 0, counting(10 << 20), "first").await.unwrap();
    let source = CloneSource { name: "d", snapshot: None, size };
    for (what, outcome) in [
        ("a write", port.write(LOCATION, "d", 16 << 20, counting(12 << 20), "second").await),
        ("a clone", port.clone_drive(LOCATION, source, "copy", "clone", Vec::new()).await.map(drop)),
        ("a snapshot", port.take_snapshot(LOCATION, "d", "s", "take").await.map(drop)),
    ] {
        let failure = outcome.unwrap_err();
        let expected = (Kind::NoSpace, Retry::Never, Blame::Target);
        assert_eq!((failure.kind, failure.retry, failure.blame), expected, "{what}: {failure:?}");
        assert!(failure.next_step.is_some(), "{what}: {failure:?}");
    }
    assert_eq!(listed(&*port).await, ["d"]);
    assert!(port.list_snapshots(LOCATION, "d", None, 10).await.unwrap().snapshots.is_empty());
    assert_eq!(names(&directory.path().join(".capstan")), [""; 0]);
    port.discard(LOCATION, "d", 16 << 20, 12 << 20, "discard").await.unwrap();
    port.write(LOCATION, "d", 32 << 20, counting(4 << 20), "third").await.unwrap();
    for (offset, length) in [(0, 10 << 20), (32 << 20, 4 << 20)] {
        let (_, body) = port.read(LOCATION, "d", offset, length).await.unwrap();
        same(body, 0, length).await.unwrap();
    }
}
