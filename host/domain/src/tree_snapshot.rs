//! Looks at trees, kept so that a later look tells what changed in between.

use serde::{Deserialize, Serialize};

use crate::entry::EntryKind;
use crate::ids::{Number, SpaceId};
use crate::time::Timestamp;

/// A look at a part of a space's tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeSnapshot {
    pub number: Number,
    /// Whose series of looks it belongs to, such as a schedule's.
    pub series: String,
    pub space: SpaceId,
    /// The folder that was looked at, within the space; empty for the whole.
    pub path: String,
    /// When the look began.
    pub taken: Timestamp,
}

/// A path as one look found it.
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
    pub fn agrees_with(&self, other: &Self) -> bool {
        let hashes_agree = self.blake3.zip(other.blake3).is_none_or(|(one, another)| one == another);
        let content_agrees = self.size == other.size && self.modified == other.modified && hashes_agree;
        self.kind == other.kind && (self.kind == EntryKind::Folder || content_agrees)
    }
}
