//! Rules of the room, on the file system that the tests were built on; `CAPSTAN_STUB_TEST_DIRECTORY` names another.

mod deaths;
mod migrating;
mod mounted;
mod power;
mod recalling;
mod reversing;
mod trees;
mod work;
mod writing;

use std::fs::File;
use std::io::Read;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use capstan_digest::{self as digest, BLOCK, BlockHasher, Value};
use capstan_domain::Outcome;
use capstan_domain::failure::Kind;
use capstan_domain::ids::{LocationId, Uuid};
use capstan_domain::time::Timestamp;
use tempfile::TempDir;

use crate::{Access, Content, Filling, Place, Proof, RawTree, VerifiedCopy, Version};

/// When all files of the tests were changed.
const CHANGED: Duration = Duration::new(1_000_000_000, 123_456_789);

struct World {
    directory: PathBuf,
    tree: RawTree,
    _temporary: Option<TempDir>,
}

impl World {
    fn new() -> Self {
        let beside = std::env::current_exe().unwrap().parent().unwrap().to_owned();
        let above = std::env::var_os("CAPSTAN_STUB_TEST_DIRECTORY").map_or(beside, PathBuf::from);
        let temporary = tempfile::Builder::new().prefix("stub-").tempdir_in(above).unwrap();
        let directory = temporary.path().join("space");
        Self { tree: RawTree::create(&directory).unwrap(), directory, _temporary: Some(temporary) }
    }

    fn at(directory: &Path) -> Self {
        Self { tree: RawTree::create(directory).unwrap(), directory: directory.to_owned(), _temporary: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.path(name), content).unwrap();
        File::open(self.path(name)).unwrap().set_modified(UNIX_EPOCH + CHANGED).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn modified(&self, name: &str) -> SystemTime {
        std::fs::metadata(self.path(name)).unwrap().modified().unwrap()
    }

    /// Bytes of disk.
    fn allocated(&self, name: &str) -> u64 {
        std::fs::metadata(self.path(name)).unwrap().blocks() * 512
    }

    /// Two copies of what the file holds now.
    fn proof(&self, name: &str) -> Proof {
        let file = self.tree.file(name, Access::Read).unwrap();
        let version = patiently(|| Version::settled(&file)).unwrap();
        let mut content = Vec::new();
        File::open(self.path(name)).unwrap().read_to_end(&mut content).unwrap();
        let (blake3, blocks) = values(&content);
        Proof::new(version, blake3, &blocks, &copies(blake3, version.size), NonZeroUsize::new(2).unwrap()).unwrap()
    }

    /// A stub of a file of this content.
    fn stub(&self, name: &str, content: &[u8], leading: u64) {
        self.write(name, content);
        patiently(|| self.tree.migrate(name, &self.proof(name), leading)).unwrap();
    }

    fn filled(&self, name: &str, content: &[u8]) {
        bring_all(&self.tree.recall(name, &values(content).1).unwrap(), content).unwrap();
    }
}

/// Another test that starts a program holds every file of this process open for a moment, as the program's own until it begins.
fn patiently<T>(mut work: impl FnMut() -> Outcome<T>) -> Outcome<T> {
    for _ in 0..100 {
        match work() {
            Err(failure) if failure.kind == Kind::Busy => std::thread::sleep(Duration::from_millis(5)),
            other => return other,
        }
    }
    work()
}

fn copies(blake3: Value, size: u64) -> Vec<VerifiedCopy> {
    let copy = |number: u8| VerifiedCopy { place: place(number), size, blake3, verified: Timestamp::now() };
    vec![copy(1), copy(2)]
}

fn place(number: u8) -> Place {
    Place { location: LocationId(Uuid::from_bytes([number; 16])), name: format!("copy/{number}"), version: Some("v7".to_owned()) }
}

/// The hash, and those of the blocks where there are several.
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

fn content_of(bytes: &[u8]) -> Content {
    let (blake3, blocks) = values(bytes);
    let modified = (UNIX_EPOCH + CHANGED).into();
    Content { size: bytes.len() as u64, modified, blake3, blocks, places: vec![place(1)] }
}

/// Bytes that repeat nowhere near.
fn bytes(length: usize, seed: u64) -> Vec<u8> {
    let mut out = vec![0; length];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut out);
    out
}

fn bring(filling: &Filling, number: u64, content: &[u8]) -> Outcome<()> {
    let range = filling.range(number);
    let Some(mut piece) = filling.piece(number)? else { return Ok(()) };
    for bytes in content[range.start as usize..range.end as usize].chunks(1 << 20) {
        piece.write(bytes)?;
    }
    piece.finish()
}

fn bring_all(filling: &Filling, content: &[u8]) -> Outcome<()> {
    (0..filling.pieces()).try_for_each(|number| bring(filling, number, content))?;
    filling.finish()
}

/// What the caller of a failure acts on.
fn code<T>(outcome: Outcome<T>) -> String {
    outcome.err().and_then(|failure| failure.code).unwrap_or_else(|| "no failure with a code".to_owned())
}
