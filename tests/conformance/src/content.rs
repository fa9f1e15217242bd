//! Content that tells where it was read wrongly: every eight bytes hold their own offset.

use std::sync::Arc;

use anyhow::ensure;
use bytes::Bytes;
use capstan_domain::content::{Body, Content, Source};
use capstan_domain::failure::{Failure, Kind};
use futures::StreamExt;

use crate::{Check, told};

const CHUNK: u64 = 256 << 10;

pub struct Counting {
    size: u64,
    /// Where it fails, as a source does that is cut while it is read.
    breaks_at: Option<u64>,
}

pub fn counting(size: u64) -> Content {
    Arc::new(Counting { size, breaks_at: None })
}

pub fn breaking(size: u64, at: u64) -> Content {
    Arc::new(Counting { size, breaks_at: Some(at) })
}

pub fn bytes(offset: u64, length: u64) -> Vec<u8> {
    let byte = |at: u64| (at / 8).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (8 * (at % 8)) & 0xff;
    (offset..offset + length).map(|at| u8::try_from(byte(at)).unwrap_or_default()).collect()
}

impl Source for Counting {
    fn size(&self) -> u64 {
        self.size
    }

    fn open(&self, offset: u64, length: u64) -> Body {
        let breaks_at = self.breaks_at.unwrap_or(u64::MAX);
        let chunks = (offset..offset + length).step_by(CHUNK as usize).map(move |at| {
            if at >= breaks_at {
                return Err(Failure::new(Kind::Conflict, "The source changed while it was read."));
            }
            Ok(Bytes::from(bytes(at, CHUNK.min(offset + length - at))))
        });
        Box::pin(futures::stream::iter(chunks))
    }
}

/// The body is this part of the content, no more and no less.
pub async fn same(mut body: Body, offset: u64, length: u64) -> Check {
    let mut at = offset;
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(told)?;
        let size = chunk.len() as u64;
        ensure!(at + size <= offset + length, "more than {length} bytes came");
        ensure!(chunk == bytes(at, size), "other bytes came between {at} and {}", at + size);
        at += size;
    }
    ensure!(at == offset + length, "{} bytes came instead of {length}", at - offset);
    Ok(())
}
