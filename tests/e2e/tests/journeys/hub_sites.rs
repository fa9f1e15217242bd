//! Two sites of one space: a host, and a worker on the same PostgreSQL. What is done at one arrives at the other, through a bucket.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "everything here is a test")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use capstan_e2e::hub::{HubSpace, make_bucket, mounted, s3_bucket};
use capstan_e2e::{Host, HostOptions, Shape, Tree, Worker};
use capstan_test_servers::{Postgres, Rgw, server_or_skip};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::mount_table::{has_fuse, without_fuse};

const PATIENCE: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_millis(50);
const SHAPE: Shape = Shape { files: 120, small: 64 << 10, large: Vec::new(), odd: true };
const LARGE: u64 = 24 << 20;

/// Site one is the host's, site two nobody's until a worker is started.
struct Sites {
    host: Host,
    space: HubSpace,
    /// Of the space.
    id: i64,
    database: String,
    // Last: the processes end before the directory goes.
    _room: TempDir,
}

impl Sites {
    fn new(postgres: &Postgres, rgw: &Rgw, bucket: &str) -> Self {
        let room = tempfile::Builder::new().prefix("capstan-sites-").tempdir().unwrap();
        let database = postgres.url.clone();
        let options = HostOptions { data: room.path().join("data"), database: Some(database.clone()), ..HostOptions::default() };
        let host = Host::start(options).unwrap();
        let client = host.client();
        client.post("/api/sites/", &json!({ "name": "two", "shortcode": "two", "label": "Two" })).unwrap();
        let bucket = &format!("{bucket}-{}", std::process::id());
        rgw.s3.create_bucket(bucket).unwrap();
        let bucket = make_bucket(&client, &s3_bucket(bucket, &rgw.s3).unwrap()).unwrap();
        let first = client.get("/api/sites/").unwrap()["results"][0]["name"].as_str().unwrap().to_owned();
        let space = HubSpace::on(&host, "shared", bucket, &[&first, "two"]).unwrap();
        let spaces = client.get("/api/spaces/?page_size=0").unwrap();
        let found = spaces["results"].as_array().unwrap().iter().find(|space| space["name"] == "shared").unwrap();
        Self { id: found["id"].as_i64().unwrap(), host, space, database, _room: room }
    }

    /// And its view of the space, once that is there.
    fn worker(&self) -> (Worker, PathBuf) {
        let worker = Worker::start(&self.host, "two", &self.database).unwrap();
        let view = worker.view(&self.space.mountpoint);
        mounted(&view).unwrap();
        (worker, view)
    }

    fn make(&self, folder: &str) -> PathBuf {
        let folder = self.space.mountpoint.join(folder);
        fs::create_dir(&folder).unwrap();
        Shape { large: vec![LARGE], ..SHAPE }.make(&folder).unwrap();
        folder
    }

    /// How many paths the run dealt with.
    fn synced(&self) -> u64 {
        let told = self.space.run_with("site_sync", &["data"], &json!({ "destinationsite": "two" })).unwrap();
        assert_eq!((&told["failed"], &told["skipped"]), (&json!(0), &json!(0)), "{told}");
        told["total"].as_u64().unwrap()
    }
}

/// Bytes of disk that files below a folder take.
fn allocated(root: &Path) -> u64 {
    let mut bytes = 0;
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() => bytes += entry.metadata().unwrap().blocks() * 512,
                _ => {}
            }
        }
    }
    bytes
}

/// All paths below a folder, files with their hashes, links with what they say.
fn everything(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let (path, kind) = entry.map(|entry| (entry.path(), entry.file_type().unwrap())).unwrap();
            let what = if kind.is_symlink() {
                format!("link to {}", fs::read_link(&path).unwrap().display())
            } else if kind.is_dir() {
                folders.push(path.clone());
                "folder".to_owned()
            } else {
                blake3::hash(&fs::read(&path).unwrap()).to_string()
            };
            found.insert(path.strip_prefix(root).unwrap().to_owned(), what);
        }
    }
    found
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited for {what}");
        std::thread::sleep(LOOK);
    }
}

fn processed(sites: &Sites, job: i64) -> u64 {
    sites.space.client.get(&format!("/api/jobs/{job}/statistics/")).unwrap()["processed"].as_u64().unwrap()
}

#[test]
fn files_are_sent_to_another_site_as_stubs_or_whole() {
    if !has_fuse() {
        return without_fuse("no space is mounted");
    }
    let (postgres, rgw) = (server_or_skip!(Postgres::start()), server_or_skip!(Rgw::get()));
    let sites = Sites::new(&postgres, &rgw, "sites-send");
    let (worker, view) = sites.worker();
    let (stubs, whole) = (sites.make("stubs"), sites.make("whole"));
    symlink("../whole/folder-000", stubs.join("link")).unwrap();
    symlink("nowhere at all", stubs.join("dangling")).unwrap();

    let two = |hydrate: bool| json!({ "destinationsite": "two", "hydrate": hydrate });
    let told = sites.space.run_with("send", &["stubs"], &two(false)).unwrap();
    assert_eq!((&told["failed"], &told["skipped"]), (&json!(0), &json!(0)), "{told}");
    let raw = worker.raw(sites.id);
    assert!(allocated(&raw.join("stubs")) < 1 << 20, "{} bytes of stubs", allocated(&raw.join("stubs")));
    assert_eq!(everything(&view.join("stubs")), everything(&stubs), "what is read at the other site comes out of the bucket");

    sites.space.run_with("send", &["whole"], &two(true)).unwrap();
    assert!(allocated(&raw.join("whole")) >= Tree::read(&whole).unwrap().bytes());
    Tree::read(&whole).unwrap().same_as(&Tree::read(&view.join("whole")).unwrap()).unwrap();
    let again = sites.space.run_with("send", &["whole", "stubs"], &two(true)).unwrap();
    assert_eq!(&again["failed"], &json!(0), "what is there already is there: {again}");
    worker.stop().unwrap();
    sites.host.stop().unwrap();
}

#[test]
fn what_changes_at_one_site_is_carried_over_to_the_other() {
    if !has_fuse() {
        return without_fuse("no space is mounted");
    }
    let (postgres, rgw) = (server_or_skip!(Postgres::start()), server_or_skip!(Rgw::get()));
    let sites = Sites::new(&postgres, &rgw, "sites-sync");
    let (worker, view) = sites.worker();
    let (here, there) = (sites.make("data"), view.join("data"));
    symlink("folder-000", here.join("link")).unwrap();
    let all = everything(&here).len() as u64;
    assert_eq!(sites.synced(), all, "the first run is everything");
    assert_eq!(everything(&there), everything(&here));
    assert_eq!(sites.synced(), 0, "nothing has changed since");

    fs::write(here.join("created"), b"new").unwrap();
    fs::create_dir_all(here.join("made/deep")).unwrap();
    fs::write(here.join("made/deep/er"), b"newer").unwrap();
    fs::write(here.join("folder-000/file-000007.bin"), b"updated").unwrap();
    fs::rename(here.join("folder-000/file-000008.bin"), here.join("moved.bin")).unwrap();
    fs::rename(here.join("odd names"), here.join("made/odd names")).unwrap();
    fs::rename(here.join("large-0.bin"), here.join("made/larger.bin")).unwrap();
    fs::remove_file(here.join("folder-001/file-000110.bin")).unwrap();
    fs::remove_file(here.join("link")).unwrap();
    symlink("folder-001", here.join("link")).unwrap();
    let changes = sites.synced();
    assert!((1..=12).contains(&changes), "only what changed: {changes}");
    assert_eq!(everything(&there), everything(&here));
    assert_eq!(sites.synced(), 0, "what was moved, updated and deleted is known as it is now");

    // A stub is no change of what it holds, and neither is a recall.
    sites.space.run("migrate", &["data"]).unwrap();
    assert_eq!(sites.synced(), 0);
    sites.space.run("recall", &["data"]).unwrap();
    assert_eq!(sites.synced(), 0);
    worker.stop().unwrap();
    sites.host.stop().unwrap();
}

#[test]
fn a_job_waits_for_a_worker_and_outlives_one_that_is_killed() {
    if !has_fuse() {
        return without_fuse("no space is mounted");
    }
    let (postgres, rgw) = (server_or_skip!(Postgres::start()), server_or_skip!(Rgw::get()));
    let sites = Sites::new(&postgres, &rgw, "sites-killed");
    let here = sites.make("data");
    let send = || sites.space.start_with("send", &["data"], &json!({ "destinationsite": "two", "hydrate": true })).unwrap();
    let client = &sites.space.client;

    // Nobody works there: the job waits, says so, and can be cancelled.
    let job = send();
    let told = until("a word of why the job waits", || {
        let progress = client.get(&format!("/api/jobs/{job}/progress/")).unwrap();
        progress["message"].as_str().map(str::to_owned)
    });
    assert!(told.contains("two"), "{told}");
    let health = client.get("/api/health").unwrap();
    let of_two = health["site_status"].as_array().unwrap().iter().find(|site| site["site"] == "two").cloned().unwrap();
    assert_eq!(of_two["health"], "critical", "{health}");
    client.post(&format!("/api/jobs/{job}/cancel/"), &json!({})).unwrap();
    assert_eq!(sites.space.ended(job).unwrap(), "CANCELLED");
    assert_eq!(client.get(&format!("/api/jobs/{job}/progress/")).unwrap()["message"], Value::Null);

    // One that comes later takes up what waits; one that is killed on the way leaves it to its next life.
    let job = send();
    let (mut worker, view) = sites.worker();
    let before = processed(&sites, job);
    until("some files at the other site", || {
        assert_ne!(client.get(&format!("/api/jobs/{job}/")).unwrap()["state"], "SUCCESS", "it was over before it was cut");
        let some = view.join("data/folder-000").read_dir().is_ok_and(|found| found.count() > 3);
        (some || processed(&sites, job) > before + 3).then_some(())
    });
    worker.kill().unwrap();
    worker.start_again().unwrap();
    let told = sites.space.well("send", job).unwrap();
    assert_eq!(&told["failed"], &json!(0), "{told}");
    mounted(&view).unwrap();
    Tree::read(&here).unwrap().same_as(&Tree::read(&view.join("data")).unwrap()).unwrap();
    worker.stop().unwrap();
    sites.host.stop().unwrap();
}

#[test]
fn a_worker_says_why_it_does_not_start() {
    let postgres = server_or_skip!(Postgres::start());
    let room = tempfile::Builder::new().prefix("capstan-sites-").tempdir().unwrap();
    let database = postgres.url.as_str();
    let options = HostOptions { database: Some(database.to_owned()), ..HostOptions::bare(&room.path().join("data")) };
    let host = Host::start(options).unwrap();
    let data = room.path().join("other");
    let refused = |site: &str, database: Option<&str>, wanted: &str| {
        let output = Worker::refused(&data, site, database).unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(wanted), "{wanted}: {said}");
    };
    refused("two", None, "PostgreSQL");
    refused("two", Some("sqlite:///nowhere/catalogue.db"), "PostgreSQL");
    refused("two", Some(database), "secrets.key");
    fs::copy(host.data().join("secrets.key"), data.join("secrets.key")).unwrap();
    refused("two", Some(database), "there is no site two");
    // The host itself works for the first site.
    let first = host.client().get("/api/sites/").unwrap()["results"][0]["name"].as_str().unwrap().to_owned();
    refused(&first, Some(database), "works for the site");
    host.client().post("/api/sites/", &json!({ "name": "two", "shortcode": "two" })).unwrap();
    let worker = Worker::start(&host, "two", database).unwrap();
    refused("two", Some(database), "works for the site two already");
    worker.stop().unwrap();
    host.stop().unwrap();
}
