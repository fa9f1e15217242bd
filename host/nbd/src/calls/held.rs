//! What a request writes, as content that a call may read again.

use bytes::Bytes;
use capstan_domain::content::{Body, Source};
use capstan_domain::{Failure, Kind};

pub(super) struct Held(pub(super) Bytes);

impl Source for Held {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn open(&self, offset: u64, length: u64) -> Body {
        let range = usize::try_from(offset).ok().zip(usize::try_from(length).ok());
        let piece = range.and_then(|(offset, length)| {
            let end = offset.checked_add(length).filter(|end| *end <= self.0.len())?;
            Some(self.0.slice(offset..end))
        });
        let item = piece.ok_or_else(|| Failure::new(Kind::Corrupt, "more bytes were asked for than a client wrote"));
        Box::pin(futures::stream::once(std::future::ready(item)))
    }
}
