//! A volume is mounted: its labels, what its memory says, and the newest index that can be read.
//!
//! Where the memory of both partitions says that nothing was written since (section 10.3), the index is where it says. Otherwise the last
//! index of each partition is looked for from its end, by filemarks and back pointers, and [`decide`] says which holds and what is to be
//! written. Nothing is written here: the caller does it by a [`crate::Commit`], or leaves the volume as it is and reads.
//!
//! The caller asks what is wanted ([`Mount::want`]), does it, answers ([`Mount::take`]), and has a [`Mounted`] when nothing more is.

mod document;
mod labels;
mod scan;

use document::{Document, Outcome};
use labels::Labels;
use scan::Scan;

use crate::bounds::{INDEXES_TRIED, Room};
use crate::label::CONTENT_BLOCK;
use crate::memory::{Coherency, change_reference};
use crate::recovery::{Decision, Found, Held, decide};
use crate::{Index, Keep, Label, Layout, Position, Volume, VolumeLabel};

/// What is wanted next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// The block at this place, of up to so many bytes; of a longer one its beginning. Drives that are there already need no LOCATE.
    Read { number: u8, block: u64, bytes: u32 },
    /// The volume change reference and the volume coherency information, as of this partition.
    Attributes { number: u8 },
    /// The block behind the last of a partition (LOCATE or SPACE to the end of data, READ POSITION).
    End { number: u8 },
    /// The block of the last filemark before this one (LOCATE there, SPACE one filemark back, READ POSITION).
    FilemarkBefore { number: u8, block: u64 },
    /// Nothing: [`Mount::finish`].
    Nothing,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    Block(&'a [u8]),
    Filemark,
    /// The end of data, or of the partition, or, for a filemark, the beginning of the partition.
    End,
    /// The block that was asked for; for [`Want::End`] and [`Want::FilemarkBefore`].
    At(u64),
    /// The values as they are in the memory; none: there is no such attribute.
    Attributes {
        change_reference: Option<&'a [u8]>,
        coherency: Option<&'a [u8]>,
    },
    /// The medium does not give it (a medium error). Whatever else goes wrong is not told here: the mount is given up.
    Unreadable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmountable {
    /// Nothing is on the tape.
    Blank,
    /// Something is, and it is no LTFS.
    Foreign,
    /// The labels cannot be read: whatever is there is not to be taken for nothing.
    Damaged,
    /// The partitions have labels of different volumes.
    TwoVolumes,
    /// Labels are there, and no index that can be read.
    NoIndex,
    /// It was finished too early.
    Unfinished,
}

impl std::fmt::Display for Unmountable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Blank => "nothing is on the tape",
            Self::Foreign => "what is on the tape is no LTFS",
            Self::Damaged => "the labels of the tape cannot be read",
            Self::TwoVolumes => "the partitions are of different volumes",
            Self::NoIndex => "no index on the tape can be read",
            Self::Unfinished => "the mount is not through",
        })
    }
}

impl std::error::Error for Unmountable {}

/// A volume that was mounted.
#[derive(Debug)]
pub struct Mounted {
    pub volume_label: VolumeLabel,
    pub label: Label,
    pub index: Index,
    pub volume: Volume,
    /// The block behind the last of the data partition; none: it was not looked for, since the memory says that the index is the last.
    pub data_end: Option<u64>,
    /// What is to be written for the volume to be consistent.
    pub decision: Decision,
    /// A generation that was there, as the memory or a pointer says, and that can no longer be read.
    pub lost_generation: Option<u64>,
    /// Nothing may be written: a label or an end of data is missing, or the volume is locked.
    pub read_only: bool,
}

#[derive(Debug)]
pub struct Mount {
    room: Room,
    labels: Labels,
    read: Option<Read>,
    /// Of the data partition, then of the index partition.
    coherency: [Option<Coherency>; 2],
    found: [Found; 2],
    data_end: Option<u64>,
    decision: Option<Decision>,
    tries: u32,
    index: Option<Index>,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Read {
    volume_label: VolumeLabel,
    label: Label,
    layout: Layout,
    one_label: bool,
}

#[derive(Debug)]
enum State {
    Labels,
    Attributes(usize),
    /// The index is read where the memory says it is.
    Remembered(Box<Document>),
    Scan(usize, Box<Scan>),
    /// The index that was decided on.
    Chosen(Box<Document>),
    Done,
    Failed(Unmountable),
}

impl Mount {
    /// Of the first two partitions of the drive.
    pub fn new(room: Room) -> Self {
        Self {
            room,
            labels: Labels::default(),
            read: None,
            coherency: [None; 2],
            found: [Found::default(); 2],
            data_end: None,
            decision: None,
            tries: 0,
            index: None,
            state: State::Labels,
        }
    }

    pub fn want(&self) -> Want {
        match &self.state {
            State::Labels => self.labels.want(),
            State::Attributes(side) => Want::Attributes { number: self.number(*side) },
            State::Remembered(document) | State::Chosen(document) => document.want(),
            State::Scan(_, scan) => scan.want(),
            State::Done | State::Failed(_) => Want::Nothing,
        }
    }

    pub fn take(&mut self, answer: Answer<'_>) {
        let state = std::mem::replace(&mut self.state, State::Failed(Unmountable::Unfinished));
        self.state = match state {
            State::Labels => match self.labels.take(answer) {
                None => State::Labels,
                Some(Ok(read)) => {
                    self.read = Some(read);
                    State::Attributes(0)
                }
                Some(Err(why)) => State::Failed(why),
            },
            State::Attributes(side) => {
                self.attributes(side, answer);
                if side == 0 { State::Attributes(1) } else { self.remembered().unwrap_or_else(|| self.scan(0, None)) }
            }
            State::Remembered(document) => match document.take(answer) {
                Outcome::More(document) => State::Remembered(document),
                Outcome::Index(index) if self.fits(&index) => {
                    self.index = Some(*index);
                    State::Done
                }
                // The memory is wrong, whoever wrote it.
                _ => {
                    (self.found, self.decision) = ([Found::default(); 2], None);
                    self.scan(0, None)
                }
            },
            State::Scan(side, scan) => match scan.take(answer) {
                Ok(scan) => State::Scan(side, scan),
                Err(found) => {
                    self.set_found(side, found);
                    if side == 0 && self.decision.is_none() { self.scan(1, None) } else { self.choose() }
                }
            },
            State::Chosen(document) => match document.take(answer) {
                Outcome::More(document) => State::Chosen(document),
                Outcome::Index(index) => {
                    self.index = Some(*index);
                    State::Done
                }
                Outcome::Header(_) | Outcome::Bad { .. } => self.next_best(),
            },
            ended => ended,
        };
    }

    /// When nothing more is wanted.
    pub fn finish(self) -> Result<Mounted, Unmountable> {
        if let State::Failed(why) = self.state {
            return Err(why);
        }
        let (State::Done, Some(read), Some(index), Some(decision)) = (self.state, self.read, self.index, self.decision) else {
            return Err(Unmountable::Unfinished);
        };
        let [data, other] = self.found;
        let Read { volume_label, label, layout, one_label } = read;
        let known = self.coherency.iter().flatten().map(|coherency| coherency.generation);
        let known = known.chain([data, other].into_iter().filter_map(|found| found.last).map(|held| held.generation));
        let lost_generation = known.max().filter(|generation| *generation > index.generation);
        let no_end = decision.append_to_data && self.data_end.is_none();
        let index_at = index.end_of_extents(layout.index, label.block_bytes).max(CONTENT_BLOCK);
        let block_bytes = label.block_bytes;
        let volume = Volume { layout, block_bytes, in_data: data.last, in_index: other.last, index_at };
        let read_only = one_label || no_end || index.is_locked();
        Ok(Mounted { volume_label, label, index, volume, data_end: self.data_end, decision, lost_generation, read_only })
    }

    fn number(&self, side: usize) -> u8 {
        let layout = self.read.as_ref().map(|read| read.layout).unwrap_or_default();
        if side == 0 { layout.data_number } else { layout.index_number }
    }

    fn attributes(&mut self, side: usize, answer: Answer<'_>) {
        let Answer::Attributes { change_reference: Some(now), coherency: Some(value) } = answer else { return };
        let volume = self.read.as_ref().map(|read| read.label.volume);
        let coherency = Coherency::parse(value).ok().filter(|coherency| Some(coherency.volume) == volume);
        let fresh = |coherency: &Coherency| change_reference(now) == Some(coherency.change_reference);
        if let Some(place) = self.coherency.get_mut(side) {
            *place = coherency;
        }
        if let Some(found) = self.found.get_mut(side) {
            let held =
                coherency.filter(fresh).map(|Coherency { generation, block, .. }| Held { generation, block, previous: None });
            *found = Found { end: None, complete: held.is_some(), last: held };
        }
    }

    /// Where both memories are fresh; none: the search begins.
    fn remembered(&mut self) -> Option<State> {
        let read = self.read.as_ref()?;
        let [data, index] = &mut self.found;
        let (Some(in_data), Some(in_index)) = (data.last, &mut index.last) else {
            self.found = [Found::default(); 2];
            return None;
        };
        // Of the same generation, the copy points to it: it is looked at when it is read ([`Mount::fits`]).
        if in_data.generation == in_index.generation {
            in_index.previous = Some(Position { partition: read.layout.data, block: in_data.block });
        }
        let decision = decide(&read.layout, data, index)?;
        // In the index partition alone: whoever wrote that did not keep the order.
        if decision.append_to_data {
            self.found = [Found::default(); 2];
            return None;
        }
        self.decision = Some(decision);
        Some(State::Remembered(self.document(decision.newest, Keep::Tree)?))
    }

    /// Whether an index is the one that the memory told of.
    fn fits(&mut self, index: &Index) -> bool {
        let Some((decision, read)) = self.decision.zip(self.read.as_ref()) else { return false };
        let [data, other] = &mut self.found;
        if decision.newest.partition == read.layout.data {
            if let Some(held) = &mut data.last {
                held.previous = index.previous;
            }
        } else if other.last.map(|held| held.previous) != Some(index.previous) {
            return false;
        }
        index.generation == decision.generation
    }

    fn document(&self, at: Position, keep: Keep) -> Option<Box<Document>> {
        let Read { label, layout, .. } = self.read.as_ref()?;
        Some(Box::new(Document::new(layout.number(at.partition)?, at, label.volume, label.block_bytes, keep, self.room)))
    }

    /// From the end of a partition, or from before this block.
    fn scan(&self, side: usize, before: Option<u64>) -> State {
        let Some(Read { label, layout, .. }) = self.read.as_ref() else { return State::Failed(Unmountable::Unfinished) };
        let partition = if side == 0 { layout.data } else { layout.index };
        let hint = self.coherency.get(side).copied().flatten().map(|coherency| coherency.block);
        let scan = Scan::new(self.number(side), partition, label, self.room, hint, before);
        State::Scan(side, Box::new(scan))
    }

    fn set_found(&mut self, side: usize, found: Found) {
        let again = self.decision.is_some();
        if let Some(place) = self.found.get_mut(side) {
            // What was chosen from there could not be read after all.
            *place = if again { Found { end: place.end, complete: false, ..found } } else { found };
        }
        if side == 0 && !again {
            self.data_end = found.end;
        }
    }

    fn choose(&mut self) -> State {
        let Some(read) = self.read.as_ref() else { return State::Failed(Unmountable::Unfinished) };
        let [data, index] = &self.found;
        let Some(decision) = decide(&read.layout, data, index) else { return State::Failed(Unmountable::NoIndex) };
        self.decision = Some(decision);
        self.tries += 1;
        match self.document(decision.newest, Keep::Tree) {
            Some(document) if self.tries <= INDEXES_TRIED => State::Chosen(document),
            _ => State::Failed(Unmountable::NoIndex),
        }
    }

    /// What could be read a moment ago cannot now.
    fn next_best(&mut self) -> State {
        let Some((decision, read)) = self.decision.zip(self.read.as_ref()) else { return State::Failed(Unmountable::NoIndex) };
        let side = usize::from(decision.newest.partition != read.layout.data);
        self.scan(side, Some(decision.newest.block))
    }
}
