//! Bytes on the move: a body is read once, content can be opened again.

use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;

use crate::failure::Outcome;

/// A stream of bytes that is read once. A failed item is the last one.
pub type Body = Pin<Box<dyn Stream<Item = Outcome<Bytes>> + Send + 'static>>;

/// Bytes that can be read again: for a retry, for parts in parallel, for verification.
#[async_trait]
pub trait Source: Send + Sync + 'static {
    /// Bytes.
    fn size(&self) -> u64;

    /// Raw digest, if it is known without reading: "md5", "sha256", "crc32c", "crc64-nvme", "blake3".
    fn checksum(&self, algorithm: &str) -> Option<Vec<u8>> {
        let _ = algorithm;
        None
    }

    /// The bytes from `offset` on, `length` of them. A source that ends before gives a `Corrupt` or `Conflict` failure as its
    /// last item, never silence.
    fn open(&self, offset: u64, length: u64) -> Body;
}

pub type Content = Arc<dyn Source>;

/// Where content arrives, once, in order.
#[async_trait]
pub trait Sink: Send {
    async fn write(&mut self, chunk: Bytes) -> Outcome<()>;
}
