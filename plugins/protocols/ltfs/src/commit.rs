//! What was done to the tree becomes what the tape says. If power goes on the way:
//!
//! | before step | what is left |
//! |---|---|
//! | the index in the data partition is closed by its filemark | the generation before; data behind it that no index lists |
//! | the index partition is written to | the new generation, which the mount finds in the data partition |
//! | the index in the index partition is closed | the same; the index partition has no index until the mount writes it |
//! | the memory is written | the new generation; the mount searches for it |
//!
//! So what [`Step::WriteIndex`] of the data partition wrote is durable when the filemark behind it was answered, and the rest is for who
//! mounts next. The index partition need not be written each time, but has to be before the tape is unloaded: other software takes the
//! volume for damaged otherwise.

use crate::format::remember;
use crate::recovery::Held;
use crate::{Index, Pointers, Position, Step, Volume};

/// The steps that write one generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    pub steps: Vec<Step>,
    /// How many of the steps have to be done for the generation to be durable.
    pub durable_after: usize,
    /// The volume as it is when all of them are done.
    pub volume: Volume,
}

impl Commit {
    /// The index at the end of the data partition, and in the index partition where that is wanted. `data_end`: the block behind the last in
    /// the data partition; everything that waited in a packer is in a block before. The index has its generation already
    /// ([`Index::next_generation`]). None: something was done to it since, which is of no generation yet.
    pub fn append(volume: &Volume, index: &Index, data_end: u64, with_index_partition: bool) -> Option<Self> {
        if index.is_changed() {
            return None;
        }
        let layout = volume.layout;
        let held = Held {
            generation: index.generation,
            block: data_end.saturating_add(1),
            previous: volume.in_data.map(|last| Position { partition: layout.data, block: last.block }),
        };
        let location = Position { partition: layout.data, block: held.block };
        let mut steps = construct(layout.data_number, data_end, Pointers { location, previous: held.previous });
        let durable_after = steps.len();
        let mut volume = Volume { in_data: Some(held), ..*volume };
        if with_index_partition {
            let (copy, copied) = copy(&volume, index);
            steps.extend(copied);
            volume.in_index = Some(copy);
        }
        steps.extend(remember(&volume));
        Some(Self { steps, durable_after, volume })
    }

    /// The index of the data partition once more in the index partition: before a tape that was synchronized is unloaded, and when a mount
    /// found that partition old or broken. None: the index is not the one that is there.
    pub fn copy(volume: &Volume, index: &Index) -> Option<Self> {
        if index.is_changed() || volume.in_data.is_none_or(|held| held.generation != index.generation) {
            return None;
        }
        let (copy, mut steps) = copy(volume, index);
        let volume = Volume { in_index: Some(copy), ..*volume };
        steps.extend(remember(&volume));
        Some(Self { steps, durable_after: 0, volume })
    }
}

/// Over what was there: the index in the data partition is what it is made from.
fn copy(volume: &Volume, index: &Index) -> (Held, Vec<Step>) {
    let layout = volume.layout;
    let held = Held {
        generation: index.generation,
        block: volume.index_at.saturating_add(1),
        previous: volume.in_data.map(|last| Position { partition: layout.data, block: last.block }),
    };
    let location = Position { partition: layout.index, block: held.block };
    (held, construct(layout.index_number, volume.index_at, Pointers { location, previous: held.previous }))
}

/// An index construct (section 5.2.3).
fn construct(number: u8, block: u64, pointers: Pointers) -> Vec<Step> {
    vec![Step::Locate { number, block }, Step::WriteFilemark, Step::WriteIndex(pointers), Step::WriteFilemark]
}
