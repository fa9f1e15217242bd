//! A few bytes in memory: gathered from a body, handed on as content.

use bytes::{Bytes, BytesMut};
use capstan_domain::content::{Body, Source};
use capstan_domain::failure::Kind;
use capstan_domain::{Failure, Outcome};
use futures::StreamExt;

use crate::digest;

/// Bytes that are at hand, as content.
pub struct Held {
    bytes: Bytes,
}

impl Held {
    pub fn new(bytes: Bytes) -> Self {
        Self { bytes }
    }
}

/// All of a body that was announced with `size` bytes. `wrong`: what another number of bytes means.
pub(crate) async fn gather(mut body: Body, path: &str, size: u64, limit: u64, wrong: fn() -> Failure) -> Outcome<Bytes> {
    if size > limit {
        return Err(grown(path));
    }
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let mut bytes = BytesMut::with_capacity(size);
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        if bytes.len() + chunk.len() > size {
            return Err(wrong());
        }
        bytes.extend_from_slice(&chunk);
    }
    if bytes.len() == size { Ok(bytes.freeze()) } else { Err(wrong()) }
}

/// What was small when it was found no longer is.
pub(crate) fn grown(path: &str) -> Failure {
    Failure::new(Kind::Conflict, format!("{path:?} has grown while it was read")).with_code("grown")
}

impl Source for Held {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn checksum(&self, algorithm: &str) -> Option<Vec<u8>> {
        (algorithm == "blake3").then(|| digest::of(&self.bytes).to_vec())
    }

    fn open(&self, offset: u64, length: u64) -> Body {
        let range = usize::try_from(offset).ok().zip(usize::try_from(offset.saturating_add(length)).ok());
        let chunk = match range {
            Some((from, to)) if from <= to && to <= self.bytes.len() => Ok(self.bytes.slice(from..to)),
            _ => Err(Failure::invalid("The range is not within the content")),
        };
        Box::pin(futures::stream::iter((length > 0).then_some(chunk)))
    }
}
