//! A volume of either format, as files.

use capstan_sdk::Outcome;
use capstan_sdk::types::{Attributes, Node, NodePage};

use super::archive::Archive;
use super::depth::Stretch;
use super::ltfs::Ltfs;
use crate::tape::Spot;

/// A part of a file, in the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    /// So many bytes of the blocks from there on, the first of them without `skip` bytes.
    Data { at: Spot, skip: u32, bytes: u64 },
    /// So many zeros that are nowhere on the tape.
    Zeros { bytes: u64 },
}

/// What a new file is to have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dress {
    /// Nanoseconds since 1970.
    pub(crate) modified: i64,
    pub(crate) now: i64,
}

/// What a volume is asked for and what is done to its tree. Nothing here moves the tape: blocks that are full wait in [`Files::take`].
pub(crate) trait Files {
    /// Bytes of its blocks.
    fn block(&self) -> u32;
    /// Files, directories and links.
    fn objects(&self) -> u64;

    fn node(&self, path: &str) -> Outcome<Node>;
    fn page(&self, path: &str, after: Option<&str>, limit: usize) -> Outcome<NodePage>;
    fn xattrs(&self, path: &str) -> Outcome<Vec<(String, Vec<u8>)>>;
    /// Where these bytes of a file are: from the first to behind the last. Of something else `invalid`.
    fn runs(&self, path: &str, from: u64, to: u64) -> Outcome<Vec<Run>>;
    /// Where all files of the partition are that is written to, in no order; none where that says no more than the numbers of blocks.
    fn stretches(&self) -> Vec<Stretch>;

    fn make_directory(&mut self, path: &str, now: i64) -> Outcome<()>;
    fn remove(&mut self, path: &str, now: i64) -> Outcome<()>;
    fn rename(&mut self, from: &str, to: &str, replace: bool, now: i64) -> Outcome<()>;
    fn set_attributes(&mut self, path: &str, attributes: &Attributes, now: i64) -> Outcome<()>;
    fn make_link(&mut self, path: &str, target: &str, now: i64) -> Outcome<()>;
    fn set_xattr(&mut self, path: &str, name: &str, value: Option<&[u8]>, now: i64) -> Outcome<()>;

    /// A file of exactly `size` bytes is being written. `blake3`: of it, where that is known.
    fn begin(&mut self, path: &str, size: u64, dress: Dress, blake3: Option<[u8; 32]>) -> Outcome<()>;
    /// Takes bytes of it, and says how many; none while a block waits.
    fn fill(&mut self, piece: &[u8]) -> Outcome<usize>;
    /// All of it came; it is in the tree.
    fn end(&mut self, blake3: [u8; 32]) -> Outcome<()>;
    /// It is not to be.
    fn give_up(&mut self);

    /// The next block that is full, to be written at [`Files::next`].
    fn take(&mut self) -> Option<Vec<u8>>;
    /// Where the next block goes that is taken.
    fn next(&self) -> Spot;
    /// Something is not durable.
    fn is_dirty(&self) -> bool;
    /// Nothing more is taken before a sync.
    fn must_sync(&self) -> bool;
    /// Bytes that a sync would write, or somewhat more.
    fn closing(&self) -> u64;
}

pub(crate) enum Volume {
    Archive(Box<Archive>),
    Ltfs(Box<Ltfs>),
}

impl Volume {
    pub(crate) fn files(&self) -> &dyn Files {
        match self {
            Self::Archive(archive) => archive.as_ref(),
            Self::Ltfs(ltfs) => ltfs.as_ref(),
        }
    }

    pub(crate) fn files_mut(&mut self) -> &mut dyn Files {
        match self {
            Self::Archive(archive) => archive.as_mut(),
            Self::Ltfs(ltfs) => ltfs.as_mut(),
        }
    }
}
