//! One thing in a tree, as a walk finds it.

use capstan_domain::Failure;
use capstan_domain::time::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemKind {
    File,
    /// `empty`: nothing was in it when the walk came by. Only an empty folder is work of its own; others come with their files.
    Folder {
        empty: bool,
    },
    /// `to` as the link says it, escaped; links are never followed.
    Link {
        to: String,
    },
    /// A socket, a device, a pipe, a name that is no file name: `what` says it in words.
    Other {
        what: &'static str,
    },
}

/// What must be equal for a file to be the one that was seen before, beside size and modification time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    pub inode: Option<u64>,
    pub etag: Option<String>,
    pub version: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Relative to the tree, "/" between, each name escaped where it is not UTF-8 (`names`); empty for the tree's root.
    pub path: String,
    pub kind: ItemKind,
    /// Bytes.
    pub size: u64,
    /// By this tree's own clock: for an object, when it was put.
    pub modified: Timestamp,
    /// What the file's modification time was where it came from, if the tree keeps that beside it.
    pub original: Option<Timestamp>,
    pub changed: Option<Timestamp>,
    pub mode: Option<u32>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub identity: Identity,
    /// The target's own key or path, where `path` alone does not give it back.
    pub native: Option<String>,
    /// BLAKE3 of the content, where the tree keeps it beside the file.
    pub blake3: Option<[u8; 32]>,
    /// Of a sequential tree: where the data begins. A smaller one lies nearer to the beginning.
    pub place: Option<u64>,
}

impl Item {
    pub fn file(path: impl Into<String>, size: u64, modified: Timestamp) -> Self {
        Self {
            path: path.into(),
            kind: ItemKind::File,
            size,
            modified,
            original: None,
            changed: None,
            mode: None,
            uid: None,
            gid: None,
            identity: Identity::default(),
            native: None,
            blake3: None,
            place: None,
        }
    }

    /// Whether `other`, seen later, is this file, untouched. What a tree does not know does not count.
    pub fn same_content(&self, other: &Self) -> bool {
        fn agree<T: PartialEq>(a: Option<&T>, b: Option<&T>) -> bool {
            a.is_none() || b.is_none() || a == b
        }
        let times = match (&self.identity.etag, &other.identity.etag) {
            // Listings and looks at one object round its time differently; its tag is the better witness, whole seconds the second.
            (Some(a), Some(b)) => {
                a == b && self.modified.0.div_euclid(1_000_000_000) == other.modified.0.div_euclid(1_000_000_000)
            }
            _ => self.modified == other.modified,
        };
        times
            && self.kind == other.kind
            && self.size == other.size
            && agree(self.identity.inode.as_ref(), other.identity.inode.as_ref())
    }

    /// The modification time a copy gets.
    pub fn stamp(&self) -> Timestamp {
        self.original.unwrap_or(self.modified)
    }
}

/// What a walk reports.
#[derive(Clone, Debug)]
pub enum Found {
    Item(Item),
    /// A path that could not be looked at; the walk goes on.
    Failed {
        path: String,
        failure: Failure,
    },
}
