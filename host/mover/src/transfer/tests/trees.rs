//! What arrives is what was there.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Arc;

use capstan_domain::failure::Kind;
use capstan_domain::job::PathState;
use capstan_domain::names;

use crate::testing::{MemoryLedger, MemoryObjects, bytes, local, transfer};
use crate::{Command, ObjectTree, Source, Summary, Tree};

const MIB: usize = 1 << 20;

pub(super) fn objects_tree(store: &Arc<MemoryObjects>) -> Arc<dyn Tree> {
    let (objects, uploads) = (Arc::clone(store) as _, Arc::clone(store) as _);
    Arc::new(ObjectTree::new("bucket", None, "bucket", "pre", objects, Some(uploads), &Vec::new()))
}

/// A tree with all that a tree may hold, except what needs a special file system.
pub(super) fn plant(root: &std::path::Path) {
    fs::create_dir_all(root.join("a/deep/er")).expect("folder");
    fs::create_dir_all(root.join("empty/within")).expect("folder");
    fs::write(root.join("a/small"), bytes(5000, 1)).expect("file");
    fs::write(root.join("a/none"), b"").expect("file");
    fs::write(root.join("a/deep/er/middle"), bytes(3 * MIB + 7, 2)).expect("file");
    fs::write(root.join("large"), bytes(40 * MIB + 11, 3)).expect("file");
    fs::write(root.join("new\nline \u{1f}é"), b"odd").expect("file");
    fs::write(root.join("%!41"), b"looks escaped").expect("file");
    let raw = std::os::unix::ffi::OsStringExt::from_vec(b"not-utf8-\xff\xfe".to_vec());
    let raw: std::ffi::OsString = raw;
    fs::write(root.join(raw), b"raw").expect("file");
    fs::write(root.join("n".repeat(255)), b"long").expect("file");
    symlink("../../etc/passwd", root.join("a/outside")).expect("link");
    fs::set_permissions(root.join("a/small"), fs::Permissions::from_mode(0o640)).expect("mode");
    let time = std::time::UNIX_EPOCH + std::time::Duration::new(1_000_000_000, 123_456_789);
    fs::File::options().write(true).open(root.join("a/small")).expect("file").set_modified(time).expect("time");
}

pub(super) fn same_trees(left: &std::path::Path, right: &std::path::Path) {
    let list = |root: &std::path::Path| {
        let output = std::process::Command::new("find")
            .args([
                ".",
                "-mindepth",
                "1",
                "(",
                "-type",
                "d",
                "-printf",
                "%y %p\\0",
                ")",
                "-o",
                "-printf",
                "%y %p %s %m %T@ %l\\0",
            ])
            .current_dir(root)
            .output()
            .expect("find");
        let mut lines: Vec<Vec<u8>> = output.stdout.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
        // A link's own time is not carried by object stores.
        for line in &mut lines {
            if line.starts_with(b"l") {
                let text = String::from_utf8_lossy(line).into_owned();
                let mut words: Vec<&str> = text.split(' ').collect();
                words.remove(4);
                *line = words.join(" ").into_bytes();
            }
        }
        lines.sort();
        lines.into_iter().map(|line| names::escape(&line, |c| c.is_control())).collect::<Vec<_>>()
    };
    assert_eq!(list(left), list(right));
    let diff = std::process::Command::new("diff").args(["-r", "--no-dereference"]).arg(left).arg(right).output().expect("diff");
    assert!(diff.status.success(), "{}", String::from_utf8_lossy(&diff.stdout));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tree_comes_to_another_directory_with_all_that_is_in_it() {
    let (from, to) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    plant(from.path());
    let ledger = MemoryLedger::new();
    let summary = transfer(local(from.path()), local(to.path()), &ledger).run().await.expect("run");
    assert_eq!(summary, Summary { done: 10, ..Summary::default() });
    same_trees(from.path(), &to.path().join("in"));
    let large = ledger.settled("large").expect("outcome");
    assert_eq!(large.blake3, Some(*blake3::hash(&bytes(40 * MIB + 11, 3)).as_bytes()));
    assert_eq!(large.subtrees.len(), 3 * 32);
    assert!(large.copies[0].verified.is_some());
    let again = transfer(local(from.path()), local(to.path()), &ledger).run().await.expect("run");
    assert_eq!((again.done, again.failed, again.skipped), (1, 0, 0), "only the empty folder is made again: {again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tree_goes_into_objects_and_comes_back_the_same() {
    let (from, back) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    plant(from.path());
    let store = MemoryObjects::new(8 << 20);
    let ledger = MemoryLedger::new();
    let up = transfer(local(from.path()), objects_tree(&store), &ledger);
    let counters = Arc::clone(&up.counters);
    let summary = up.run().await.expect("up");
    assert_eq!(summary, Summary { done: 10, ..Summary::default() });
    assert_eq!(store.bytes_of("pre/in/large").expect("object"), bytes(40 * MIB + 11, 3));
    assert!(
        store.keys().iter().all(|key| key.starts_with("pre/in/") && !key.contains(|c: char| c.is_control())),
        "{:?}",
        store.keys()
    );
    assert_eq!(store.open_uploads(), 0);
    assert!(store.metadata_of("pre/in/a/small").contains(&("capstan-mode".to_owned(), "640".to_owned())));
    let progress = counters.snapshot();
    assert_eq!((progress.files_to_process, progress.files_finalized), (10, 10));
    assert_eq!((progress.bytes_to_process, progress.bytes_finalized), (progress.bytes_processed, progress.bytes_to_process));

    let mut down = transfer(objects_tree(&store), local(back.path()), &MemoryLedger::new());
    down.sources = vec![Source { path: "in".to_owned(), place_at: String::new(), ..down.sources.remove(0) }];
    let summary = down.run().await.expect("down");
    assert_eq!((summary.done, summary.failed, summary.skipped), (10, 0, 0));
    same_trees(from.path(), back.path());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_folder_lists_alike_in_directories_and_objects() {
    let from = tempfile::tempdir().expect("dir");
    for name in ["a/x", "a/y/z", "a/y/w", "b"] {
        let path = from.path().join(name);
        fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        fs::write(path, name).expect("file");
    }
    let store = MemoryObjects::new(16 << 20);
    transfer(local(from.path()), objects_tree(&store), &MemoryLedger::new()).run().await.expect("up");
    for (tree, top) in [(local(from.path()), ""), (objects_tree(&store), "in/")] {
        let page = tree.children(&format!("{top}a"), None, 100).await.expect("page");
        let mut seen: Vec<(String, bool)> =
            page.items.iter().map(|item| (item.path.clone(), item.kind == crate::ItemKind::File)).collect();
        seen.sort();
        assert_eq!(seen, [(format!("{top}a/x"), true), (format!("{top}a/y"), false)]);
        assert_eq!(page.next, None);
    }
    let first = local(from.path()).children("a/y", None, 1).await.expect("page");
    let second = local(from.path()).children("a/y", first.next.as_deref(), 1).await.expect("page");
    assert_eq!((first.items[0].path.as_str(), second.items[0].path.as_str(), second.next), ("a/y/w", "a/y/z", None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_run_sends_nothing_again() {
    let from = tempfile::tempdir().expect("dir");
    plant(from.path());
    let store = MemoryObjects::new(16 << 20);
    let ledger = MemoryLedger::new();
    transfer(local(from.path()), objects_tree(&store), &ledger).run().await.expect("up");
    let before = store.counts();
    let evidence = ledger.settled("large").expect("settled");
    fs::write(from.path().join("a/small"), bytes(5000, 9)).expect("file");
    let summary = transfer(local(from.path()), objects_tree(&store), &ledger).run().await.expect("up");
    // The folder's marker and the changed file.
    assert_eq!((store.counts().0 - before.0, store.counts().1 - before.1), (2, 0));
    assert_eq!((summary.unchanged, summary.done), (8, 2));
    let kept = ledger.settled("large").expect("settled");
    assert_eq!((kept.copies, kept.subtrees), (evidence.copies, evidence.subtrees), "the evidence is not worn down");
    assert_eq!(store.bytes_of("pre/in/a/small").expect("object"), bytes(5000, 9));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_leave_to_overwrite_only_what_is_identical_passes() {
    for large in [false, true] {
        let (from, to) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
        let size = if large { 20 * MIB } else { 3000 };
        for tree in [from.path().to_owned(), to.path().join("in")] {
            fs::create_dir_all(&tree).expect("folder");
            fs::write(tree.join("same"), bytes(size, 1)).expect("file");
        }
        fs::write(from.path().join("other"), bytes(size, 2)).expect("file");
        fs::write(to.path().join("in/other"), bytes(size, 3)).expect("file");
        let ledger = MemoryLedger::new();
        let mut run = transfer(local(from.path()), local(to.path()), &ledger);
        run.options.overwrite = false;
        let summary = run.run().await.expect("run");
        assert_eq!(summary, Summary { unchanged: 1, skipped: 1, ..Summary::default() }, "large: {large}");
        assert_eq!(ledger.state_of("other"), Some(PathState::Skipped));
        assert_eq!(fs::read(to.path().join("in/other")).expect("file"), bytes(size, 3));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_removes_the_source_and_its_emptied_folders() {
    let (from, to, expected) =
        (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    plant(from.path());
    let copied = std::process::Command::new("cp").arg("-a").arg(from.path().join(".")).arg(expected.path()).status().expect("cp");
    assert!(copied.success());
    let ledger = MemoryLedger::new();
    let mut run = transfer(local(from.path()), local(to.path()), &ledger);
    run.options.remove_source = true;
    let summary = run.run().await.expect("run");
    assert_eq!((summary.done, summary.failed, summary.skipped), (10, 0, 0));
    assert_eq!(fs::read_dir(from.path()).expect("dir").count(), 0, "all of the source is gone, the root stays");
    same_trees(expected.path(), &to.path().join("in"));

    let store = MemoryObjects::new(16 << 20);
    let mut up = transfer(local(to.path()), objects_tree(&store), &MemoryLedger::new());
    up.options.remove_source = true;
    up.run().await.expect("up");
    let mut down = transfer(objects_tree(&store), local(from.path()), &MemoryLedger::new());
    down.options.remove_source = true;
    down.run().await.expect("down");
    assert_eq!(store.keys(), Vec::<String>::new());
    same_trees(expected.path(), &from.path().join("in/in/in"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tree_is_never_moved_onto_or_into_itself() {
    let from = tempfile::tempdir().expect("dir");
    fs::write(from.path().join("file"), b"x").expect("file");
    for place_at in ["", "backup"] {
        let mut run = transfer(local(from.path()), local(from.path()), &MemoryLedger::new());
        run.sources[0].place_at = place_at.to_owned();
        run.options.remove_source = true;
        assert_eq!(run.run().await.expect_err("refused").code.as_deref(), Some("destination-in-source"));
    }
    // Two trees that are the same directory under two names: nothing gives it away but the file itself.
    let ledger = MemoryLedger::new();
    let alias: Arc<dyn Tree> = Arc::new(crate::LocalTree::open("another id", from.path()).expect("tree"));
    let mut run = transfer(local(from.path()), alias, &ledger);
    run.sources[0].path = "file".to_owned();
    run.sources[0].place_at = "file".to_owned();
    run.options.remove_source = true;
    run.run().await.expect("run");
    assert_eq!(fs::read(from.path().join("file")).expect("still there"), b"x");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_transfer_ends_and_a_paused_one_waits() {
    let (from, to) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    for index in 0..50 {
        fs::write(from.path().join(format!("file-{index}")), bytes(1000, index)).expect("file");
    }
    let run = transfer(local(from.path()), local(to.path()), &MemoryLedger::new());
    let control = run.control.clone();
    control.set(Command::Pause);
    let running = tokio::spawn(run.run());
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert!(!to.path().join("in").exists() && !running.is_finished());
    control.set(Command::Run);
    assert_eq!(running.await.expect("task").expect("run").done, 50);

    let run = transfer(local(from.path()), local(to.path()), &MemoryLedger::new());
    run.control.set(Command::Stop);
    assert_eq!(run.run().await.expect_err("stopped").kind, Kind::Cancelled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bandwidth_limit_holds_for_all_files_together() {
    let (from, to) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    for index in 0..4 {
        fs::write(from.path().join(format!("large-{index}")), bytes(MIB + 1, index)).expect("file");
        fs::write(from.path().join(format!("small-{index}")), bytes(MIB / 4, index)).expect("file");
    }
    let mut run = transfer(local(from.path()), local(to.path()), &MemoryLedger::new());
    run.options.bandwidth = Some(5 << 20);
    let start = std::time::Instant::now();
    run.run().await.expect("run");
    assert!(start.elapsed().as_millis() > 700, "5 MiB at 5 MiB/s took {:?}", start.elapsed());
}
