//! A tape in memory: what steps do to it, what a mount is told of it, and what is left when power goes at any step.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "everything here is for tests, of which each takes what it needs"
)]

use capstan_ltfs::memory::{Coherency, Host};
use capstan_ltfs::{
    Answer, Format, Index, IndexWriter, Layout, Mount, Mounted, Step, Time, Unmountable, Uuid, Volume, VolumeLabel, Want,
    bounds::Room,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    Block(Vec<u8>),
    Filemark,
    /// The medium is damaged here.
    Damaged,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Tape {
    pub(crate) partitions: [Vec<Object>; 2],
    pub(crate) coherency: [Option<Vec<u8>>; 2],
    pub(crate) change_reference: u64,
    /// The drive does not find the end of data of this partition.
    pub(crate) lost_end: [bool; 2],
    pub(crate) at: (usize, usize),
    pub(crate) reads: usize,
}

impl Tape {
    pub(crate) fn write(&mut self, object: Object) {
        let (number, block) = self.at;
        self.partitions[number].truncate(block);
        assert_eq!(self.partitions[number].len(), block);
        self.partitions[number].push(object);
        self.at.1 += 1;
        self.change_reference += 1;
    }

    pub(crate) fn locate(&mut self, number: usize, block: usize) {
        self.at = (number, block);
    }

    /// One step; of an index only so many blocks, and nothing behind it, where power goes.
    pub(crate) fn step(&mut self, step: &Step, index: &Index, block_bytes: u32, blocks: Option<usize>) {
        match step {
            Step::MakePartitions => self.partitions = Default::default(),
            Step::Locate { number, block } => self.locate(usize::from(*number), usize::try_from(*block).unwrap()),
            Step::WriteBlock(bytes) => self.write(Object::Block(bytes.clone())),
            Step::WriteFilemark => self.write(Object::Filemark),
            Step::WriteAttributes { .. } => {}
            Step::WriteIndex(pointers) => {
                assert_eq!(self.at.1 as u64, pointers.location.block);
                for block in IndexWriter::new(index, *pointers, block_bytes).take(blocks.unwrap_or(usize::MAX)) {
                    self.write(Object::Block(block));
                }
            }
            Step::Remember { number, held } => {
                let coherency = Coherency {
                    change_reference: self.change_reference,
                    generation: held.generation,
                    block: held.block,
                    volume: index.volume,
                };
                self.coherency[usize::from(*number)] = Some(coherency.to_attribute().value);
            }
        }
    }

    pub(crate) fn run(&mut self, steps: &[Step], index: &Index, block_bytes: u32) {
        steps.iter().for_each(|step| self.step(step, index, block_bytes, None));
    }

    pub(crate) fn mount(&mut self) -> Result<Mounted, Unmountable> {
        let mut mount = Mount::new(Room::default());
        for _ in 0..100_000 {
            self.reads += 1;
            match mount.want() {
                Want::Nothing => return mount.finish(),
                Want::Read { number, block, bytes } => {
                    let object = self.partitions[usize::from(number)].get(usize::try_from(block).unwrap());
                    match object {
                        Some(Object::Block(block)) => {
                            mount.take(Answer::Block(&block[..block.len().min(bytes as usize)]));
                        }
                        Some(Object::Filemark) => mount.take(Answer::Filemark),
                        Some(Object::Damaged) => mount.take(Answer::Unreadable),
                        None => mount.take(Answer::End),
                    }
                }
                Want::Attributes { number } => {
                    let reference = self.change_reference.to_be_bytes();
                    let coherency = self.coherency[usize::from(number)].as_deref();
                    mount.take(Answer::Attributes { change_reference: Some(&reference[4..]), coherency });
                }
                Want::End { number } if self.lost_end[usize::from(number)] => mount.take(Answer::Unreadable),
                Want::End { number } => mount.take(Answer::At(self.partitions[usize::from(number)].len() as u64)),
                Want::FilemarkBefore { number, block } => {
                    let before = self.partitions[usize::from(number)].iter().take(usize::try_from(block).unwrap());
                    let mark = before.enumerate().rfind(|(_, object)| **object == Object::Filemark);
                    mount.take(mark.map_or(Answer::End, |(at, _)| Answer::At(at as u64)));
                }
            }
        }
        panic!("the mount does not end");
    }
}

pub(crate) const BLOCK: u32 = 4096;

pub(crate) fn format() -> Format {
    Format {
        creator: "Capstan 0.1 - test".to_owned(),
        volume: Uuid::from_random([9; 16]),
        name: "volume".to_owned(),
        volume_label: VolumeLabel::of_barcode("TST001L9"),
        layout: Layout::default(),
        block_bytes: BLOCK,
        compression: false,
        host: Host::default(),
        now: Time::EPOCH,
    }
}

/// A fresh tape with its index.
pub(crate) fn formatted() -> (Tape, Index, Volume) {
    let (format, mut tape) = (format(), Tape::default());
    let index = format.index();
    tape.run(&format.steps(), &index, BLOCK);
    (tape, index, format.formatted())
}
