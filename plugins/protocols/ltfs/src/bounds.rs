//! What is read at most. A tape is not trusted: whoever wrote it may have meant harm. Everything here refuses; nothing waits.

/// Bytes of a name: 255 characters of up to four bytes (section 7.4).
pub const NAME_BYTES: usize = 1020;
pub const NAME_CHARACTERS: usize = 255;
/// Directories inside each other.
pub const DEPTH: usize = 256;
/// Elements inside each other in what is kept though it is not understood.
pub const UNKNOWN_DEPTH: usize = 32;
/// Bytes of one piece of markup, or of the text of one element.
pub const TOKEN_BYTES: usize = 1 << 20;
/// Bytes of one extended attribute.
pub const ATTRIBUTE_BYTES: usize = 64 << 10;
/// Bytes of the target of a symbolic link.
pub const LINK_BYTES: usize = 4096;
/// Bytes of an index's document, of which comments and white space are held nowhere.
pub const DOCUMENT_BYTES: u64 = 16 << 30;
/// Bytes of a label's document, which is one block.
pub const LABEL_BYTES: usize = 64 << 10;
/// Bytes of a block, from the smallest that may be formatted (section 7.1.2) to the largest that a drive takes.
pub const BLOCK_BYTES: std::ops::RangeInclusive<u32> = 4096..=(8 << 20);
/// Indexes that are looked at in one partition before it is given up.
pub const INDEXES_TRIED: u32 = 64;

/// How large an index may be that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Files and directories.
    pub entries: u32,
    /// Names, extents, attributes and what is kept unread, together.
    pub bytes: u64,
}

impl Default for Room {
    fn default() -> Self {
        Self { entries: 4 << 20, bytes: 1 << 30 }
    }
}
