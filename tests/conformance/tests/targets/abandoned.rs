//! Temporary files of writers that died: whoever lists their directory removes them, and never one of a writer that lives.

#![allow(clippy::unwrap_used, reason = "a test that fails here says where")]

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use capstan_conformance::content::{counting, same};
use capstan_conformance::fronts::wire::Front;
use capstan_conformance::host::{Host, built};
use capstan_conformance::{nfs, smb};
use capstan_domain::Outcome;
use capstan_domain::content::{Body, Content, Source};
use capstan_domain::ports::{Files, Node, PutOptions};
use capstan_test_servers::{Ganesha, SAMBA_PASSWORD, Samba, server_or_skip};
use futures::StreamExt;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;

const DAY: Duration = Duration::from_secs(86_400);
const PATIENCE: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(10);
const LARGE: u64 = 20 << 20;

/// A content whose bytes come when they are let.
struct Held {
    content: Content,
    let_go: watch::Receiver<bool>,
}

impl Source for Held {
    fn size(&self) -> u64 {
        self.content.size()
    }

    fn open(&self, offset: u64, length: u64) -> Body {
        let (content, mut let_go) = (self.content.clone(), self.let_go.clone());
        let bytes = async move {
            let _ = let_go.wait_for(|let_go| *let_go).await;
            content.open(offset, length)
        };
        Box::pin(futures::stream::once(bytes).flatten())
    }
}

/// A file being written, of which no byte has come yet.
struct Live {
    /// Its temporary file.
    part: String,
    go: watch::Sender<bool>,
    write: JoinHandle<Outcome<Node>>,
}

impl Live {
    /// Its temporary file is in the directory when this answers.
    async fn begin(files: Arc<dyn Files>, location: &'static str, path: &'static str, directory: &Path) -> Self {
        let before = names(directory);
        let (go, let_go) = watch::channel(false);
        let content = Arc::new(Held { content: counting(LARGE), let_go });
        let write = tokio::spawn(async move { files.write(location, path, content, path, PutOptions::default()).await });
        let begun = Instant::now();
        loop {
            if let Some(part) = names(directory).into_iter().find(|name| !before.contains(name)) {
                return Self { part, go, write };
            }
            assert!(begun.elapsed() < PATIENCE && !write.is_finished(), "nothing is written");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Its bytes come, and it is stored.
    async fn finish(self) {
        self.go.send(true).unwrap();
        assert_eq!(self.write.await.unwrap().unwrap().size, LARGE);
    }
}

fn part(digit: char) -> String {
    format!(".capstan-part-{}", String::from(digit).repeat(32))
}

/// Written to for the last time so long ago, by whoever owns the directory.
fn plant(directory: &Path, name: &str, ago: Duration) {
    let path = directory.join(name);
    fs::write(&path, "what was written so far").unwrap();
    age(&path, ago);
}

fn age(path: &Path, ago: Duration) {
    let owner = fs::metadata(path.parent().unwrap()).unwrap();
    chown(path, Some(owner.uid()), Some(owner.gid())).unwrap();
    File::open(path).unwrap().set_modified(SystemTime::now() - ago).unwrap();
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

async fn listed(files: &dyn Files, location: &str) -> Vec<String> {
    let page = files.read_directory(location, "", None, 100).await.unwrap();
    let mut names: Vec<String> = page.nodes.into_iter().map(|node| node.name).collect();
    names.sort();
    names
}

/// `directory`: what the location is on the disk of the test's server, which has not looked into it yet.
async fn are_swept(host: &Host, location: &'static str, directory: &Path) {
    let (dead, young, folder) = ([part('a'), part('b')], part('c'), part('d'));
    let lookalike = format!(".capstan-part-{}", "e".repeat(31));
    for name in &dead {
        plant(directory, name, 8 * DAY);
    }
    plant(directory, &young, 6 * DAY);
    plant(directory, &lookalike, 30 * DAY);
    plant(directory, "mine", 30 * DAY);
    fs::create_dir(directory.join(&folder)).unwrap();
    age(&directory.join(&folder), 30 * DAY);

    // One that lives, though nothing comes from its source.
    let files = host.connection.files().unwrap();
    let live = Live::begin(files.clone(), location, "large", directory).await;
    for _ in 0..2 {
        assert_eq!(listed(&*files, location).await, [lookalike.as_str(), "mine"]);
        let mut left = vec![lookalike.clone(), young.clone(), folder.clone(), live.part.clone(), "mine".to_owned()];
        left.sort();
        assert_eq!(names(directory), left);
    }
    let part = live.part.clone();
    live.finish().await;
    let (_, body) = files.read(location, "large", None).await.unwrap();
    same(body, 0, LARGE).await.unwrap();
    assert!(!names(directory).contains(&part));
}

#[tokio::test]
async fn a_directory_is_rid_of_parts_that_dead_writers_left() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let host = Host::start(&built("posix"), json!({ "path": directory.path() }), &[]).await.unwrap();
    are_swept(&host, "root", directory.path()).await;
}

#[tokio::test]
async fn an_export_is_rid_of_parts_that_dead_writers_left() {
    let server = server_or_skip!(Ganesha::start());
    let host = Host::start(&built("nfs"), nfs::configuration(&server, "open"), &[]).await.unwrap();
    are_swept(&host, nfs::LOCATION, &server.export("open")).await;
}

#[tokio::test]
async fn a_share_is_rid_of_parts_that_dead_writers_left() {
    let server = server_or_skip!(Samba::start());
    let configuration = smb::configuration(&server, "share", json!({}));
    let host = Host::start(&built("smb"), configuration, &[("password", SAMBA_PASSWORD)]).await.unwrap();
    are_swept(&host, "share", &server.share("share")).await;
}

/// Over the protocol: of a file that somebody has open Samba tells the moment it was told, whatever its disk says.
fn age_over_smb(server: &Samba, name: &str) {
    let commands = format!("utimes {name} -1 -1 20:06:15-12:00:00 -1; ls {name}");
    let told = server.client("share", &commands).unwrap().output().unwrap();
    let told = String::from_utf8_lossy(&told.stdout).into_owned() + &String::from_utf8_lossy(&told.stderr);
    assert!(told.lines().any(|line| line.contains(name) && line.trim_end().ends_with(" 2020")), "{told}");
}

#[tokio::test]
async fn a_part_that_looks_old_is_left_to_the_writer_that_has_it_open_and_swept_once_that_is_gone() {
    let server = server_or_skip!(Samba::start());
    let directory = server.share("share");
    let front = Front::start(&format!("127.0.0.1:{}", server.port)).await.unwrap();
    let through = smb::configuration(&server, "share", json!({ "port": front.address().port() }));
    let writer = Host::start(&built("smb"), through, &[("password", SAMBA_PASSWORD)]).await.unwrap();
    let beside = smb::configuration(&server, "share", json!({}));
    let lister = Host::start(&built("smb"), beside, &[("password", SAMBA_PASSWORD)]).await.unwrap();
    let (writing, files) = (writer.connection.files().unwrap(), lister.connection.files().unwrap());

    let live = Live::begin(writing.clone(), "share", "finished", &directory).await;
    let doomed = Live::begin(writing, "share", "broken off", &directory).await;
    for part in [&live.part, &doomed.part] {
        age_over_smb(&server, part);
    }
    for dead in [part('a'), part('b')] {
        plant(&directory, &dead, 8 * DAY);
        assert!(listed(&*files, "share").await.is_empty());
        let mut left = vec![live.part.clone(), doomed.part.clone()];
        left.sort();
        assert_eq!(names(&directory), left);
    }
    // Not even marked to go when it is closed.
    live.finish().await;
    assert_eq!(listed(&*files, "share").await, ["finished"]);
    let (_, body) = files.read("share", "finished", None).await.unwrap();
    same(body, 0, LARGE).await.unwrap();
    assert_eq!(names(&directory).len(), 2);

    // The writer dies, and Samba closes what it had open.
    drop(front);
    let gone = Instant::now();
    while names(&directory).contains(&doomed.part) {
        assert!(gone.elapsed() < PATIENCE, "what a dead writer left stays");
        tokio::time::sleep(LOOK).await;
        assert_eq!(listed(&*files, "share").await, ["finished"]);
    }
    assert_eq!(names(&directory), ["finished"]);
    doomed.write.abort();
}

#[tokio::test]
async fn a_target_that_is_read_only_keeps_what_dead_writers_left() {
    let server = server_or_skip!(Ganesha::start());
    let export = server.export("open");
    plant(&export, &part('a'), 8 * DAY);
    let mut configuration = nfs::configuration(&server, "open");
    configuration.as_object_mut().unwrap().insert("read-only".to_owned(), json!(true));
    let host = Host::start(&built("nfs"), configuration, &[]).await.unwrap();
    assert!(listed(&*host.connection.files().unwrap(), nfs::LOCATION).await.is_empty());
    assert_eq!(names(&export), [part('a')]);
}
