//! Which index is the newest, and what is to be written so that the volume is consistent (section 5): both partitions end with an index,
//! and the one in the index partition points to the one in the data partition.

use crate::{Layout, Position};

/// An index that is on the tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    pub generation: u64,
    /// Where it begins.
    pub block: u64,
    /// Its back pointer.
    pub previous: Option<Position>,
}

/// What was found in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Found {
    /// The block behind its last; none: the drive does not find it, and nothing may be written there.
    pub end: Option<u64>,
    /// The last index that can be read.
    pub last: Option<Held>,
    /// Whether that index, closed by its filemark, is the last that is there.
    pub complete: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The newest index that can be read.
    pub newest: Position,
    pub generation: u64,
    /// Behind the newest index is something that no index lists, or the data partition lacks it: it is written there again, as the next
    /// generation. What is behind it stays where it is.
    pub append_to_data: bool,
    /// The index partition lacks the newest index, or its copy does not point to it.
    pub copy_to_index: bool,
}

impl Decision {
    pub fn is_consistent(&self) -> bool {
        !self.append_to_data && !self.copy_to_index
    }
}

/// None: no index can be read.
pub fn decide(layout: &Layout, data: &Found, index: &Found) -> Option<Decision> {
    let in_data = data.last.map(|held| (held, layout.data));
    let in_index = index.last.map(|held| (held, layout.index));
    // Of two that are equally new that of the index partition is nearer.
    let (newest, partition) = match (in_data, in_index) {
        (Some(data), Some(index)) if data.0.generation > index.0.generation => data,
        (_, Some(index)) => index,
        (Some(data), None) => data,
        (None, None) => return None,
    };
    let is_newest = |found: &Found| found.complete && found.last.is_some_and(|held| held.generation == newest.generation);
    let append_to_data = !is_newest(data);
    let points_to_data = || {
        let at = data.last.map(|held| Position { partition: layout.data, block: held.block });
        index.last.is_some_and(|held| held.previous.is_some() && held.previous == at)
    };
    let copy_to_index = append_to_data || !is_newest(index) || !points_to_data();
    let newest_at = Position { partition, block: newest.block };
    Some(Decision { newest: newest_at, generation: newest.generation, append_to_data, copy_to_index })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Partition;

    fn in_data(generation: u64, block: u64) -> Found {
        Found { end: Some(block + 9), last: Some(Held { generation, block, previous: None }), complete: true }
    }

    fn in_index(generation: u64, data_block: u64) -> Found {
        let previous = Some(Position { partition: Partition::B, block: data_block });
        Found { end: Some(9), last: Some(Held { generation, block: 5, previous }), complete: true }
    }

    fn decided(data: Found, index: Found) -> (String, u64, bool, bool) {
        let Decision { newest, generation, append_to_data, copy_to_index } = decide(&Layout::default(), &data, &index).unwrap();
        (format!("{}{}", newest.partition, newest.block), generation, append_to_data, copy_to_index)
    }

    #[test]
    fn two_indexes_of_one_generation_that_point_to_each_other_are_consistent() {
        assert_eq!(decided(in_data(7, 100), in_index(7, 100)), ("a5".to_owned(), 7, false, false));
    }

    #[test]
    fn the_index_partition_is_written_when_it_is_old_broken_or_points_elsewhere() {
        assert_eq!(decided(in_data(8, 200), in_index(7, 100)), ("b200".to_owned(), 8, false, true));
        assert_eq!(decided(in_data(7, 100), Found::default()), ("b100".to_owned(), 7, false, true));
        assert_eq!(decided(in_data(7, 100), in_index(7, 90)), ("a5".to_owned(), 7, false, true));
        assert_eq!(decided(in_data(7, 100), Found { complete: false, ..in_index(7, 100) }), ("a5".to_owned(), 7, false, true));
    }

    #[test]
    fn the_data_partition_gets_an_index_behind_what_trails_or_when_it_lacks_the_newest() {
        assert_eq!(decided(Found { complete: false, ..in_data(7, 100) }, in_index(7, 100)), ("a5".to_owned(), 7, true, true));
        assert_eq!(decided(Found { complete: false, ..in_data(8, 200) }, in_index(7, 100)), ("b200".to_owned(), 8, true, true));
        assert_eq!(decided(in_data(6, 50), in_index(7, 100)), ("a5".to_owned(), 7, true, true));
        assert_eq!(decided(Found::default(), in_index(7, 100)), ("a5".to_owned(), 7, true, true));
        assert_eq!(decide(&Layout::default(), &Found::default(), &Found::default()), None);
    }
}
