//! A path as one look found it.

use capstan_domain::entry::EntryKind;
use capstan_domain::time::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Within the tree, without a slash before.
    pub path: String,
    pub inode: u64,
    pub kind: EntryKind,
    pub size: u64,
    pub modified: Timestamp,
    /// The ctime.
    pub changed: Timestamp,
    /// BLAKE3 of the content, where it is known.
    pub blake3: Option<[u8; 32]>,
}

impl Node {
    /// Nothing speaks against both having the same content. A folder has none.
    pub(super) fn agrees_with(&self, other: &Self) -> bool {
        let hashes_agree = self.blake3.zip(other.blake3).is_none_or(|(one, another)| one == another);
        let content_agrees = self.size == other.size && self.modified == other.modified && hashes_agree;
        self.kind == other.kind && (self.kind == EntryKind::Folder || content_agrees)
    }
}

/// Of a path at the top: empty.
pub(super) fn parent_and_name(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}
