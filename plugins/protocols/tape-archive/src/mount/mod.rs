//! What a cartridge holds, found out step by step: [`Mount::next`] says what the drive is to do, [`Mount::answer`] is told how it ended.
//!
//! The label is read, then filemarks are counted: the last catalogue is the last even section that has one behind it. Its head says where the
//! newest full catalogue lies; from there on each catalogue is read. One that cannot be is made up for by the headers of the data section before
//! it ([`scan`]).

mod replay;
mod scan;
mod steps;
mod way;

use std::collections::VecDeque;

use crate::catalogue::CatalogueReader;
use crate::volume::History;
use crate::{Label, Mark, Tree, Volume, tar};
use scan::Found;
use steps::LabelReader;
use way::At;

/// Catalogues that could not be read, at most.
const DAMAGED: usize = 1_024;
/// Filemarks and blocks that one SPACE goes over (a signed number of 24 bits).
const STRIDE: u32 = (1 << 23) - 1;

/// What the drive does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// Goes to an object by its number.
    pub locate: bool,
    /// Goes back over filemarks.
    pub backwards: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Rewind,
    /// To before the object of this number.
    Locate {
        object: u64,
    },
    /// Below 0: back, to before the last of them.
    SpaceFilemarks {
        count: i32,
    },
    /// On, up to a filemark.
    SpaceBlocks {
        count: u32,
    },
    /// To the end of the data.
    SpaceEnd,
    /// One block of up to so many bytes.
    Read {
        bytes: u32,
    },
    /// There is nothing more to do: [`Mount::finish`].
    Finished,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    Filemark,
    EndOfData,
    Beginning,
}

/// How an action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// All of it was done.
    Done,
    /// Of [`Action::SpaceEnd`]. `filemarks`: before it, if the drive tells.
    AtEnd { filemarks: Option<u64> },
    /// It met something before all of it was done. `done`: blocks or filemarks that were gone over, without the one that was met; a filemark
    /// that was met on the way on is gone over too.
    Stopped { done: u64, met: Met },
    /// What was read.
    Block(&'a [u8]),
    /// The medium cannot be read here.
    Unreadable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MountFailure {
    /// Nothing was ever written.
    Blank,
    /// Something else was, or a format that did not end.
    NotOurs,
    /// The drive ended an action as it cannot end.
    Astray,
    /// Neither the label nor any catalogue can be read, or too many cannot.
    Damaged,
    /// There are actions left.
    Unfinished,
}

/// What was found besides the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Of the newest catalogue that was read.
    pub generation: u64,
    /// That were read.
    pub catalogues: u64,
    /// Sections of catalogues that cannot be read.
    pub damaged: Vec<u32>,
    /// Nodes that were found by their headers.
    pub rebuilt: u64,
    /// Data sections whose headers were not all found.
    pub cut: Vec<u32>,
    /// Changes that did not fit what was there.
    pub misfits: u64,
    /// The label cannot be read; what it said is in the catalogues.
    pub label_damaged: bool,
    /// Filemarks behind the last durable catalogue: something was written that never became durable.
    pub trailing: bool,
}

impl Report {
    /// All that ever was durable is there as it was.
    pub fn is_sound(&self) -> bool {
        self.damaged.is_empty() && self.misfits == 0 && !self.label_damaged
    }
}

#[derive(Debug)]
enum Stage {
    Label(LabelReader),
    Ending,
    Counting,
    /// `looking`: for its head, that says where the newest full one is.
    Catalogue {
        reader: Box<CatalogueReader>,
        section: u32,
        blocks: u64,
        looking: bool,
    },
    Scan {
        tar: tar::Reader,
        found: Box<Found>,
        section: u32,
        blocks: u64,
    },
    /// Counts the blocks of a section.
    Measure {
        section: u32,
        blocks: u64,
    },
    Over,
}

#[derive(Debug)]
pub struct Mount {
    abilities: Abilities,
    /// Ways to where the stage goes on.
    todo: VecDeque<Action>,
    stage: Stage,
    at: At,
    label: Option<Label>,
    /// Filemarks of the tape.
    filemarks: u64,
    /// The last catalogue that has one behind it; 0: there is none.
    last: u32,
    tree: Tree,
    /// A full catalogue was read, or everything since the beginning is.
    based: bool,
    /// The beginning of a section; what lies before it is in the tree.
    edge: Mark,
    history: History,
    report: Report,
}

impl Mount {
    pub fn new(abilities: Abilities) -> Self {
        Self {
            abilities,
            todo: VecDeque::from([Action::Rewind]),
            stage: Stage::Label(LabelReader::default()),
            at: At::Unknown,
            label: None,
            filemarks: 0,
            last: 0,
            tree: Tree::default(),
            based: false,
            edge: Mark::default(),
            history: History::default(),
            report: Report::default(),
        }
    }

    /// As soon as it was read.
    pub fn label(&self) -> Option<&Label> {
        self.label.as_ref()
    }

    /// Ready to be written to, at [`Volume::append_at`].
    pub fn finish(self) -> Result<(Volume, Report), MountFailure> {
        if !matches!(self.stage, Stage::Over) || !self.todo.is_empty() {
            return Err(MountFailure::Unfinished);
        }
        let label = self.label.ok_or(MountFailure::Damaged)?;
        let mut report = self.report;
        report.generation = self.history.generation;
        // Whatever could not be read counted too.
        let generation = self.history.generation.max(u64::from(self.last / 2));
        let full = self.history.full || !report.damaged.is_empty() || report.misfits > 0;
        let history = History { generation, full, ..self.history };
        Ok((Volume::mounted(label, self.tree, self.edge, history), report))
    }
}
