//! Primary scans of shares again: what did not change costs its server next to nothing, what changed is seen.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "everything here is a test")]

use std::fs::{self, File};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use capstan_e2e::{Cargo, Client, Host};
use capstan_test_servers::{Ganesha, NfsFront, SAMBA_PASSWORD, Samba, Trick, server_or_skip};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(120);
/// In two levels.
const FOLDERS: usize = 30;
const FILES: usize = 20;
const READDIR: u32 = 16;
const READDIRPLUS: u32 = 17;

/// Six folders with four in each, all with files, changed so long ago that nothing is doubtful.
fn plant(root: &Path) {
    for outer in 0..6 {
        let inner = (0..4).map(|inner| format!("d{outer}/e{inner}"));
        for folder in inner.chain([format!("d{outer}")]) {
            fs::create_dir_all(root.join(&folder)).unwrap();
            for file in 0..FILES {
                fs::write(root.join(&folder).join(format!("f{file}")), "12345").unwrap();
            }
            age(&root.join(&folder));
        }
    }
    age(root);
}

fn age(folder: &Path) {
    File::open(folder).unwrap().set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
}

/// What somebody does on the server: a new file, one that goes, a folder with another name. Each in a folder of its own.
fn change(root: &Path) {
    fs::write(root.join("d1/new"), "1234567").unwrap();
    fs::remove_file(root.join("d2/e1/f3")).unwrap();
    fs::rename(root.join("d3/e0"), root.join("d3/moved")).unwrap();
}

/// A host with a primary pool "p" of one share, called "share".
struct Scanned {
    client: Client,
    host: Host,
    room: tempfile::TempDir,
}

impl Scanned {
    fn new(protocol: &str, share: &Value) -> Self {
        let (host, room) = Host::fresh().unwrap();
        let client = host.client();
        Cargo::new(client.clone()).nas_pool("p", protocol, "primary", share).unwrap();
        Self { client, host, room }
    }

    fn newest(&self) -> Option<Value> {
        let jobs = self.client.get("/capstan/v1/jobs?limit=100").unwrap();
        jobs["items"].as_array().unwrap().iter().find(|job| job["work"] == "scan").cloned()
    }

    /// Has the pool scanned and answers the job, which ended well. A scan that is set is due at once, and then not for years.
    fn scan(&self) -> Value {
        let number = |job: Option<&Value>| job.map_or(0, |job| job["number"].as_i64().unwrap());
        let before = number(self.newest().as_ref());
        let path = "/api/v2/pools/p/primary_scan";
        let setting = json!({"enabled": true, "operand": 10, "unit": "years"});
        let set = if before == 0 { self.client.post(path, &setting) } else { self.client.put(path, &setting) };
        set.unwrap();
        let until = Instant::now() + PATIENCE;
        loop {
            let newest = self.newest();
            let ended = newest.as_ref().filter(|job| number(Some(*job)) > before && job["finished"].is_string());
            if let Some(job) = ended {
                assert_eq!(job["state"], "done", "{job}");
                return job.clone();
            }
            assert!(Instant::now() < until, "the scan does not end: {newest:?}");
            sleep(Duration::from_millis(100));
        }
    }

    /// Names in a folder of the share as the catalogue has them.
    fn names(&self, folder: &str) -> Vec<String> {
        let mut files = self.client.get("/api/v2/pools/p/files").unwrap();
        for name in format!("share/{folder}").split('/').filter(|name| !name.is_empty()) {
            let found = files["files"].as_array().unwrap().iter().find(|file| file["name"] == name);
            let id = found.unwrap_or_else(|| panic!("no {name} of {folder} in {files}"))["id"].as_i64().unwrap();
            files = self.client.get(&format!("/api/v2/files/{id}/children?limit=100")).unwrap();
        }
        let names = files["files"].as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap().to_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// After `change`, as it was before in all else.
    fn shows_the_change(&self) {
        assert_eq!(self.names("").len(), 6);
        let new = self.names("d1");
        assert!(new.contains(&"new".to_owned()) && new.len() == FILES + 5, "{new:?}");
        let less = self.names("d2/e1");
        assert!(!less.contains(&"f3".to_owned()) && less.len() == FILES - 1, "{less:?}");
        let renamed = self.names("d3");
        assert!(renamed.contains(&"moved".to_owned()) && !renamed.contains(&"e0".to_owned()), "{renamed:?}");
        assert_eq!(renamed.len(), FILES + 4);
        assert_eq!((self.names("d3/moved").len(), self.names("d3/e1").len()), (FILES, FILES));
    }

    fn close(self) {
        self.host.stop().unwrap();
        drop(self.room);
    }
}

/// Files of the folders that a scan read.
fn files(job: &Value) -> usize {
    usize::try_from(job["progress"]["files_processed"].as_u64().unwrap()).unwrap()
}

#[test]
fn a_rescan_of_an_export_lists_the_folders_that_changed_alone_and_asks_for_no_file() {
    let mut ganesha = server_or_skip!(Ganesha::start());
    let front = NfsFront::start(ganesha.port, Trick::Nothing, 0).unwrap();
    let root = ganesha.export("open");
    plant(&root);
    // It keeps what it has seen of the export, which is younger than what was made of it since.
    ganesha.restart().unwrap();
    let options = format!("vers=3,port={},mountport={}", front.port(), ganesha.mount_port);
    let scanned = Scanned::new("nfs_v3", &json!({"name": "share", "path": root, "options": options}));
    assert_eq!(files(&scanned.scan()), FOLDERS * FILES);
    assert_eq!(front.directories_listed(), FOLDERS + 1);

    front.reset();
    assert_eq!(files(&scanned.scan()), 0);
    assert_eq!((front.calls(READDIR), front.calls(READDIRPLUS)), (0, 0));
    // A folder is found by the names of its path, two here; the rest is what a host asks of a server it has to do with.
    let calls = front.all_calls();
    assert!((FOLDERS..=2 * FOLDERS + 20).contains(&calls), "{calls} calls for {FOLDERS} folders that did not change");

    change(&root);
    // It would take a server some time to see what was not done through it.
    ganesha.restart().unwrap();
    front.reset();
    // Of "d1", "d2/e1", "d3" and "d3/moved".
    assert_eq!(files(&scanned.scan()), 4 * FILES);
    assert_eq!(front.directories_listed(), 4);
    let calls = front.all_calls();
    assert!(calls < FOLDERS * FILES / 2, "{calls} calls for four folders that changed");
    scanned.shows_the_change();
    scanned.close();
}

#[test]
fn a_rescan_of_a_share_reads_the_folders_that_changed_alone() {
    let samba = server_or_skip!(Samba::start());
    let root = samba.share("share");
    plant(&root);
    let options = format!("port={}", samba.port);
    let share = json!({"name": "share", "path": "share", "options": options, "username": samba.user, "password": SAMBA_PASSWORD});
    let scanned = Scanned::new("smb_v3", &share);
    assert_eq!(files(&scanned.scan()), FOLDERS * FILES);
    assert_eq!(files(&scanned.scan()), 0);
    change(&root);
    assert_eq!(files(&scanned.scan()), 4 * FILES);
    scanned.shows_the_change();
    scanned.close();
}
