//! A person works in a mounted pool or space with ordinary tools, and the catalogue knows of it.

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use capstan_domain::Kind;
use capstan_domain::entry::Tree;
use capstan_domain::job::JobState;
use capstan_domain::listing::Listing;
use capstan_domain::pool::{NewPool, Pool, PoolContent, PoolRole};
use serde_json::json;

use super::host::{Host, bare};
use super::main_job::space;
use super::plugins::memory;
use crate::mounts::{Mount, MountRequest};
use crate::spaces::SpaceChange;

fn fuse() -> bool {
    let there = Path::new("/dev/fuse").exists();
    assert!(there || std::env::var_os("CAPSTAN_TEST_REQUIRE_SERVERS").is_none(), "/dev/fuse is missing");
    there
}

fn asked(of: &str, directory: &Path) -> MountRequest {
    let directory = directory.to_str().unwrap().to_owned();
    MountRequest { of: of.to_owned(), space: false, directory, read_only: false, for_all: false }
}

async fn mounted(host: &Host, of: &str) -> (Mount, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (host.app.mounts.mount_at(&host.admin, asked(of, directory.path())).await.unwrap(), directory)
}

async fn pool(host: &Host, role: PoolRole) -> Pool {
    host.install("plugins", "memory").await.unwrap();
    let target = host.app.targets.create(&host.admin, memory("m")).await.unwrap();
    let sync = host.app.jobs.sync_locations(&host.admin, target.id).await.unwrap();
    assert_eq!(host.ended(sync.id).await.state, JobState::Done);
    let locations = host.app.locations.list(Listing::first(10)).await.unwrap().items;
    let new = NewPool {
        name: "p".into(),
        comment: None,
        content: PoolContent::Cloud,
        role,
        protects_full: false,
        attributes: json!({}),
    };
    host.app.pools.create(&host.admin, new, vec![locations[0].number]).await.unwrap()
}

/// Ordinary tools, each of which has to succeed.
fn run(directory: &Path, script: &str) {
    let output = Command::new("bash").args(["-euc", script]).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at * 31 + at / 251) % 251).unwrap()).collect()
}

const WORK: &str = r#"
    mkdir -p a/b
    echo one > a/one
    cp -p /etc/hostname a/b/host
    cat a/one a/b/host > a/both
    echo two >> a/one
    mv a/both a/b/both
    ln -s ../one a/b/link
    dd if=/dev/urandom of=a/large bs=1M count=5 2>&1
    cp a/large a/b/large
    cmp a/large a/b/large
    [ "$(cat a/one)" = "$(printf 'one\ntwo')" ]
    [ "$(cat a/b/link)" = "$(cat a/one)" ]
    truncate -s 3 a/one
    [ "$(cat a/one)" = one ]
    rm a/large
    [ "$(find . -type f ! -name link | sort | xargs)" = './a/b/both ./a/b/host ./a/b/large ./a/one' ]
    mv a/b c
    [ ! -e a/b ]
    cmp c/host /etc/hostname
    rm -r c/link c/both
"#;

#[tokio::test(flavor = "multi_thread")]
async fn people_work_in_a_mounted_space_and_the_catalogue_follows() {
    if !fuse() {
        return;
    }
    let host = bare().await;
    let space = space(&host, "s").await;
    let (mount, directory) = mounted(&host, "s").await;
    assert!(mount.options.starts_with("rw"), "{mount:?}");
    let raw = PathBuf::from(&space.directory);
    let at = directory.path().to_owned();
    on_disk(move || {
        run(&at, WORK);
        fs::set_permissions(at.join("a/one"), fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(fs::metadata(raw.join("a/one")).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read(raw.join("c/large")).unwrap(), fs::read(at.join("c/large")).unwrap());
    })
    .await;
    let mut paths: Vec<String> =
        host.app.catalogue.entries(&Listing::first(100)).await.unwrap().items.into_iter().map(|entry| entry.path).collect();
    paths.sort();
    assert_eq!(paths, ["", "a", "a/one", "c", "c/host", "c/large"]);
    let tree = Tree::Space(space.id);
    let entry = host.app.catalogue.entry_at(tree, "c/large").await.unwrap();
    assert_eq!((entry.size, entry.blake3.is_some()), (5 << 20, true));
    host.app.mounts.unmount_at(&host.admin, &mount.number.to_string()).await.unwrap();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    host.app.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_work_in_a_mounted_pool_of_objects() {
    if !fuse() {
        return;
    }
    let host = bare().await;
    let pool = pool(&host, PoolRole::Primary).await;
    let (mount, directory) = mounted(&host, "p").await;
    let at = directory.path().to_owned();
    on_disk(move || {
        run(&at, WORK);
        run(&at, "rm -r a c; [ -z \"$(ls)\" ]; mkdir empty; rmdir empty; echo last > last");
        // In the middle of a file that was stored before.
        fs::write(at.join("middle"), bytes(3_000_000)).unwrap();
        let file = fs::File::options().write(true).open(at.join("middle")).unwrap();
        file.write_all_at(b"new", 1_500_000).unwrap();
        file.sync_all().unwrap();
        drop(file);
        let mut wanted = bytes(3_000_000);
        wanted[1_500_000..1_500_003].copy_from_slice(b"new");
        assert!(fs::read(at.join("middle")).unwrap() == wanted);
    })
    .await;
    let entry = host.app.catalogue.entry_at(Tree::Pool(pool.id), "main/middle").await.unwrap();
    assert_eq!(entry.size, 3_000_000);
    assert!(host.app.catalogue.entry_at(Tree::Pool(pool.id), "main/a/one").await.is_err());
    assert_eq!(mount.members[0].location.1, "main");
    host.app.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_a_space_may_not_take_fails_at_its_close() {
    if !fuse() {
        return;
    }
    let host = bare().await;
    let space = space(&host, "s").await;
    let change = SpaceChange { quota_bytes: Some(Some(1000)), ..SpaceChange::default() };
    host.app.spaces.update(&host.admin, space.id, change).await.unwrap();
    let (_mount, directory) = mounted(&host, "s").await;
    let (at, raw) = (directory.path().to_owned(), PathBuf::from(&space.directory));
    on_disk(move || {
        fs::write(at.join("small"), bytes(900)).unwrap();
        let over = Command::new("cp").args(["/proc/self/exe"]).arg(at.join("large")).output().unwrap();
        assert!(!over.status.success() && String::from_utf8_lossy(&over.stderr).contains("quota"), "{over:?}");
        assert!(!raw.join("large").exists());
        assert_eq!(fs::read(at.join("small")).unwrap(), bytes(900));
    })
    .await;
    host.app.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_mount_changes_nothing() {
    if !fuse() {
        return;
    }
    let host = bare().await;
    let space = space(&host, "s").await;
    fs::write(Path::new(&space.directory).join("there"), b"x").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let request = MountRequest { read_only: true, ..asked("s", directory.path()) };
    let mount = host.app.mounts.mount_at(&host.admin, request).await.unwrap();
    assert!(mount.options.starts_with("ro"), "{mount:?}");
    let at = directory.path().to_owned();
    on_disk(move || {
        assert_eq!(fs::read(at.join("there")).unwrap(), b"x");
        for failed in [fs::write(at.join("new"), b"x"), fs::remove_file(at.join("there")), fs::create_dir(at.join("d"))] {
            assert_eq!(failed.unwrap_err().raw_os_error(), Some(30));
        }
    })
    .await;
    host.app.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mount_takes_an_empty_directory_that_is_free() {
    let host = bare().await;
    space(&host, "s").await;
    let directory = tempfile::tempdir().unwrap();
    let mount = |of: &str, at: &Path| host.app.mounts.mount_at(&host.admin, asked(of, at));
    assert_eq!(mount("nothing", directory.path()).await.unwrap_err().kind, Kind::NotFound);
    for at in [Path::new("/etc"), Path::new("relative"), host.data.path(), &host.data.path().join("data/spaces/s")] {
        assert_eq!(mount("s", at).await.unwrap_err().code.as_deref(), Some("directory"), "{}", at.display());
    }
    if fuse() {
        mount("s", directory.path()).await.unwrap();
        assert!(mount("s", directory.path()).await.is_err());
        assert_eq!(host.app.mounts.list().await.unwrap().len(), 1);
    }
    host.app.close().await;
}
