//! A small file in memory, as content.

use bytes::Bytes;
use capstan_domain::Failure;
use capstan_domain::content::{Body, Source};

use crate::digest;

pub(crate) struct Held {
    bytes: Bytes,
}

impl Held {
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self { bytes }
    }
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
