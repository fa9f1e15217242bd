//! How many bytes of a partition lie before one of its objects, as far as the files in it tell.
//!
//! All blocks are full but the last before each sync, and filemarks take next to nothing. What no file has is an index between its marks, or
//! blocks of files that are gone.

/// Bytes of blocks that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) first: u64,
    /// Bytes of the first block before it.
    pub(crate) skip: u32,
    pub(crate) bytes: u64,
}

#[derive(Debug)]
pub(crate) struct Depth {
    block: u64,
    /// From that object on, so many bytes fewer lie before it than full blocks would have.
    missing: Vec<(u64, u64)>,
}

/// Objects of labels, the first index and their marks, which are small, before the first file.
const LABELS: u64 = 8;
/// Marks of an index.
const MARKS: u64 = 2;

impl Depth {
    pub(crate) fn new(block: u32, mut stretches: Vec<Stretch>) -> Self {
        let block = u64::from(block).max(1);
        stretches.sort_unstable_by_key(|stretch| (stretch.first, stretch.skip));
        let (mut missing, mut all) = (Vec::new(), 0_u64);
        let mut note = |from: u64, bytes: u64| {
            if bytes > 0 {
                all = all.saturating_add(bytes);
                missing.push((from, all));
            }
        };
        // Behind the last block of a file so far, and the bytes that are known to be in that block.
        let (mut behind, mut filled) = (0_u64, block);
        for stretch in stretches {
            let bytes = u64::from(stretch.skip).saturating_add(stretch.bytes);
            let blocks = bytes.div_ceil(block).max(1);
            let (end, last) = (stretch.first.saturating_add(blocks), bytes.saturating_sub((blocks - 1).saturating_mul(block)));
            if stretch.first >= behind {
                note(behind, block.saturating_sub(filled));
                let gap = stretch.first - behind;
                note(stretch.first, gap.saturating_mul(block).saturating_sub(between(gap, behind == 0, block)));
                (behind, filled) = (end, last);
            } else if end >= behind {
                (behind, filled) = (end, if end == behind { filled.max(last) } else { last });
            }
        }
        Self { block, missing }
    }

    pub(crate) fn before(&self, object: u64) -> u64 {
        let noted = self.missing.partition_point(|(from, _)| *from <= object).checked_sub(1);
        let missing = noted.and_then(|at| self.missing.get(at)).map_or(0, |(_, bytes)| *bytes);
        object.saturating_mul(self.block).saturating_sub(missing)
    }
}

/// Bytes of so many objects that no file has, the last block of which is half full in the mean.
fn between(objects: u64, first: bool, block: u64) -> u64 {
    if first && objects <= LABELS {
        return 0;
    }
    objects.saturating_sub(MARKS).saturating_mul(block).saturating_sub(block / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_marks_and_short_blocks_are_not_counted_as_full_ones() {
        let at = |first, skip, bytes| Stretch { first, skip, bytes };
        // Labels; two files in blocks 5 to 7, the last of them short; an index; a file.
        let depth = Depth::new(1_000, vec![at(12, 0, 3_500), at(6, 200, 1_100), at(5, 0, 1_200)]);
        assert_eq!([5, 6, 7].map(|object| depth.before(object)), [0, 1_000, 2_000]);
        // Two marks and two blocks of the index.
        assert_eq!([12, 13, 16].map(|object| depth.before(object)), [3_800, 4_800, 7_800]);
    }

    #[test]
    fn blocks_of_files_that_are_gone_are_counted() {
        let depth = Depth::new(1_000, vec![Stretch { first: 500, skip: 0, bytes: 10 }]);
        assert_eq!(depth.before(500), 497_500);
        assert_eq!(Depth::new(1_000, Vec::new()).before(7), 7_000);
    }
}
