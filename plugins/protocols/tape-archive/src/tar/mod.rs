//! Members of a tar as bytes: an extended header, a header, data, all in records of 512 bytes (POSIX.1-2024, pax: "pax Interchange Format"
//! and "ustar Interchange Format").
//!
//! Besides what the standard has, the extended header holds `CAPSTAN.id` (what the node is called in catalogues), `CAPSTAN.blake3` (of the
//! data, where it was known before), and `SCHILY.xattr.*` as other programs write extended attributes. A global header with
//! `CAPSTAN.void` says that the member of that number was given up: what there is of it is filling.

mod header;
mod pax;
mod reader;

use std::collections::BTreeMap;

pub(crate) use header::{header, void};
pub use reader::{Reader, Sink};

use crate::Attributes;

/// Bytes of a record.
pub const RECORD: u64 = 512;
pub(crate) const RECORD_BYTES: usize = 512;
pub(crate) const ZEROS: [u8; RECORD_BYTES] = [0; RECORD_BYTES];
/// Bytes of an extended header.
pub const EXTENDED: u64 = 256 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    File,
    Directory,
    Link,
    /// Something that no volume has: its data is gone over.
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub path: String,
    pub kind: Type,
    /// Bytes of data.
    pub size: u64,
    pub attributes: Attributes,
    /// Where a link points.
    pub target: Option<String>,
    pub xattrs: BTreeMap<String, Vec<u8>>,
    pub id: Option<u64>,
    /// Of the data.
    pub blake3: Option<[u8; 32]>,
}

impl Member {
    /// One of the format's own.
    pub(crate) fn plain(path: &str, kind: Type, size: u64, modified: i64) -> Self {
        let attributes = Attributes { modified, mode: 0o644, uid: 0, gid: 0 };
        Self { path: path.to_owned(), kind, size, attributes, target: None, xattrs: BTreeMap::new(), id: None, blake3: None }
    }
}

/// Bytes up to the next record.
pub(crate) fn padding(bytes: u64) -> usize {
    let over = bytes.checked_rem(RECORD).unwrap_or(0);
    if over == 0 { 0 } else { usize::try_from(RECORD.saturating_sub(over)).unwrap_or(0) }
}

/// With the padding.
pub(crate) fn padded(bytes: u64) -> Option<u64> {
    bytes.checked_add(u64::try_from(padding(bytes)).ok()?)
}
