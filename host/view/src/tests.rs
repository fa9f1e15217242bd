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

/// None where the machine has no FUSE; a run that must not skip says so with CI=true.
fn mounted(directory: &Path, trees: Vec<Shown>) -> Option<Mounted> {
    if !Path::new("/dev/fuse").exists() {
        assert!(std::env::var_os("CI").is_none(), "/dev/fuse is missing");
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
