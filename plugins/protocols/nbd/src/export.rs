//! What a server says of an export.

use crate::bounds::PAYLOAD_BYTES;

/// Bits of "Transmission flags".
const READ_ONLY: u16 = 1 << 1;
const FLUSH: u16 = 1 << 2;
const TRIM: u16 = 1 << 5;
const WRITE_ZEROES: u16 = 1 << 6;
const MULTI_CONN: u16 = 1 << 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Export {
    /// Bytes.
    pub size: u64,
    pub(crate) flags: u16,
    /// Offsets and lengths are multiples of it; a power of two.
    pub minimum_block: u32,
    /// Requests of multiples of it are cheap.
    pub preferred_block: u32,
    /// Bytes of one READ or WRITE at most.
    pub maximum_payload: u32,
    /// Whether the server tells which ranges hold data (`base:allocation`).
    pub allocation: bool,
}

impl Export {
    /// As it is without a word about block sizes ("Block size constraints").
    pub(crate) fn new(size: u64, flags: u16) -> Self {
        Self { size, flags, minimum_block: 1, preferred_block: 4096, maximum_payload: PAYLOAD_BYTES, allocation: false }
    }

    pub fn is_read_only(&self) -> bool {
        self.flags & READ_ONLY != 0
    }

    /// Without it there is nothing to flush, or no way to.
    pub fn can_flush(&self) -> bool {
        self.flags & FLUSH != 0
    }

    pub fn can_trim(&self) -> bool {
        self.flags & TRIM != 0
    }

    pub fn can_write_zeroes(&self) -> bool {
        self.flags & WRITE_ZEROES != 0
    }

    /// A flush on one connection covers what was answered on all.
    pub fn can_multi_conn(&self) -> bool {
        self.flags & MULTI_CONN != 0
    }
}
