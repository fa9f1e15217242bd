//! What is asked, and what was answered.

use crate::bounds::PAYLOAD_BYTES;
use crate::error::Refused;
use crate::export::Export;
use crate::wire::REQUEST_MAGIC;

const NO_HOLE: u16 = 1 << 1;

/// Names a request until it is answered ("Terminology": cookie, once called handle).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cookie(pub(crate) u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    Read {
        offset: u64,
        length: u32,
    },
    /// The caller sends so many bytes right behind what [`Client::transmit`](crate::Client::transmit) answers next.
    Write {
        offset: u64,
        length: u32,
    },
    /// What was answered before is durable when this is.
    Flush,
    /// The bytes are no more wanted. What is read there afterwards, nobody knows.
    Trim {
        offset: u64,
        length: u32,
    },
    /// The range reads as zeros. `hole`: the server may give the room back.
    WriteZeroes {
        offset: u64,
        length: u32,
        hole: bool,
    },
    /// Which ranges hold data, from the offset on: at least one extent, perhaps not all of them.
    BlockStatus {
        offset: u64,
        length: u32,
    },
}

/// A range of an export, as `base:allocation` tells it ("`base:` meta context").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    pub length: u64,
    /// Takes no room.
    pub hole: bool,
    /// Reads as zeros.
    pub zero: bool,
}

/// What a request that was carried out brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A change, or a flush.
    Done,
    /// Exactly the bytes that were asked for.
    Data(Vec<u8>),
    /// From the request's offset on, one after the other, none of no bytes, cut at the request's end.
    Extents(Vec<Extent>),
}

impl Request {
    /// Number and flags of the command ("Request types", "Command flags").
    fn command(self) -> (u16, u16) {
        match self {
            Self::Read { .. } => (0, 0),
            Self::Write { .. } => (1, 0),
            Self::Flush => (3, 0),
            Self::Trim { .. } => (4, 0),
            Self::WriteZeroes { hole, .. } => (6, if hole { 0 } else { NO_HOLE }),
            Self::BlockStatus { .. } => (7, 0),
        }
    }

    fn range(self) -> (u64, u32) {
        match self {
            Self::Flush => (0, 0),
            Self::Read { offset, length }
            | Self::Write { offset, length }
            | Self::Trim { offset, length }
            | Self::WriteZeroes { offset, length, .. }
            | Self::BlockStatus { offset, length } => (offset, length),
        }
    }

    pub(crate) fn check(self, export: &Export) -> Result<(), Refused> {
        let (offset, length) = self.range();
        let changes = matches!(self, Self::Write { .. } | Self::Trim { .. } | Self::WriteZeroes { .. });
        let able = match self {
            Self::Flush => export.can_flush(),
            Self::Trim { .. } => export.can_trim(),
            Self::WriteZeroes { .. } => export.can_write_zeroes(),
            Self::BlockStatus { .. } => export.allocation,
            Self::Read { .. } | Self::Write { .. } => true,
        };
        if !able {
            return Err(Refused::Unsupported("this request"));
        }
        if changes && export.is_read_only() {
            return Err(Refused::Unsupported("changes of a read-only export"));
        }
        if self == Self::Flush {
            return Ok(());
        }
        let block = u64::from(export.minimum_block);
        if length == 0 || !offset.is_multiple_of(block) || !u64::from(length).is_multiple_of(block) {
            return Err(Refused::Invalid("a range that is not of whole blocks"));
        }
        if offset.checked_add(u64::from(length)).is_none_or(|end| end > export.size) {
            return Err(Refused::Invalid("a range beyond the end"));
        }
        let moves = matches!(self, Self::Read { .. } | Self::Write { .. });
        if moves && length > export.maximum_payload.min(PAYLOAD_BYTES) {
            return Err(Refused::Invalid("more bytes than go at once"));
        }
        Ok(())
    }

    pub(crate) fn header(self, cookie: Cookie, out: &mut Vec<u8>) {
        let (command, flags) = self.command();
        let (offset, length) = self.range();
        put_request(out, (flags, command), cookie, offset, length);
    }
}

/// The end of the conversation, which is not answered.
pub(crate) fn disconnect(out: &mut Vec<u8>) {
    put_request(out, (0, 2), Cookie(0), 0, 0);
}

fn put_request(out: &mut Vec<u8>, (flags, command): (u16, u16), cookie: Cookie, offset: u64, length: u32) {
    out.extend_from_slice(&REQUEST_MAGIC.to_be_bytes());
    out.extend_from_slice(&flags.to_be_bytes());
    out.extend_from_slice(&command.to_be_bytes());
    out.extend_from_slice(&cookie.0.to_be_bytes());
    out.extend_from_slice(&offset.to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
}
