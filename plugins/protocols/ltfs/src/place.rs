//! Where something is on a volume. The format names partitions by letters; the drive numbers them. Labels tie the two together.

use std::fmt;

use crate::Error;

/// A partition as the format names it: `a` to `z` (section 5.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(char);

impl Partition {
    pub const A: Self = Self('a');
    pub const B: Self = Self('b');

    pub fn parse(text: &str) -> Result<Self, Error> {
        match text.as_bytes() {
            [letter @ b'a'..=b'z'] => Ok(Self(char::from(*letter))),
            _ => Err(Error::Malformed("a partition")),
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A block of a partition, as pointers of an index name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub partition: Partition,
    pub block: u64,
}

/// Which of the two partitions of the drive is which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub index: Partition,
    pub data: Partition,
    /// Numbers by which the drive knows them.
    pub index_number: u8,
    pub data_number: u8,
}

impl Default for Layout {
    /// As everybody formats: the index in the first partition of the drive.
    fn default() -> Self {
        Self { index: Partition::A, data: Partition::B, index_number: 0, data_number: 1 }
    }
}

impl Layout {
    /// The drive's number for a partition; none: no such partition is on the volume.
    pub fn number(&self, partition: Partition) -> Option<u8> {
        match partition {
            partition if partition == self.index => Some(self.index_number),
            partition if partition == self.data => Some(self.data_number),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_one_small_letter() {
        assert_eq!(Partition::parse("b"), Ok(Partition::B));
        for bad in ["", "A", "ab", "1", "ü"] {
            assert!(Partition::parse(bad).is_err(), "{bad}");
        }
        let layout = Layout::default();
        assert_eq!((layout.number(Partition::A), layout.number(Partition::B)), (Some(0), Some(1)));
        assert_eq!(layout.number(Partition::parse("c").unwrap()), None);
    }
}
