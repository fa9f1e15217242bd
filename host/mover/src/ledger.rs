//! What a transfer needs remembered, so that a killed process can go on where it was.

use async_trait::async_trait;
use capstan_domain::ids::LocationId;
use capstan_domain::job::PathState;
use capstan_domain::ports::{NamedValues, Part};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};

use crate::item::Item;

/// One stored copy with its evidence: what a replica row needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Which of the transfer's destinations.
    pub destination: usize,
    /// Which tree of that destination.
    pub tree: usize,
    pub location: Option<LocationId>,
    /// In that tree, names escaped.
    pub path: String,
    /// The target's own key or path.
    pub key: String,
    pub size: u64,
    /// As the target shows it.
    pub modified: Timestamp,
    pub inode: Option<u64>,
    pub etag: Option<String>,
    pub version: Option<String>,
    /// When the copy was read back and matched; none: it is the target's word.
    pub verified: Option<Timestamp>,
}

/// What became of one path of a source.
#[derive(Clone, Debug)]
pub struct Settled {
    /// Which of the transfer's sources.
    pub source: usize,
    /// As it was read. For a path that could not even be looked at: path and failure only.
    pub item: Item,
    pub state: PathState,
    pub bytes: u64,
    pub failure: Option<Failure>,
    pub blake3: Option<[u8; 32]>,
    /// BLAKE3 subtree values of each 16 MiB, 32 bytes each; empty for a file of up to 16 MiB.
    pub subtrees: Vec<u8>,
    /// New or newly proved; empty where those recorded before still hold.
    pub copies: Vec<Copied>,
    /// The source was, or is about to be, removed: it has no place in the source's tree any more.
    pub moved: bool,
}

/// What an earlier run recorded of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Of the source, when it was read.
    pub size: u64,
    pub modified: Timestamp,
    pub inode: Option<u64>,
    pub blake3: [u8; 32],
    pub copies: Vec<Copied>,
}

/// What the bytes of a replica must hash to, by the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    pub size: u64,
    /// Of the object when it was stored; another one means that somebody else replaced it, which is no corruption.
    pub etag: Option<String>,
    pub blake3: [u8; 32],
    /// BLAKE3 subtree values of each 16 MiB, 32 bytes each; empty for a file of up to 16 MiB.
    pub subtrees: Vec<u8>,
}

/// Whose parts: the tree's id and the key in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UploadKey {
    pub tree: String,
    pub key: String,
}

/// A large file on its way: the target's upload, or the temporary file of a local tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadRecord {
    /// The target's id of it; empty as long as it has not answered with one.
    pub id: String,
    /// Set until then: the attempt that asks for it. The same attempt, made again, finds what the target may have begun.
    pub attempt: Option<String>,
    pub size: u64,
    /// Bytes of every part but the last.
    pub part_size: u64,
    /// Which content the parts are of: path, size, mtime, inode or etag in one line. Another one starts over.
    pub content: String,
    pub extras: NamedValues,
    /// Ordered by number.
    pub parts: Vec<PartRecord>,
}

/// A stored part, with the BLAKE3 subtree values of its blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartRecord {
    pub part: Part,
    /// Subtree values of the part's blocks, 32 bytes each (`digest`).
    pub blocks: Vec<u8>,
}

/// A file that is about to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Which of the transfer's sources, and the path there: what its outcome is recorded under.
    pub source: usize,
    pub path: String,
    /// In the destination's trees.
    pub place: String,
    pub size: u64,
}

/// Code of the failure of a file that a destination has disk for but may not take: its own and no other file's.
pub const QUOTA: &str = "quota";

/// Kept by whoever runs the transfer; one ledger per job. Calls come from several tasks at once. A failing ledger stops the
/// transfer: what cannot be recorded must not go on.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// One answer per item, in order: the replicas recorded for it by this or any earlier job, if there are any. Up to
    /// [`crate::transfer::Limits::batch_files`] items a call.
    async fn known(&self, source: usize, items: &[Item]) -> Outcome<Vec<Option<Known>>>;

    /// One answer per item, in order: what a source's files must hash to, where the source holds replicas. Checked before a byte
    /// of them becomes visible anywhere (D8).
    async fn evidence(&self, source: usize, items: &[Item]) -> Outcome<Vec<Option<Evidence>>> {
        let _ = source;
        Ok(vec![None; items.len()])
    }

    /// May these be stored in a destination? One answer per file, in order: `NoSpace`, code [`QUOTA`], where not. What is admitted
    /// counts until its outcome is recorded.
    async fn admit(&self, destination: usize, files: &[Wanted]) -> Outcome<Vec<Outcome<()>>> {
        let _ = destination;
        Ok(files.iter().map(|_| Ok(())).collect())
    }

    /// A tree of a destination took nothing more because it is full. Only of sequential trees, whose room does not come back.
    async fn found_full(&self, destination: usize, tree: usize) -> Outcome<()> {
        let _ = (destination, tree);
        Ok(())
    }

    /// Entries, replicas and outcomes in one transaction; durable when it answers (D1, D2). The same path again replaces its outcome.
    async fn record(&self, settled: Vec<Settled>) -> Outcome<()>;

    fn part_tables(&self) -> &dyn PartTables;
}

/// The part tables of what is on its way, so that who comes after a death goes on with it.
#[async_trait]
pub trait PartTables: Send + Sync {
    async fn find_upload(&self, key: &UploadKey) -> Outcome<Option<UploadRecord>>;

    /// Replaces what was under the key.
    async fn begin_upload(&self, key: &UploadKey, upload: &UploadRecord) -> Outcome<()>;

    /// Parts may come in any order.
    async fn save_part(&self, key: &UploadKey, upload: &str, part: &PartRecord) -> Outcome<()>;

    async fn forget_upload(&self, key: &UploadKey, upload: &str) -> Outcome<()>;
}

impl Settled {
    pub(crate) fn failed(source: usize, item: Item, failure: Failure) -> Self {
        Self::without_copies(source, item, PathState::Failed, Some(failure))
    }

    pub(crate) fn skipped(source: usize, item: Item, failure: Failure) -> Self {
        Self::without_copies(source, item, PathState::Skipped, Some(failure))
    }

    pub(crate) fn without_copies(source: usize, item: Item, state: PathState, failure: Option<Failure>) -> Self {
        Self { source, item, state, bytes: 0, failure, blake3: None, subtrees: Vec::new(), copies: Vec::new(), moved: false }
    }
}
