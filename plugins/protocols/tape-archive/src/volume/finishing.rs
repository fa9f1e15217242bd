//! The end of a data section, and the catalogue behind it.

use super::{FULL_EVERY, Form, History, State, Step, Volume};
use crate::catalogue::{self, Head, Lines};
use crate::section::Section;
use crate::tar::{self, Member, Type};
use crate::{FORMAT, Mark, Refused, VERSION};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Data,
    Lines,
    /// All of the catalogue is in its blocks.
    Blocks,
    /// The last filemark was given out.
    Answer,
}

#[derive(Debug)]
pub(super) struct Finishing {
    head: Head,
    lines: Lines,
    section: Section,
    stage: Stage,
}

impl Finishing {
    pub(super) fn next_object(&self, data: &Section, at: Mark) -> u64 {
        let taken = |section: &Section| section.blocks().saturating_sub(u64::try_from(section.waiting()).unwrap_or(u64::MAX));
        match self.stage {
            Stage::Data => at.object.saturating_add(taken(data)),
            Stage::Lines | Stage::Blocks => self.head.at.object.saturating_add(taken(&self.section)),
            Stage::Answer => self.head.at.object.saturating_add(taken(&self.section)).saturating_add(1),
        }
    }
}

impl Volume {
    /// Bytes that would be written behind the blocks that are full: the rest of the data section and a catalogue.
    pub fn closing_bytes(&self, form: Form) -> Result<u64, Refused> {
        let head = self.head(form)?;
        let lines = Lines::measure(&head, &self.tree, &self.changes)?;
        let block = u64::from(self.label.block);
        // Headers of the catalogue's member, and what both sections are filled up with.
        Ok(lines.saturating_add(4 * tar::RECORD).div_ceil(block).saturating_add(3).saturating_mul(block))
    }

    /// Ends the section: what is left of it and its catalogue come out of [`Self::take`]. Nothing comes if there is nothing to be kept.
    /// `now`: nanoseconds since 1970. The catalogue's lines are walked over once before this answers.
    pub fn finish(&mut self, form: Form, now: i64) -> Result<(), Refused> {
        match &self.state {
            State::File(_) => return Err(Refused::FileOpen),
            State::Finishing(_) => return Err(Refused::Finishing),
            State::Ready | State::Cut => {}
        }
        if !self.is_dirty() && form != Form::Full {
            return Ok(());
        }
        let head = self.head(form)?;
        let size = Lines::measure(&head, &self.tree, &self.changes)?;
        if matches!(self.state, State::Ready) {
            self.section.end();
        }
        let mut section = Section::new(self.label.block);
        section.put(&tar::header(&Member::plain(&catalogue::path(head.generation), Type::File, size, now)));
        self.state = State::Finishing(Box::new(Finishing { head, lines: Lines::default(), section, stage: Stage::Data }));
        Ok(())
    }

    fn head(&self, form: Form) -> Result<Head, Refused> {
        let History { generation, previous, base, since_full, full } = self.history;
        // A section that was cut has no end to be added.
        let blocks = if matches!(self.state, State::Cut) {
            self.section.blocks()
        } else {
            let padding = u64::try_from(tar::padding(self.section.bytes())).unwrap_or_default();
            self.section.bytes().saturating_add(padding).saturating_add(2 * tar::RECORD).div_ceil(u64::from(self.label.block))
        };
        let section = self.at.section.checked_add(1).ok_or(Refused::TooMany("sections"))?;
        let object = self.at.object.saturating_add(blocks).saturating_add(1);
        let at = Mark { section, object };
        let due = full || since_full >= FULL_EVERY;
        let full = match form {
            Form::Due => due || base.is_none(),
            Form::Full => true,
            Form::Short => full || base.is_none(),
        };
        let changes = if full { self.tree.len() } else { self.changes.len() };
        Ok(Head {
            format: FORMAT.to_owned(),
            version: VERSION,
            barcode: self.label.barcode.clone(),
            volume: self.label.volume.clone(),
            formatted: self.label.formatted,
            block: self.label.block,
            generation: generation.saturating_add(1),
            full,
            at,
            previous,
            base: base.filter(|_| !full).unwrap_or(at),
            next_id: self.tree.next_id(),
            changes: u64::try_from(changes).unwrap_or(u64::MAX),
        })
    }

    /// What is to be written next, if anything is. While a section is being finished nothing else changes.
    pub fn take(&mut self) -> Option<Step> {
        if let Some(block) = self.section.take() {
            return Some(Step::Block(block));
        }
        let State::Finishing(finishing) = &mut self.state else { return None };
        if finishing.stage == Stage::Data {
            finishing.stage = Stage::Lines;
            return Some(Step::Filemark { durable: false });
        }
        while finishing.stage == Stage::Lines && finishing.section.waiting() == 0 {
            match finishing.lines.next(&finishing.head, &self.tree, &self.changes) {
                Some(line) => finishing.section.put(&line),
                None => {
                    finishing.section.end();
                    finishing.stage = Stage::Blocks;
                }
            }
        }
        if let Some(block) = finishing.section.take() {
            return Some(Step::Block(block));
        }
        let last = finishing.stage == Stage::Blocks;
        finishing.stage = Stage::Answer;
        last.then_some(Step::Filemark { durable: true })
    }

    /// The last filemark was answered: everything is durable. Refused: it was not given out yet.
    pub fn finished(&mut self) -> Result<(), Refused> {
        let State::Finishing(finishing) = &self.state else {
            return if self.is_dirty() { Err(Refused::MustFinish) } else { Ok(()) };
        };
        if finishing.stage != Stage::Answer {
            return Err(Refused::BlocksWaiting);
        }
        let head = &finishing.head;
        let section = head.at.section.checked_add(1).ok_or(Refused::TooMany("sections"))?;
        self.at = Mark { section, object: head.at.object.saturating_add(finishing.section.blocks()).saturating_add(1) };
        self.history = History {
            generation: head.generation,
            previous: Some(head.at),
            base: Some(head.base),
            since_full: if head.full { 0 } else { self.history.since_full.saturating_add(1) },
            full: false,
        };
        self.changes.clear();
        self.section = Section::new(self.label.block);
        self.state = State::Ready;
        Ok(())
    }
}
