//! What a file holds, without keeping it: bytes that follow from a seed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Bytes that are written over together, at a multiple of this.
pub(super) const PAGE: u64 = 4096;
/// Bytes that are made together.
pub(super) const CHUNK: u64 = 1 << 20;

/// The seed's bytes, but for pages that were written over and follow from seeds of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    seed: u64,
    pub(super) size: u64,
    pages: BTreeMap<u64, u64>,
}

impl Content {
    pub(super) fn new(seed: u64, size: u64) -> Self {
        Self { seed, size, pages: BTreeMap::new() }
    }

    /// How many whole pages it has.
    pub(super) fn pages(&self) -> u64 {
        self.size / PAGE
    }

    pub(super) fn with_page(&self, page: u64, seed: u64) -> Self {
        let mut other = self.clone();
        other.pages.insert(page, seed);
        other
    }

    /// Up to its end.
    pub(super) fn bytes(&self, from: u64, length: u64) -> Vec<u8> {
        let end = from.saturating_add(length).min(self.size);
        let mut bytes = stream(self.seed, from, end.saturating_sub(from));
        for (page, seed) in &self.pages {
            let start = page * PAGE;
            let (first, last) = (start.max(from), (start + PAGE).min(end));
            if first >= last {
                continue;
            }
            let over = stream(*seed, first - start, last - first);
            let at = usize::try_from(first - from).unwrap_or(usize::MAX);
            if let Some(room) = bytes.get_mut(at..at.saturating_add(over.len())) {
                room.copy_from_slice(&over);
            }
        }
        bytes
    }

    /// A new file, durable when it answers.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = File::create_new(path)?;
        let mut from = 0;
        while from < self.size {
            file.write_all(&self.bytes(from, CHUNK))?;
            from += CHUNK;
        }
        file.sync_all()
    }
}

fn stream(seed: u64, from: u64, length: u64) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    let mut reader = blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof();
    reader.set_position(from);
    reader.fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_that_of_the_whole_with_the_pages_that_were_written_over() {
        let plain = Content::new(7, 3 * PAGE + 5);
        let content = plain.with_page(1, 8).with_page(2, 9).with_page(1, 10);
        let whole = content.bytes(0, u64::MAX);
        assert_eq!(whole.len() as u64, content.size);
        assert_eq!(whole[..4096], plain.bytes(0, PAGE));
        assert_eq!(whole[4096..8192], Content::new(10, PAGE).bytes(0, PAGE));
        for (from, length) in [(0, 1), (4000, 200), (4095, 4098), (8191, 2), (12000, 1000), (12293, 5)] {
            let end = (from + length).min(whole.len());
            assert_eq!(content.bytes(from as u64, length as u64), whole[from..end], "{from} {length}");
        }
        assert!(content.bytes(content.size, 1).is_empty());
    }
}
