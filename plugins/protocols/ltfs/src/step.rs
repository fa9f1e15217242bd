//! What is done to a tape, one step after the other.

use capstan_scsi::attribute::Attribute;

use crate::recovery::Held;
use crate::{Layout, Pointers};

/// A step. Each begins when the one before it was answered well; none is done twice without looking where the tape is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Two partitions are made, and nothing is left of what was on the tape (FORMAT MEDIUM, DEFAULT THEN PARTITIONS or the like).
    MakePartitions,
    /// To this block of the drive's partition.
    Locate { number: u8, block: u64 },
    /// One block.
    WriteBlock(Vec<u8>),
    /// The blocks of an [`crate::IndexWriter`] with these pointers.
    WriteIndex(Pointers),
    /// One filemark, answered when it and all before it are on the medium.
    WriteFilemark,
    /// Attributes into the memory, as of this partition.
    WriteAttributes { number: u8, attributes: Vec<Attribute> },
    /// The volume change reference is read, then [`crate::memory::Coherency`] with it is written, as of this partition. A drive that has no
    /// such attributes leaves it out: the next mount has to search, no more.
    Remember { number: u8, held: Held },
}

/// Where the indexes of a volume are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volume {
    pub layout: Layout,
    pub block_bytes: u32,
    /// The last index in each partition.
    pub in_data: Option<Held>,
    pub in_index: Option<Held>,
    /// The block of the index partition where its index construct begins: behind its label and whatever data is there.
    pub index_at: u64,
}
