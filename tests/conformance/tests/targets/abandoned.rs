//! Temporary files of writers that died: whoever lists their directory removes them, and never one of a writer that lives.

#![allow(clippy::unwrap_used, reason = "a test that fails here says where")]

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use capstan_conformance::content::{counting, same};
use capstan_conformance::host::{Host, built};
use capstan_conformance::{nfs, smb};
use capstan_domain::content::{Body, Content, Source};
use capstan_domain::ports::{Files, PutOptions};
use capstan_test_servers::{Ganesha, SAMBA_PASSWORD, Samba, server_or_skip};
use futures::StreamExt;
use serde_json::json;
use tokio::sync::watch;

const DAY: Duration = Duration::from_secs(86_400);
const PATIENCE: Duration = Duration::from_secs(90);
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

    let planted = names(directory);
    // One that lives, though nothing comes from its source.
    let files = host.connection.files().unwrap();
    let (go, let_go) = watch::channel(false);
    let (writer, content) = (files.clone(), Arc::new(Held { content: counting(LARGE), let_go }));
    let write = tokio::spawn(async move { writer.write(location, "large", content, "live", PutOptions::default()).await });
    let begun = Instant::now();
    let live = loop {
        if let Some(live) = names(directory).into_iter().find(|name| !planted.contains(name)) {
            break live;
        }
        assert!(begun.elapsed() < PATIENCE && !write.is_finished(), "nothing is written");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };

    for _ in 0..2 {
        assert_eq!(listed(&*files, location).await, [lookalike.as_str(), "mine"]);
        let mut left = vec![lookalike.clone(), young.clone(), folder.clone(), live.clone(), "mine".to_owned()];
        left.sort();
        assert_eq!(names(directory), left);
    }
    go.send(true).unwrap();
    assert_eq!(write.await.unwrap().unwrap().size, LARGE);
    let (_, body) = files.read(location, "large", None).await.unwrap();
    same(body, 0, LARGE).await.unwrap();
    assert!(!names(directory).contains(&live));
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
