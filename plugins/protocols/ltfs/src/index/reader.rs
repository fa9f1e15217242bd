//! An index is read from its blocks as they come.

use super::builder::Builder;
use crate::bounds::{DOCUMENT_BYTES, Room};
use crate::markup::Markup;
use crate::tree::Header;
use crate::{Error, Index};

/// What is kept of an index; all of it is checked either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    Tree,
    Header,
}

#[derive(Debug)]
pub struct IndexReader {
    markup: Markup,
    builder: Builder,
    bytes: u64,
}

impl IndexReader {
    pub fn new(keep: Keep, room: Room) -> Self {
        Self { markup: Markup::default(), builder: Builder::new(keep, room), bytes: 0 }
    }

    /// The next bytes of the document, a block or any piece. After an error nothing more is taken.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.bytes += bytes.len() as u64;
        if self.bytes > DOCUMENT_BYTES {
            return Err(Error::TooMuch("bytes of an index"));
        }
        self.markup.push(bytes, &mut self.builder)
    }

    /// Whether the document has come to its end.
    pub fn is_whole(&self) -> bool {
        self.builder.closed && self.markup.is_done()
    }

    /// The header as far as it has come, also of a document that is damaged behind it.
    pub fn header(&self) -> Option<Header> {
        self.builder.parts.header().ok()
    }

    /// The header of a whole document.
    pub fn finish_header(self) -> Result<Header, Error> {
        self.whole()?.builder.parts.header()
    }

    /// With [`Keep::Header`] nothing but the root is in it.
    pub fn finish(self) -> Result<Index, Error> {
        self.whole()?.builder.index()
    }

    fn whole(self) -> Result<Self, Error> {
        if self.is_whole() { Ok(self) } else { Err(Error::Malformed("the end of an index")) }
    }
}
