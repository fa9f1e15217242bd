//! Content on its way: hashed, limited and counted while whoever stores it reads it, in whatever order and however often.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use capstan_domain::content::{Body, Source};
use capstan_domain::failure::{Kind, Retry};
use capstan_domain::{Failure, Outcome};
use futures::StreamExt;

use crate::control::{Command, Control, stopped};
use crate::digest::{self, BlockHasher, Value};
use crate::progress::Counters;
use crate::throttle::Throttle;
use crate::tree::Opened;

/// BLAKE3 of a file and of its 16 MiB blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    pub root: Value,
    /// Empty for a file of up to 16 MiB.
    pub subtrees: Vec<Value>,
}

pub struct Measured {
    opened: Opened,
    shared: Arc<Shared>,
}

struct Shared {
    size: u64,
    expected: Option<Digest>,
    blocks: Mutex<Blocks>,
    unfinished: Mutex<VecDeque<Unfinished>>,
    throttle: Arc<Throttle>,
    control: Control,
    counters: Arc<Counters>,
}

/// A block that was read to somewhere in its middle. Who begins to read there goes on with it: a protocol may move a block in pieces.
struct Unfinished {
    position: u64,
    block: u64,
    hasher: BlockHasher,
}

/// Of these so many are kept; the oldest is forgotten, and its block read once more.
const UNFINISHED: usize = 16;

struct Blocks {
    /// Bytes of the file.
    file: u64,
    /// Bytes of a block.
    size: u64,
    values: Vec<Option<Value>>,
}

impl Measured {
    /// `expected`: what the content must hash to; a block that does not is never handed on whole.
    pub fn new(
        opened: Opened,
        expected: Option<Digest>,
        throttle: Arc<Throttle>,
        control: Control,
        counters: Arc<Counters>,
    ) -> Arc<Self> {
        let size = opened.item.size;
        let blocks = Mutex::new(Blocks::new(size, digest::BLOCK));
        Arc::new(Self {
            opened,
            shared: Arc::new(Shared { size, expected, blocks, unfinished: Mutex::default(), throttle, control, counters }),
        })
    }

    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    pub fn is_limited(&self) -> bool {
        self.shared.throttle.is_limited()
    }

    /// Called by a store before it reads: it will read parts of this size. What was hashed before is forgotten.
    pub fn read_in_parts(&self, part_size: u64) {
        let block = digest::block_for(part_size).unwrap_or(digest::BLOCK);
        self.shared.unfinished().clear();
        *self.shared.lock() = Blocks::new(self.shared.size, block);
    }

    /// Takes over the values of a part that was stored by an earlier run. False: they do not fit.
    pub fn adopt(&self, offset: u64, length: u64, values: &[Value]) -> bool {
        self.shared.lock().adopt(offset, length, values)
    }

    /// The values of the blocks of a range that begins and ends with a block; none while some of it was not read.
    pub fn values(&self, offset: u64, length: u64) -> Option<Vec<Value>> {
        let blocks = self.shared.lock();
        let range = blocks.range(offset, length)?;
        blocks.values.get(range)?.iter().copied().collect()
    }

    /// Whether the whole content is what the catalogue says, as far as that is known.
    pub fn check(&self, digest: &Digest) -> Outcome<()> {
        match &self.shared.expected {
            Some(expected) if expected.root != digest.root => Err(not_what_was_stored(0)),
            _ => Ok(()),
        }
    }

    /// None while some of the file was not read.
    pub fn digest(&self) -> Option<Digest> {
        let blocks = self.shared.lock();
        let values: Vec<Value> = blocks.values.iter().copied().collect::<Option<_>>()?;
        Some(Digest { root: blocks.root()?, subtrees: digest::coarse(&values, self.shared.size, blocks.size)? })
    }

    /// The digest; blocks that no store has read whole are read now.
    pub async fn complete(&self) -> Outcome<Digest> {
        let missing: Vec<(u64, u64)> = self.shared.lock().missing();
        for (offset, length) in missing {
            let mut body = self.open(offset, length);
            while let Some(chunk) = body.next().await {
                chunk?;
            }
        }
        self.digest()
            .ok_or_else(|| Failure::host("The file's hash could not be completed", "a block has no value after it was read"))
    }

    /// The same, of content that is what the catalogue says.
    pub async fn proved(&self) -> Outcome<Digest> {
        let digest = self.complete().await?;
        self.check(&digest)?;
        Ok(digest)
    }

    /// A hasher for bytes read past the stream, at the start of a block or where another range ended.
    pub(crate) fn hasher(&self, offset: u64) -> RangeHasher {
        let block = self.shared.lock().size;
        let mut unfinished = self.shared.unfinished();
        let left = unfinished.iter().position(|left| left.position == offset && left.block == block);
        let current = left.and_then(|at| unfinished.remove(at)).map(|left| left.hasher);
        RangeHasher { shared: Arc::clone(&self.shared), position: offset, current }
    }
}

impl Source for Measured {
    fn size(&self) -> u64 {
        self.shared.size
    }

    fn checksum(&self, algorithm: &str) -> Option<Vec<u8>> {
        match algorithm {
            "blake3" => self.digest().map(|digest| digest.root.to_vec()),
            _ => self.opened.content.checksum(algorithm),
        }
    }

    fn open(&self, offset: u64, length: u64) -> Body {
        let hasher = self.hasher(offset);
        let body = self.opened.content.open(offset, length);
        Box::pin(futures::stream::unfold(Some((body, hasher, length)), |state| async move {
            let (mut body, mut hasher, left) = state?;
            match body.next().await {
                Some(Ok(chunk)) => match hasher.pass(&chunk, left).await {
                    Ok(left) => Some((Ok(chunk), Some((body, hasher, left)))),
                    Err(failure) => Some((Err(failure), None)),
                },
                Some(Err(failure)) => Some((Err(failure), None)),
                None if left > 0 => Some((Err(ended_early()), None)),
                None => None,
            }
        }))
    }
}

/// Hashes one range in order and leaves the values of whole blocks.
pub(crate) struct RangeHasher {
    shared: Arc<Shared>,
    position: u64,
    current: Option<BlockHasher>,
}

impl RangeHasher {
    async fn pass(&mut self, chunk: &Bytes, left: u64) -> Outcome<u64> {
        let length = chunk.len() as u64;
        let left = left.checked_sub(length).ok_or_else(too_much)?;
        self.shared.throttle.take(length).await;
        self.update(chunk)?;
        Ok(left)
    }

    /// Fails when the transfer was stopped.
    pub(crate) fn update(&mut self, mut bytes: &[u8]) -> Outcome<()> {
        if self.shared.control.command() == Command::Stop {
            return Err(stopped());
        }
        let block = self.shared.lock().size;
        Counters::add(&self.shared.counters.bytes_processed, bytes.len() as u64);
        while !bytes.is_empty() {
            if self.position.is_multiple_of(block) {
                self.current = Some(BlockHasher::new(self.position));
            }
            let end = ((self.position / block + 1) * block).min(self.shared.size);
            let room = usize::try_from(end.saturating_sub(self.position)).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            if now.is_empty() {
                return Err(too_much());
            }
            if let Some(hasher) = &mut self.current {
                hasher.update(now);
            }
            self.position += now.len() as u64;
            if self.position == end
                && let Some(hasher) = self.current.take()
            {
                let value = if self.shared.size <= block { hasher.finish_alone() } else { hasher.finish() };
                self.shared.prove((end - 1) / block, block, &value)?;
                self.shared.lock().set((end - 1) / block, block, value);
                self.shared.prove_whole()?;
            }
            bytes = later;
        }
        Ok(())
    }
}

impl Drop for RangeHasher {
    fn drop(&mut self) {
        let Some(hasher) = self.current.take() else { return };
        let block = self.shared.lock().size;
        let mut unfinished = self.shared.unfinished();
        if unfinished.len() >= UNFINISHED {
            unfinished.pop_front();
        }
        unfinished.push_back(Unfinished { position: self.position, block, hasher });
    }
}

impl Shared {
    fn unfinished(&self) -> std::sync::MutexGuard<'_, VecDeque<Unfinished>> {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn prove(&self, index: u64, block: u64, value: &Value) -> Outcome<()> {
        let Some(expected) = &self.expected else { return Ok(()) };
        let of_block = if self.size <= block {
            Some(&expected.root)
        } else if block == digest::BLOCK {
            usize::try_from(index).ok().and_then(|index| expected.subtrees.get(index))
        } else {
            None
        };
        if of_block.is_some_and(|expected| expected != value) {
            return Err(not_what_was_stored(index * block));
        }
        Ok(())
    }

    /// Once every block has a value, also where only the hash of the whole is known: whoever stores the content then lacks its last
    /// piece, and nothing wrong becomes visible.
    fn prove_whole(&self) -> Outcome<()> {
        let Some(expected) = &self.expected else { return Ok(()) };
        let root = self.lock().root();
        if root.is_some_and(|root| root != expected.root) { Err(not_what_was_stored(0)) } else { Ok(()) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Blocks> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Blocks {
    fn new(file: u64, block: u64) -> Self {
        let count = usize::try_from(digest::blocks_in(file, block)).unwrap_or(usize::MAX);
        Self { file, size: block, values: vec![None; count] }
    }

    fn range(&self, offset: u64, length: u64) -> Option<std::ops::Range<usize>> {
        if !offset.is_multiple_of(self.size) {
            return None;
        }
        let first = usize::try_from(offset / self.size).ok()?;
        let count = usize::try_from(length.div_ceil(self.size)).ok()?;
        Some(first..first.checked_add(count)?)
    }

    fn adopt(&mut self, offset: u64, length: u64, values: &[Value]) -> bool {
        let Some(places) = self.range(offset, length).and_then(|range| self.values.get_mut(range)) else { return false };
        if places.len() != values.len() {
            return false;
        }
        for (place, value) in places.iter_mut().zip(values) {
            *place = Some(*value);
        }
        true
    }

    fn set(&mut self, index: u64, block: u64, value: Value) {
        let place = usize::try_from(index).ok().and_then(|index| self.values.get_mut(index));
        if let Some(place) = place
            && block == self.size
        {
            *place = Some(value);
        }
    }

    /// None while a block has no value.
    fn root(&self) -> Option<Value> {
        let values: Vec<Value> = self.values.iter().copied().collect::<Option<_>>()?;
        digest::root(&values, self.file, self.size)
    }

    /// Offset and length of each block without a value.
    fn missing(&self) -> Vec<(u64, u64)> {
        let starts = (0_u64..).map(|index| index * self.size);
        let without = starts.zip(&self.values).filter(|(_, value)| value.is_none());
        without.map(|(offset, _)| (offset, self.size.min(self.file - offset))).collect()
    }
}

pub(crate) fn not_what_was_stored(offset: u64) -> Failure {
    Failure::new(Kind::Corrupt, format!("The data read back from byte {offset} on is not what was stored"))
        .with_code("hash-mismatch")
        .with_retry(Retry::AtOnce)
        .with_next_step("Restore the file from another copy; this one is damaged if trying again gives the same.")
}

pub(crate) fn ended_early() -> Failure {
    Failure::new(Kind::Conflict, "The source ended before its size").with_code("source-changed").with_retry(Retry::AtOnce)
}

fn too_much() -> Failure {
    Failure::new(Kind::Corrupt, "The source gave more bytes than were asked for").with_retry(Retry::AtOnce)
}

#[cfg(test)]
mod tests {
    use capstan_domain::time::Timestamp;

    use super::*;
    use crate::held::Held;
    use crate::item::Item;

    const PIECE: u64 = 3 << 20;

    /// Reads the pieces in this order.
    async fn read(bytes: &Bytes, pieces: impl Iterator<Item = u64>) -> Arc<Measured> {
        let size = bytes.len() as u64;
        let item = Item::file("f".to_owned(), size, Timestamp(0));
        let opened = Opened { item, content: Arc::new(Held::new(bytes.clone())), file: None };
        let measured =
            Measured::new(opened, None, Arc::new(Throttle::new(None)), Control::default(), Arc::new(Counters::default()));
        for piece in pieces {
            let mut body = measured.open(piece * PIECE, PIECE.min(size - piece * PIECE));
            while let Some(chunk) = body.next().await {
                chunk.unwrap();
            }
        }
        measured
    }

    #[tokio::test]
    async fn blocks_that_are_read_in_pieces_have_their_values_if_the_pieces_come_in_order() {
        let bytes = Bytes::from((0..20_u32 << 20).map(|at| (at % 251) as u8).collect::<Vec<u8>>());
        let in_order = read(&bytes, 0..7).await;
        assert_eq!(in_order.digest().unwrap().root, digest::of(&bytes));
        assert!(in_order.values(0, 16 << 20).is_some());
        let backwards = read(&bytes, (0..7).rev()).await;
        assert!(backwards.digest().is_none());
        // What is missing is read once more.
        assert_eq!(backwards.complete().await.unwrap(), in_order.digest().unwrap());
    }
}
