//! What is read through a view is what lies in the tree, or an error.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;
use std::sync::Arc;

use capstan_mover::LocalTree;
use tokio::runtime::Handle;

use crate::{Mounted, Shown, View, mount};

fn bytes(length: usize) -> Vec<u8> {
    let mut reader = blake3::Hasher::new().update(b"view").finalize_xof();
    let mut bytes = vec![0; length];
    reader.fill(&mut bytes);
    bytes
}

fn shown(name: &str, directory: &Path) -> Shown {
    Shown { name: name.to_owned(), tree: Arc::new(LocalTree::open(name, directory).expect("tree")), writes: None }
}

/// None where the machine has no FUSE; a run that must not skip says so with CAPSTAN_TEST_REQUIRE_SERVERS=1.
fn mounted(directory: &Path, trees: Vec<Shown>) -> Option<Mounted> {
    if !Path::new("/dev/fuse").exists() {
        assert!(std::env::var_os("CAPSTAN_TEST_REQUIRE_SERVERS").is_none(), "/dev/fuse is missing");
        eprintln!("skipped: /dev/fuse is missing");
        return None;
    }
    let view = View { directory: directory.to_owned(), source: "test".to_owned(), shown: trees, spool: None, for_all: false };
    Some(mount(view, Handle::current()).expect("mounted"))
}

async fn on_disk(work: impl FnOnce() + Send + 'static) {
    tokio::task::spawn_blocking(work).await.expect("work");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tree_reads_through_a_view_as_it_is() {
    let (tree, view) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    fs::create_dir_all(tree.path().join("a/b")).expect("folder");
    fs::write(tree.path().join("a/b/large"), bytes(9_000_001)).expect("file");
    fs::write(tree.path().join("none"), b"").expect("file");
    fs::write(tree.path().join("odd \u{1}é"), b"odd").expect("file");
    let raw: std::ffi::OsString = std::os::unix::ffi::OsStringExt::from_vec(b"raw-\xff".to_vec());
    fs::write(tree.path().join(&raw), b"raw").expect("file");
    symlink("a/b/large", tree.path().join("link")).expect("link");
    for index in 0..2500 {
        fs::write(tree.path().join(format!("a/many-{index:04}")), b"x").expect("file");
    }
    let Some(mounted) = mounted(view.path(), vec![shown("", tree.path())]) else { return };
    assert!(mounted.device().expect("device").starts_with("0:"));
    let (left, right) = (tree.path().to_owned(), view.path().to_owned());
    on_disk(move || {
        let diff =
            std::process::Command::new("diff").args(["-r", "--no-dereference"]).args([&left, &right]).output().expect("diff");
        assert!(diff.status.success(), "{}", String::from_utf8_lossy(&diff.stdout));
        assert_eq!(fs::read(right.join("link")).expect("through the link").len(), 9_000_001);
        let file = fs::File::open(right.join("a/b/large")).expect("file");
        let mut middle = [0; 1000];
        for offset in [8_000_000, 5, 4_500_000, 9_000_001 - 1000] {
            file.read_exact_at(&mut middle, offset).expect("a range");
            assert_eq!(middle[..], bytes(9_000_001)[offset as usize..offset as usize + 1000]);
        }
        assert_eq!(fs::write(right.join("new"), b"x").expect_err("read-only").raw_os_error(), Some(30));
    })
    .await;
    let view = view.path().to_owned();
    on_disk(move || {
        mounted.unmount();
        assert_eq!(fs::read_dir(&view).expect("the bare directory").count(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_trees_stand_under_their_names() {
    let (one, two, view) =
        (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    fs::write(one.path().join("file"), b"one").expect("file");
    fs::write(two.path().join("file"), b"two").expect("file");
    let Some(mounted) = mounted(view.path(), vec![shown("first", one.path()), shown("second", two.path())]) else { return };
    let directory = view.path().to_owned();
    on_disk(move || {
        assert_eq!(fs::read_dir(&directory).expect("top").count(), 2);
        assert_eq!(fs::read(directory.join("first/file")).expect("file"), b"one");
        assert_eq!(fs::read(directory.join("second/file")).expect("file"), b"two");
        assert!(fs::read(directory.join("third/file")).is_err());
        drop(mounted);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_the_target_cannot_answer_fails_and_gives_no_zeros() {
    let (tree, view) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    let path = tree.path().join("file");
    fs::write(&path, bytes(40_000_000)).expect("file");
    let Some(mounted) = mounted(view.path(), vec![shown("", tree.path())]) else { return };
    let seen = view.path().join("file");
    on_disk(move || {
        let mut file = fs::File::open(seen).expect("file");
        let mut first = [0; 4096];
        file.read_exact(&mut first).expect("the beginning");
        // What the view opened is no longer there as it was.
        fs::File::options().write(true).open(&path).expect("file").set_len(10_000_000).expect("cut");
        file.seek(SeekFrom::Start(30_000_000)).expect("seek");
        let error = file.read_exact(&mut first).expect_err("no bytes");
        assert_eq!(error.raw_os_error(), Some(5), "{error}");
        drop(file);
        drop(mounted);
    })
    .await;
}

/// Stores nothing: its target is away.
struct Away;

#[async_trait::async_trait]
impl crate::Writes for Away {
    async fn store(&self, _: &str, _: &str) -> capstan_domain::Outcome<()> {
        away()
    }
    async fn make_folder(&self, _: &capstan_mover::Item) -> capstan_domain::Outcome<()> {
        away()
    }
    async fn make_link(&self, _: &str, _: &str) -> capstan_domain::Outcome<()> {
        away()
    }
    async fn remove(&self, _: &capstan_mover::Item) -> capstan_domain::Outcome<()> {
        away()
    }
    async fn remove_folder(&self, _: &str) -> capstan_domain::Outcome<()> {
        away()
    }
    async fn rename(&self, _: &capstan_mover::Item, _: &str, _: bool) -> capstan_domain::Outcome<bool> {
        away().map(|()| true)
    }
    async fn set_attributes(&self, _: &str, _: capstan_mover::NewAttributes) -> capstan_domain::Outcome<()> {
        away()
    }
}

fn away() -> capstan_domain::Outcome<()> {
    Err(capstan_domain::Failure::new(capstan_domain::Kind::Unavailable, "the target is away"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_fails_is_told_to_whoever_syncs_or_closes_and_is_never_silent() {
    let (tree, view, spool) =
        (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    fs::write(tree.path().join("there"), b"there").expect("file");
    let shown = Shown { writes: Some(Arc::new(Away)), ..shown("", tree.path()) };
    let spool = Arc::new(crate::Spool::empty(&spool.path().join("s"), 1 << 20).expect("spool"));
    let mounted = {
        if !Path::new("/dev/fuse").exists() {
            assert!(std::env::var_os("CAPSTAN_TEST_REQUIRE_SERVERS").is_none(), "/dev/fuse is missing");
            return;
        }
        let (directory, source) = (view.path().to_owned(), "test".to_owned());
        let view = View { directory, source, shown: vec![shown], spool: Some(Arc::clone(&spool)), for_all: false };
        mount(view, Handle::current()).expect("mounted")
    };
    let at = view.path().to_owned();
    on_disk(move || {
        let file = fs::File::create(at.join("new")).expect("a name");
        file.write_all_at(b"bytes", 0).expect("spooled");
        assert_eq!(file.sync_all().expect_err("told to a sync").raw_os_error(), Some(5));
        drop(file);
        let copied = std::process::Command::new("cp").arg("/etc/hostname").arg(at.join("copy")).output().expect("cp");
        assert!(!copied.status.success(), "told to a close");
        for failed in [
            fs::remove_file(at.join("there")),
            fs::create_dir(at.join("d")),
            fs::rename(at.join("there"), at.join("then")),
            std::os::unix::fs::symlink("x", at.join("l")),
        ] {
            assert_eq!(failed.expect_err("told").raw_os_error(), Some(5));
        }
        assert_eq!(fs::read(at.join("there")).expect("untouched"), b"there");
        // Neither is the file there afterwards, nor what waited for it.
        assert!(!at.join("new").exists() && !at.join("copy").exists());
        let over = fs::File::create(at.join("over")).expect("a name");
        assert_eq!(over.write_all_at(&vec![1; 2 << 20], 0).expect_err("the spool is full").raw_os_error(), Some(28));
        drop(over);
        drop(mounted);
    })
    .await;
    let left = || fs::read_dir(spool.directory()).expect("spool").count();
    for _ in 0..100 {
        if left() == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(left(), 0);
}
