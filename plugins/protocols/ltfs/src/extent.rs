//! Where the bytes of a file are (section 6). An extent is so many bytes that follow each other on the tape, from a byte of its first block
//! on; all its blocks but the last are full. Blocks may be shared by files. What no extent has is zeros.

use crate::Partition;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Byte of the file at which it begins.
    pub file_offset: u64,
    pub start_block: u64,
    pub byte_count: u64,
    /// Byte of the first block at which it begins.
    pub byte_offset: u32,
    pub partition: Partition,
}

impl Extent {
    /// The block behind its last, in blocks of so many bytes.
    pub fn end_block(&self, block_bytes: u32) -> u64 {
        let bytes = u64::from(self.byte_offset).saturating_add(self.byte_count);
        self.start_block.saturating_add(bytes.div_ceil(u64::from(block_bytes.max(1))))
    }
}

/// In the order of the file. None: over each other, empty, or behind the file's end.
pub(crate) fn ordered(mut extents: Vec<Extent>, length: u64) -> Option<Vec<Extent>> {
    extents.sort_by_key(|extent| extent.file_offset);
    let mut end = 0;
    for extent in &extents {
        let behind = extent.file_offset.checked_add(extent.byte_count)?;
        if extent.byte_count == 0 || extent.file_offset < end || behind > length {
            return None;
        }
        end = behind;
    }
    Some(extents)
}

/// A part of a file as it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// So many bytes of the blocks from there on, the first of them without `skip` bytes.
    Data { partition: Partition, block: u64, skip: u32, bytes: u64 },
    /// So many zeros.
    Hole { bytes: u64 },
}

/// What is to be read, in order, for these bytes of a file; nothing behind the file's end.
pub fn runs(extents: &[Extent], file_length: u64, offset: u64, length: u64, block_bytes: u32) -> Vec<Run> {
    let block_bytes = u64::from(block_bytes.max(1));
    let end = offset.saturating_add(length).min(file_length);
    let mut at = offset;
    let mut runs = Vec::new();
    for extent in extents {
        let (from, to) = (extent.file_offset.max(at), extent.file_offset.saturating_add(extent.byte_count).min(end));
        if from >= to {
            continue;
        }
        if from > at {
            runs.push(Run::Hole { bytes: from - at });
        }
        let byte = u64::from(extent.byte_offset).saturating_add(from - extent.file_offset);
        runs.push(Run::Data {
            partition: extent.partition,
            block: extent.start_block.saturating_add(byte / block_bytes),
            // Less than a block, which is what a u32 counts.
            skip: u32::try_from(byte % block_bytes).unwrap_or(0),
            bytes: to - from,
        });
        at = to;
    }
    if at < end {
        runs.push(Run::Hole { bytes: end - at });
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(file_offset: u64, start_block: u64, byte_offset: u32, byte_count: u64) -> Extent {
        Extent { file_offset, start_block, byte_count, byte_offset, partition: Partition::B }
    }

    fn data(block: u64, skip: u32, bytes: u64) -> Run {
        Run::Data { partition: Partition::B, block, skip, bytes }
    }

    #[test]
    fn a_file_is_read_over_extents_and_holes() {
        let extents = [extent(10, 5, 3, 10), extent(30, 9, 0, 4)];
        assert_eq!(
            runs(&extents, 40, 0, 100, 4),
            [Run::Hole { bytes: 10 }, data(5, 3, 10), Run::Hole { bytes: 10 }, data(9, 0, 4), Run::Hole { bytes: 6 }]
        );
        assert_eq!(runs(&extents, 40, 12, 3, 4), [data(6, 1, 3)]);
        assert_eq!(runs(&extents, 40, 19, 2, 4), [data(8, 0, 1), Run::Hole { bytes: 1 }]);
        assert_eq!(runs(&extents, 40, 40, 1, 4), []);
        assert_eq!(runs(&[], 0, 0, u64::MAX, 0), []);
    }

    #[test]
    fn an_extent_ends_behind_its_last_block() {
        assert_eq!((extent(0, 5, 3, 1).end_block(4), extent(0, 5, 3, 2).end_block(4)), (6, 7));
        assert_eq!(extent(0, u64::MAX, 3, u64::MAX).end_block(0), u64::MAX);
    }

    #[test]
    fn extents_of_a_file_are_in_it_and_not_over_each_other() {
        let (first, second) = (extent(0, 1, 0, 4), extent(4, 9, 0, 4));
        assert_eq!(ordered(vec![second, first], 8).as_deref(), Some(&[first, second][..]));
        assert_eq!(ordered(vec![first, second], 7), None);
        assert_eq!(ordered(vec![first, extent(3, 9, 0, 1)], 8), None);
        assert_eq!(ordered(vec![extent(0, 1, 0, 0)], 8), None);
        assert_eq!(ordered(vec![extent(u64::MAX, 1, 0, 2)], u64::MAX), None);
    }
}
