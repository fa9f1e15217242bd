//! Files on cartridges of a real library and of the simulator, in both formats.

mod attributes;
mod names;
mod power;
mod room;
mod trees;
mod turns;

use capstan_sdk::failure::corrupt;
use capstan_sdk::types::{ByteRange, Node, PutOptions};
use capstan_sdk::{NamedValue, Outcome, named};

use super::simulated::Simulated;
use super::{Target, noise};
use crate::volumes::incoming::{Flow, Incoming};
use crate::volumes::{format, load, page, read, stat, sync, write, xattrs};

/// A cartridge's bytes: enough for what is written here.
const LARGE: u64 = 4 << 30;

struct InMemory<'a> {
    bytes: &'a [u8],
    /// Told more than there are.
    size: u64,
    known: bool,
}

struct Pieces<'a>(&'a [u8], u64);

impl Incoming for InMemory<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn known_blake3(&self) -> Option<[u8; 32]> {
        self.known.then(|| *blake3::hash(self.bytes).as_bytes())
    }

    async fn blake3(&self) -> Outcome<[u8; 32]> {
        Ok(*blake3::hash(self.bytes).as_bytes())
    }

    fn flow(&self) -> impl Flow {
        Pieces(self.bytes, self.size)
    }
}

impl Flow for Pieces<'_> {
    async fn next(&mut self) -> Outcome<Option<Vec<u8>>> {
        if self.0.is_empty() {
            return if self.1 == 0 { Ok(None) } else { Err(corrupt("the source broke")) };
        }
        let (piece, rest) = self.0.split_at(self.0.len().min(100_000));
        (self.0, self.1) = (rest, self.1 - piece.len() as u64);
        Ok(Some(piece.to_vec()))
    }
}

fn options(extras: Vec<NamedValue>, if_absent: bool) -> PutOptions {
    PutOptions { content_type: None, if_match: None, if_absent, metadata: Vec::new(), checksums: Vec::new(), extras }
}

async fn put(cartridge: &str, path: &str, bytes: &[u8]) -> Outcome<Node> {
    put_as(cartridge, path, bytes, &format!("put {path}"), false).await
}

async fn put_as(cartridge: &str, path: &str, bytes: &[u8], attempt: &str, if_absent: bool) -> Outcome<Node> {
    let content = InMemory { bytes, size: bytes.len() as u64, known: bytes.len().is_multiple_of(2) };
    write(cartridge, path, &content, attempt, &options(Vec::new(), if_absent)).await
}

async fn get(cartridge: &str, path: &str) -> Outcome<Vec<u8>> {
    get_range(cartridge, path, None).await
}

async fn get_range(cartridge: &str, path: &str, range: Option<(u64, u64)>) -> Outcome<Vec<u8>> {
    let range = range.map(|(offset, length)| ByteRange { offset, length: Some(length) });
    let (_, reading) = read(cartridge, path, range).await?;
    let mut bytes = Vec::new();
    reading.pour(&mut bytes).await?;
    Ok(bytes)
}

/// What a file holds, and that its hash is its own.
async fn holds(cartridge: &str, path: &str, bytes: &[u8]) {
    assert!(get(cartridge, path).await.unwrap() == bytes, "{path}");
    let attributes = xattrs(cartridge, path).await.unwrap();
    let (_, hash) = attributes.iter().find(|(name, _)| name == "user.capstan.blake3").unwrap();
    assert_eq!(*hash, blake3::hash(bytes).to_hex().as_bytes(), "{path}");
}

async fn names(cartridge: &str, path: &str) -> Vec<String> {
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let page = page(cartridge, path, after.as_deref(), 3).await.unwrap();
        names.extend(page.nodes.into_iter().map(|node| node.name));
        after = page.next;
        if after.is_none() {
            return names;
        }
    }
}

/// Formatted as the library's drives do it.
async fn formatted(cartridge: &str) -> String {
    let drive = load(cartridge, None).await.unwrap().name;
    let medium = format(&drive, cartridge, "format", &[]).await.unwrap();
    capstan_sdk::find(&medium.extras, "files").unwrap().to_owned()
}

/// On a library of the simulator in either format.
fn on_both(drives: usize, cartridges: u16, capacity: u64, test: impl Fn(&Simulated, Target)) {
    on_each(drives, cartridges, [capacity; 2], test);
}

/// With cartridges of one capacity for the archive, of another one for LTFS.
fn on_each(drives: usize, cartridges: u16, capacities: [u64; 2], test: impl Fn(&Simulated, Target)) {
    for (partitions, capacity) in [false, true].into_iter().zip(capacities) {
        let library = Simulated::start(drives, partitions, cartridges, capacity);
        let target = Target::simulated(&library);
        let format = target.run(async || formatted(&Simulated::label(1)).await);
        assert_eq!(format, if partitions { "ltfs" } else { "archive" });
        test(&library, target);
    }
}
