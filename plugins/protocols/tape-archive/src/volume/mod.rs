//! A volume that is written to: its tree, and the section that comes next.
//!
//! What is to go onto the tape comes out of [`Volume::take`], one step after the other, and is written from [`Volume::append_at`] on. Where a step
//! fails, nobody knows what the tape holds: the volume is dropped and mounted again.

mod changing;
mod finishing;
mod writing;

use std::collections::BTreeMap;

use crate::catalogue::{CHANGES, Change, Record};
use crate::section::Section;
use crate::{Attributes, Label, Mark, Refused, Tree};
use finishing::Finishing;
use writing::OpenFile;

/// Blocks that may wait to be taken before something new is begun.
pub const WAITING: usize = 16;
/// Catalogues from one full one to the next.
pub const FULL_EVERY: u32 = 32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// To be written as one block.
    Block(Vec<u8>),
    /// `durable`: it is answered when everything before it is on the medium, and not before.
    Filemark { durable: bool },
}

/// Which catalogue a section is finished with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A full one each [`FULL_EVERY`], and after damage.
    Due,
    Full,
    /// The shortest that does: the tape is nearly full.
    Short,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    pub attributes: Attributes,
    pub xattrs: BTreeMap<String, Vec<u8>>,
}

#[derive(Debug)]
enum State {
    Ready,
    File(Box<OpenFile>),
    /// The section ends in a file that was given up.
    Cut,
    Finishing(Box<Finishing>),
}

#[derive(Debug)]
pub struct Volume {
    label: Label,
    tree: Tree,
    /// Since the last catalogue.
    changes: Vec<Change>,
    /// The data section that is written.
    section: Section,
    at: Mark,
    history: History,
    state: State,
}

/// The catalogues before.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct History {
    pub(crate) generation: u64,
    pub(crate) previous: Option<Mark>,
    /// The newest full one.
    pub(crate) base: Option<Mark>,
    pub(crate) since_full: u32,
    /// The next one is to be full.
    pub(crate) full: bool,
}

impl Volume {
    /// One that was formatted just now: [`Label::format`].
    pub fn new(label: Label) -> Self {
        // Behind a block and a filemark.
        Self::mounted(label, Tree::default(), Mark { section: 1, object: 2 }, History::default())
    }

    pub(crate) fn mounted(label: Label, tree: Tree, at: Mark, history: History) -> Self {
        let section = Section::new(label.block);
        Self { label, tree, changes: Vec::new(), section, at, history, state: State::Ready }
    }

    pub fn label(&self) -> &Label {
        &self.label
    }

    /// With what is not durable yet.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Of the last durable catalogue; 0: there is none.
    pub fn generation(&self) -> u64 {
        self.history.generation
    }

    /// Where the section that is being written begins. What lies before it is durable.
    pub fn append_at(&self) -> Mark {
        self.at
    }

    /// The number of the object that the next step writes.
    pub fn next_object(&self) -> u64 {
        match &self.state {
            State::Finishing(finishing) => finishing.next_object(&self.section, self.at),
            _ => self.taken(),
        }
    }

    fn taken(&self) -> u64 {
        let waiting = u64::try_from(self.section.waiting()).unwrap_or(u64::MAX);
        self.at.object.saturating_add(self.section.blocks().saturating_sub(waiting))
    }

    /// Something is not durable yet.
    pub fn is_dirty(&self) -> bool {
        !self.changes.is_empty() || self.section.bytes() > 0
    }

    /// Changes that are held for the next catalogue, some hundred bytes each.
    pub fn pending(&self) -> usize {
        self.changes.len()
    }

    /// Nothing more is taken before [`Self::finish`].
    pub fn must_finish(&self) -> bool {
        matches!(self.state, State::Cut) || self.changes.len() >= CHANGES
    }

    /// Whether so many changes may come.
    fn may_change(&self, more: usize) -> Result<(), Refused> {
        match self.state {
            State::Finishing(_) => Err(Refused::Finishing),
            _ if self.changes.len().saturating_add(more) > CHANGES => Err(Refused::MustFinish),
            _ => Ok(()),
        }
    }

    /// Whether a member may be begun.
    fn may_write(&self) -> Result<(), Refused> {
        match self.state {
            State::Ready if self.section.waiting() >= WAITING => Err(Refused::BlocksWaiting),
            State::Ready => Ok(()),
            State::File(_) => Err(Refused::FileOpen),
            State::Cut => Err(Refused::MustFinish),
            State::Finishing(_) => Err(Refused::Finishing),
        }
    }

    /// Notes that this node is there now.
    fn note(&mut self, path: &str) {
        if let Ok(node) = self.tree.lookup(path) {
            self.changes.push(Change::Put(Record::of(path.to_owned(), node)));
        }
    }
}
