//! A fresh volume. If power goes on the way:
//!
//! | before step | what is left |
//! |---|---|
//! | the partitions are made | what was there |
//! | both labels are written | nothing that mounts: no partition, or one without a label; it is formatted anew |
//! | the first index is closed by its filemark | labels without an index ([`crate::Unmountable::NoIndex`]); it is formatted anew |
//! | the second index is closed | an empty volume whose index partition is written by the first mount |
//! | the memory is written | an empty volume; the first mount searches for its index |

use crate::label::{CONTENT_BLOCK, Label, VolumeLabel};
use crate::memory::Host;
use crate::{Held, Index, Layout, Partition, Pointers, Position, Step, Time, Uuid, Volume};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// `company product version - platform - program` (section 7.2).
    pub creator: String,
    pub volume: Uuid,
    /// What people call it; may be empty.
    pub name: String,
    pub volume_label: VolumeLabel,
    pub layout: Layout,
    /// One of [`crate::bounds::BLOCK_BYTES`].
    pub block_bytes: u32,
    pub compression: bool,
    pub host: Host,
    pub now: Time,
}

impl Format {
    /// The index that [`Step::WriteIndex`] writes.
    pub fn index(&self) -> Index {
        Index::new(&self.creator, self.volume, &self.name, self.layout.data, self.now)
    }

    pub fn label(&self, location: Partition) -> Label {
        let Layout { index, data, .. } = self.layout;
        Label {
            creator: self.creator.clone(),
            format_time: self.now,
            volume: self.volume,
            location,
            index,
            data,
            block_bytes: self.block_bytes,
            compression: self.compression,
        }
    }

    /// The volume as it is when all steps are done.
    pub fn formatted(&self) -> Volume {
        let held = |previous| Some(Held { generation: 1, block: CONTENT_BLOCK + 1, previous });
        Volume {
            layout: self.layout,
            block_bytes: self.block_bytes,
            in_data: held(None),
            in_index: held(Some(Position { partition: self.layout.data, block: CONTENT_BLOCK + 1 })),
            index_at: CONTENT_BLOCK,
        }
    }

    pub fn steps(&self) -> Vec<Step> {
        let layout = self.layout;
        // The data partition first: an index partition is never written that points to nothing.
        let both = [(layout.data_number, layout.data), (layout.index_number, layout.index)];
        let mut steps = vec![Step::MakePartitions];
        for (number, partition) in both {
            steps.extend([
                Step::Locate { number, block: 0 },
                Step::WriteBlock(self.volume_label.to_bytes().to_vec()),
                Step::WriteFilemark,
                Step::WriteBlock(self.label(partition).to_bytes()),
                Step::WriteFilemark,
            ]);
        }
        let formatted = self.formatted();
        for ((number, partition), held) in both.into_iter().zip([formatted.in_data, formatted.in_index]) {
            let location = Position { partition, block: CONTENT_BLOCK + 1 };
            steps.extend([
                Step::Locate { number, block: CONTENT_BLOCK },
                Step::WriteFilemark,
                Step::WriteIndex(Pointers { location, previous: held.and_then(|held| held.previous) }),
                Step::WriteFilemark,
            ]);
        }
        for (number, _) in both {
            steps.push(Step::WriteAttributes { number, attributes: self.host.to_attributes() });
        }
        steps.extend(remember(&formatted));
        steps
    }
}

/// Both partitions, once nothing more is written: every write makes what the memory says of the other one old.
pub(crate) fn remember(volume: &Volume) -> impl Iterator<Item = Step> {
    let both = [(volume.layout.data_number, volume.in_data), (volume.layout.index_number, volume.in_index)];
    both.into_iter().filter_map(|(number, held)| held.map(|held| Step::Remember { number, held }))
}
