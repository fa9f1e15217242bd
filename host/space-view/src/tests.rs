//! Rules of the room, through a view that is really mounted: it takes root and /dev/fuse. Without, a test says that it is skipped, or
//! fails where `CAPSTAN_TEST_REQUIRE_SERVERS=1` asks for all.

mod again;
mod alike;
mod bringing;
mod deaths;
mod owners;
mod recalling;
mod stubs;
mod telling;
mod tools;
mod writing;

use std::fs::File;
use std::io::Read;
use std::num::NonZeroUsize;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use capstan_digest::{self as digest, BLOCK, BlockHasher, Value};
use capstan_domain::failure::Kind;
use capstan_domain::ids::{LocationId, Uuid};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use capstan_stub::{Access, Look, Place, Proof, RawTree, VerifiedCopy, Version};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use bringing::TestRecalls;
use telling::Told;

use crate::{MountedSpace, Settings, SpaceView, Unbounded, mount};

const PIECES: usize = capstan_stub::PIECE as usize;
/// When the content of the stubs was changed.
const CHANGED: Duration = Duration::new(1_000_000_000, 123_456_789);

/// A raw tree, and its view.
struct World {
    raw: PathBuf,
    view: PathBuf,
    tree: RawTree,
    recalls: Arc<TestRecalls>,
    told: Arc<Told>,
    mounted: Option<MountedSpace>,
    settings: Settings,
    /// After the view in the order of dropping.
    runtime: Runtime,
    _above: TempDir,
}

impl World {
    fn new() -> Option<Self> {
        Self::with(Settings::default())
    }

    /// None where the machine has no FUSE.
    fn with(settings: Settings) -> Option<Self> {
        if !Path::new("/dev/fuse").exists() {
            assert!(std::env::var_os("CAPSTAN_TEST_REQUIRE_SERVERS").is_none(), "/dev/fuse is missing");
            eprintln!("SKIPPED: /dev/fuse is missing");
            return None;
        }
        let above = tempfile::Builder::new().prefix("space-view-").tempdir().unwrap();
        // Other users may come as far as the view.
        std::fs::set_permissions(above.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let (raw, view) = (above.path().join("raw"), above.path().join("view"));
        let tree = RawTree::create(&raw).unwrap();
        std::fs::set_permissions(&raw, PermissionsExt::from_mode(0o700)).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (recalls, told) = (Arc::new(TestRecalls::default()), Arc::new(Told::default()));
        let mut world = Self { raw, view, tree, recalls, told, mounted: None, settings, runtime, _above: above };
        world.mount();
        Some(world)
    }

    /// Without the kernel's help.
    fn plain() -> Option<Self> {
        Self::with(Settings { passthrough: false, ..Settings::default() })
    }

    fn mount(&mut self) {
        let view = SpaceView {
            directory: self.view.clone(),
            source: "test".to_owned(),
            tree: self.tree.clone(),
            recalls: self.recalls.clone(),
            changes: self.told.clone(),
            quota: Arc::new(Unbounded),
            settings: self.settings.clone(),
            for_all: true,
        };
        self.mounted = Some(mount(view, self.runtime.handle().clone()).unwrap());
    }

    fn unmount(&mut self) {
        self.runtime.block_on(self.mounted.take().unwrap().unmount());
    }

    /// In the view.
    fn at(&self, name: &str) -> PathBuf {
        self.view.join(name)
    }

    /// In the raw tree.
    fn raw(&self, name: &str) -> PathBuf {
        self.raw.join(name)
    }

    fn look(&self, name: &str) -> Look {
        self.tree.look(name).unwrap()
    }

    fn proof(&self, name: &str) -> Outcome<Proof> {
        let file = self.tree.file(name, Access::Read)?;
        if !file.look()?.is_data() {
            return Err(Failure::new(Kind::Conflict, "it is a stub"));
        }
        let version = Version::settled(&file)?;
        let mut content = Vec::new();
        File::open(self.raw(name)).unwrap().read_to_end(&mut content).unwrap();
        let (blake3, blocks) = values(&content);
        self.recalls.knows(version.inode, content);
        Proof::new(version, blake3, &blocks, &[copy(blake3, version.size)], NonZeroUsize::MIN)
    }

    fn premigrate(&self, name: &str) -> Outcome<()> {
        let proof = self.proof(name)?;
        self.tree.premigrate(name, &proof)
    }

    fn migrate(&self, name: &str, leading: u64) -> Outcome<()> {
        let proof = self.proof(name)?;
        self.tree.migrate(name, &proof, leading).map(drop)
    }

    /// A stub of a file of this content.
    fn stub(&self, name: &str, content: &[u8], leading: u64) {
        std::fs::write(self.raw(name), content).unwrap();
        File::open(self.raw(name)).unwrap().set_modified(UNIX_EPOCH + CHANGED).unwrap();
        patiently(|| self.migrate(name, leading)).unwrap();
        assert!(std::fs::metadata(self.raw(name)).unwrap().blocks() * 512 <= leading.next_multiple_of(4096) + 8192);
    }

    fn premigrated(&self, name: &str, content: &[u8]) {
        std::fs::write(self.raw(name), content).unwrap();
        File::open(self.raw(name)).unwrap().set_modified(UNIX_EPOCH + CHANGED).unwrap();
        patiently(|| self.premigrate(name)).unwrap();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.recalls.end();
        drop(self.mounted.take());
    }
}

/// Another test that starts a program holds every file of this process open for a moment.
fn patiently<T>(mut work: impl FnMut() -> Outcome<T>) -> Outcome<T> {
    for _ in 0..200 {
        match work() {
            Err(failure) if failure.kind == Kind::Busy => std::thread::sleep(Duration::from_millis(5)),
            other => return other,
        }
    }
    work()
}

/// Waits until it is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("it never came to it: {what}");
}

fn copy(blake3: Value, size: u64) -> VerifiedCopy {
    let place = Place { location: LocationId(Uuid::from_bytes([1; 16])), name: "copy".to_owned(), version: None };
    VerifiedCopy { place, size, blake3, verified: Timestamp::now() }
}

fn values(content: &[u8]) -> (Value, Vec<Value>) {
    let block = |(index, bytes): (usize, &[u8])| {
        let mut hasher = BlockHasher::new(index as u64 * BLOCK);
        hasher.update(bytes);
        hasher.finish()
    };
    let blocks =
        if content.len() as u64 <= BLOCK { Vec::new() } else { content.chunks(BLOCK as usize).enumerate().map(block).collect() };
    (digest::of(content), blocks)
}

/// Bytes that repeat nowhere near.
fn bytes(length: usize, seed: u64) -> Vec<u8> {
    let mut out = vec![0; length];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut out);
    out
}

fn number<T>(result: std::io::Result<T>) -> Option<i32> {
    result.err().and_then(|error| error.raw_os_error())
}
