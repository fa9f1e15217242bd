//! What a file is written from: bytes in one go, and their hash. The host reckons it as they pass: that is quicker than here.

use capstan_sdk::content::Content;
use capstan_sdk::failure::invalid;
use capstan_sdk::{Blame, Outcome, StreamReader, StreamResult, checksum, gather};

/// Bytes that are asked for at once.
const PIECE: usize = 1 << 20;
const BLAKE3: &str = "blake3";

pub(crate) trait Incoming {
    fn size(&self) -> u64;
    /// Of all of it, if somebody knows it.
    fn known_blake3(&self) -> Option<[u8; 32]>;
    /// Of all of it, when all of it came.
    async fn blake3(&self) -> Outcome<[u8; 32]>;
    fn flow(&self) -> impl Flow;
}

pub(crate) trait Flow {
    /// The next bytes; none where all of them came.
    async fn next(&mut self) -> Outcome<Option<Vec<u8>>>;
}

impl Incoming for Content {
    fn size(&self) -> u64 {
        Content::size(self)
    }

    fn known_blake3(&self) -> Option<[u8; 32]> {
        checksum::known(self, BLAKE3, 0, Content::size(self))?.try_into().ok()
    }

    async fn blake3(&self) -> Outcome<[u8; 32]> {
        let told = checksum::of(self, BLAKE3, 0, Content::size(self)).await?.value;
        told.try_into().map_err(|_| invalid("a checksum of another length").blame(Blame::Host))
    }

    fn flow(&self) -> impl Flow {
        let size = Content::size(self);
        Streamed { content: self, stream: self.open(0, size), came: 0, size }
    }
}

struct Streamed<'a> {
    content: &'a Content,
    stream: StreamReader<u8>,
    came: u64,
    size: u64,
}

impl Flow for Streamed<'_> {
    async fn next(&mut self) -> Outcome<Option<Vec<u8>>> {
        while self.came < self.size {
            let room = usize::try_from(self.size - self.came).map_or(PIECE, |left| left.min(PIECE));
            let (result, piece) = self.stream.read(Vec::with_capacity(room)).await;
            if !piece.is_empty() {
                self.came = self.came.saturating_add(piece.len() as u64);
                return Ok(Some(piece));
            }
            if result == StreamResult::Dropped {
                return Err(gather::short(self.content, self.came, self.size));
            }
        }
        Ok(None)
    }
}
