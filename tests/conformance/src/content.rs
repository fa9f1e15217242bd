//! Content that tells where it was read wrongly, and content that goes wrong itself.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use bytes::Bytes;
use capstan_domain::content::{Body, Content, Source};
use capstan_domain::failure::{Failure, Kind};
use capstan_domain::ports::Checksum;
use capstan_services::digest::Digest;
use futures::StreamExt;

use crate::{Check, told};

const CHUNK: u64 = 256 << 10;
/// A sparse content holds its offset once in so many bytes, zeros otherwise.
const SPARSE: u64 = 1 << 20;
/// What `checksum` of a content and of an object may be named.
const CHECKSUMS: [&str; 5] = ["md5", "sha256", "crc32c", "crc64-nvme", "blake3"];

/// Every eight bytes hold their own offset, mixed.
pub struct Counting {
    size: u64,
    /// Two contents of another seed differ in every eight bytes.
    seed: u64,
    /// Where it fails, as a source does that is cut while it is read.
    breaks_at: Option<u64>,
    /// Where it stops and says nothing more, as a source that hangs.
    hangs_at: Option<u64>,
    /// Pause before each chunk.
    pause: Duration,
}

fn plain(size: u64) -> Counting {
    Counting { size, seed: 0, breaks_at: None, hangs_at: None, pause: Duration::ZERO }
}

pub fn counting(size: u64) -> Content {
    Arc::new(plain(size))
}

/// As long as `counting(size)`, other bytes.
pub fn seeded(size: u64, seed: u64) -> Content {
    Arc::new(Counting { seed, ..plain(size) })
}

pub fn breaking(size: u64, at: u64) -> Content {
    Arc::new(Counting { breaks_at: Some(at), ..plain(size) })
}

pub fn hanging(size: u64, at: u64) -> Content {
    Arc::new(Counting { hangs_at: Some(at), ..plain(size) })
}

/// Comes a chunk of 256 KiB at a time with a pause before each.
pub fn slow(size: u64, seed: u64, pause: Duration) -> Content {
    Arc::new(Counting { seed, pause, ..plain(size) })
}

/// The bytes of a counting content from `offset` on, as a content of their own.
pub fn part_of_counting(offset: u64, length: u64) -> Content {
    Arc::new(Held(bytes(offset, length).into()))
}

/// Bytes in memory.
struct Held(Bytes);

impl Source for Held {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn open(&self, offset: u64, length: u64) -> Body {
        let bounds = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(self.0.len());
        let part = self.0.slice(bounds(offset)..bounds(offset.saturating_add(length)));
        Box::pin(futures::stream::iter([Ok(part)]))
    }
}

pub fn bytes(offset: u64, length: u64) -> Vec<u8> {
    seeded_bytes(0, offset, length)
}

pub fn seeded_bytes(seed: u64, offset: u64, length: u64) -> Vec<u8> {
    let word = |at: u64| (at / 8).wrapping_add(seed.wrapping_mul(0x1_0000_0001)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let byte = |at: u64| word(at) >> (8 * (at % 8)) & 0xff;
    (offset..offset + length).map(|at| u8::try_from(byte(at)).unwrap_or_default()).collect()
}

impl Source for Counting {
    fn size(&self) -> u64 {
        self.size
    }

    fn open(&self, offset: u64, length: u64) -> Body {
        let (breaks_at, hangs_at) = (self.breaks_at.unwrap_or(u64::MAX), self.hangs_at.unwrap_or(u64::MAX));
        let (seed, pause) = (self.seed, self.pause);
        let chunks = futures::stream::iter((offset..offset + length).step_by(CHUNK as usize));
        Box::pin(chunks.then(move |at| async move {
            if at >= breaks_at {
                return Err(Failure::new(Kind::Conflict, "The source changed while it was read."));
            }
            if at >= hangs_at {
                std::future::pending::<()>().await;
            }
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            Ok(Bytes::from(seeded_bytes(seed, at, CHUNK.min(offset + length - at))))
        }))
    }
}

/// Zeros, but for the offset at the beginning of each MiB: as cheap to make as to check.
pub struct Sparse {
    size: u64,
}

pub fn sparse(size: u64) -> Content {
    Arc::new(Sparse { size })
}

fn sparse_bytes(offset: u64, length: u64) -> Bytes {
    let mut bytes = vec![0_u8; usize::try_from(length).unwrap_or_default()];
    let mut mark = offset.next_multiple_of(SPARSE);
    if !offset.is_multiple_of(SPARSE) && offset % SPARSE < 8 {
        mark = offset - offset % SPARSE;
    }
    while mark < offset + length {
        for (index, byte) in (mark + 1).to_be_bytes().into_iter().enumerate() {
            let at = (mark + index as u64).checked_sub(offset).and_then(|at| usize::try_from(at).ok());
            if let Some(slot) = at.and_then(|at| bytes.get_mut(at)) {
                *slot = byte;
            }
        }
        mark += SPARSE;
    }
    bytes.into()
}

impl Source for Sparse {
    fn size(&self) -> u64 {
        self.size
    }

    fn open(&self, offset: u64, length: u64) -> Body {
        let chunks = (offset..offset + length)
            .step_by(SPARSE as usize)
            .map(move |at| Ok(sparse_bytes(at, SPARSE.min(offset + length - at))));
        Box::pin(futures::stream::iter(chunks))
    }
}

/// The body is this part of the content, no more and no less.
pub async fn same(body: Body, offset: u64, length: u64) -> Check {
    compare(body, offset, length, |at, size| bytes(at, size).into()).await
}

pub async fn same_seeded(body: Body, seed: u64, length: u64) -> Check {
    compare(body, 0, length, |at, size| seeded_bytes(seed, at, size).into()).await
}

pub async fn same_sparse(body: Body, offset: u64, length: u64) -> Check {
    compare(body, offset, length, sparse_bytes).await
}

async fn compare(mut body: Body, offset: u64, length: u64, expected: impl Fn(u64, u64) -> Bytes) -> Check {
    let mut at = offset;
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(told)?;
        let size = chunk.len() as u64;
        ensure!(at + size <= offset + length, "more than {length} bytes came");
        ensure!(chunk == expected(at, size), "other bytes came between {at} and {}", at + size);
        at += size;
    }
    ensure!(at == offset + length, "{} bytes came instead of {length}", at - offset);
    Ok(())
}

/// The digest of this part of the content, by the contract's name of an algorithm.
pub async fn digest(content: &Content, algorithm: &str, offset: u64, length: u64) -> anyhow::Result<Vec<u8>> {
    let mut digest = Digest::new(algorithm).map_err(told)?;
    let mut body = content.open(offset, length);
    while let Some(chunk) = body.next().await {
        digest.update(&chunk.map_err(told)?);
    }
    Ok(digest.finish())
}

/// What is told of this part of the content is true of it.
pub async fn has(content: &Content, (offset, length): (u64, u64), checksums: &[Checksum]) -> Check {
    for checksum in checksums.iter().filter(|checksum| CHECKSUMS.contains(&checksum.algorithm.as_str())) {
        let right = digest(content, &checksum.algorithm, offset, length).await?;
        ensure!(
            checksum.value == right,
            "{:02x?} is told as {}, the bytes have {right:02x?}",
            checksum.value,
            checksum.algorithm
        );
    }
    Ok(())
}

/// The body's bytes, or the failure it ended with.
pub async fn collect(mut body: Body, most: usize) -> capstan_domain::Outcome<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(chunk) = body.next().await {
        all.extend_from_slice(&chunk?);
        if all.len() > most {
            break;
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn any_part_of_a_content_is_told_from_any_other() {
        let content = counting(1 << 20);
        same(content.open(300_000, 100_000), 300_000, 100_000).await.unwrap();
        assert!(same(content.open(300_000, 100_000), 300_001, 100_000).await.is_err());
        assert!(same(content.open(0, 10), 0, 11).await.is_err());
        assert!(same_seeded(content.open(0, 100), 1, 100).await.is_err());
        let content = sparse(5 << 30);
        for (offset, length) in [(0, 100), ((1 << 20) - 3, 20), ((1 << 32) + 3, 3 << 20), ((1 << 20) + 7, 10)] {
            same_sparse(content.open(offset, length), offset, length).await.unwrap();
        }
        assert!(same_sparse(content.open(2 << 20, 1 << 20), 3 << 20, 1 << 20).await.is_err());
        assert_eq!(sparse_bytes(3 << 20, 8).as_ref(), ((3_u64 << 20) + 1).to_be_bytes());
    }
}
