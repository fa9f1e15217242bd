//! Entries: the files, folders and links of spaces and primary pools; and replicas, the stored copies of an entry's content.

use serde::{Deserialize, Serialize};

use crate::ids::{EntryId, LocationId, Number, PoolId, ReplicaId, SpaceId};
use crate::time::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    File,
    Folder,
    Link,
}

/// Whose tree an entry stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Tree {
    Space(SpaceId),
    Pool(PoolId),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    pub id: EntryId,
    pub number: Number,
    pub tree: Tree,
    pub tree_number: Number,
    pub parent: Option<EntryId>,
    pub parent_number: Option<Number>,
    /// UTF-8; a name that is not is escaped (`names`).
    pub name: String,
    /// Relative to the tree, without a leading slash; empty for the root.
    pub path: String,
    pub kind: EntryKind,
    pub size: u64,
    pub modified: Timestamp,
    pub changed: Option<Timestamp>,
    pub mode: Option<u32>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub inode: Option<u64>,
    /// BLAKE3 of the content, once it was read.
    pub blake3: Option<Vec<u8>>,
    /// False when the content is no longer in the tree and only replicas hold it.
    pub resident: bool,
    pub seen: Timestamp,
}

/// What a scan or a copy knows of an entry; the catalogue finds or makes the row by tree and path.
#[derive(Clone, Debug)]
pub struct NewEntry {
    pub tree: Tree,
    pub path: String,
    pub kind: EntryKind,
    pub size: u64,
    pub modified: Timestamp,
    pub changed: Option<Timestamp>,
    pub mode: Option<u32>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub inode: Option<u64>,
    pub blake3: Option<Vec<u8>>,
}

/// One stored copy, with its evidence.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Replica {
    pub id: ReplicaId,
    pub entry: EntryId,
    pub location: LocationId,
    /// Key or path in the location.
    pub key: String,
    pub size: u64,
    pub etag: Option<String>,
    pub version: Option<String>,
    /// BLAKE3 of the content that was written.
    pub blake3: Vec<u8>,
    /// BLAKE3 subtree values of each 16 MiB, concatenated (32 bytes each); empty for a smaller file.
    pub subtrees: Vec<u8>,
    /// When it was last read back from the target and matched.
    pub verified: Option<Timestamp>,
    pub created: Timestamp,
}
