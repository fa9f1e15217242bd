//! What a file is written from: bytes in one go, and their hash where it is known before.

use capstan_sdk::content::Content;
use capstan_sdk::{Outcome, StreamReader, StreamResult, checksum, gather};

/// Bytes that are asked for at once.
const PIECE: usize = 1 << 20;
const BLAKE3: &str = "blake3";

pub(crate) trait Incoming {
    fn size(&self) -> u64;
    /// Of all of it, if somebody knows it.
    fn blake3(&self) -> Option<[u8; 32]>;
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

    fn blake3(&self) -> Option<[u8; 32]> {
        checksum::known(self, BLAKE3, 0, Content::size(self))?.try_into().ok()
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
