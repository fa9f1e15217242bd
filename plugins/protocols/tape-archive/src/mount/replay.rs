//! From the newest full catalogue on, one catalogue after the other.

use super::scan::Found;
use super::way::At;
use super::{Answer, DAMAGED, Met, Mount, MountFailure, Stage};
use crate::catalogue::{CatalogueReader, Contents, Head};
use crate::{Mark, Tree, tar};

impl Mount {
    /// Looks into a catalogue for where the newest full one is.
    pub(super) fn look(&mut self, section: u32) {
        self.go(section, None);
        self.read(section, true);
    }

    fn read(&mut self, section: u32, looking: bool) {
        let reader = Box::new(CatalogueReader::new(section, self.label.as_ref()));
        self.stage = Stage::Catalogue { reader, section, blocks: 0, looking };
    }

    pub(super) fn catalogue_answered(&mut self, answer: Answer<'_>) -> Result<(), MountFailure> {
        let Stage::Catalogue { reader, section, blocks, looking } = &mut self.stage else { return Err(MountFailure::Astray) };
        let section = *section;
        match answer {
            Answer::Block(block) => {
                *blocks = blocks.saturating_add(1);
                self.at = At::Within(section);
                if reader.push(block).is_err() {
                    return self.damaged(section);
                }
                let Some(head) = reader.head().filter(|_| *looking) else { return Ok(()) };
                let (full, base) = (head.full, head.base);
                self.label = self.label.take().or_else(|| head.label());
                if full {
                    *looking = false;
                } else {
                    self.go(base.section, Some(base.object));
                    self.read(base.section, false);
                }
                Ok(())
            }
            Answer::Stopped { met: Met::Filemark, .. } => {
                let blocks = *blocks;
                self.at = At::Beginning(section.saturating_add(1));
                let Stage::Catalogue { reader, .. } = std::mem::replace(&mut self.stage, Stage::Over) else {
                    return Err(MountFailure::Astray);
                };
                match reader.finish() {
                    Some((head, contents)) => self.apply(&head, contents, blocks),
                    None => self.damaged(section),
                }
            }
            Answer::Unreadable => {
                self.at = At::Unknown;
                self.damaged(section)
            }
            _ => Err(MountFailure::Astray),
        }
    }

    fn apply(&mut self, head: &Head, contents: Contents, blocks: u64) -> Result<(), MountFailure> {
        match contents {
            Contents::Everything(tree, misfits) => {
                (self.tree, self.based) = (*tree, true);
                self.report.misfits = self.report.misfits.saturating_add(misfits);
            }
            // A full one was looked for, and this is none.
            Contents::Changes(_) if !self.based => return self.damaged(head.at.section),
            Contents::Changes(changes) => {
                for change in &changes {
                    self.report.misfits = self.report.misfits.saturating_add(u64::from(!self.tree.restore(change)));
                }
                self.tree.reserve_ids(head.next_id);
            }
        }
        self.report.catalogues = self.report.catalogues.saturating_add(1);
        self.history.generation = self.history.generation.max(head.generation);
        self.history.previous = Some(head.at);
        self.history.base = if head.full { Some(head.at) } else { self.history.base };
        self.history.since_full = if head.full { 0 } else { self.history.since_full.saturating_add(1) };
        self.edge = head.at;
        self.passed(head.at.section, blocks);
        self.go_on(head.at.section)
    }

    /// A catalogue lies behind, read or made up for.
    fn go_on(&mut self, section: u32) -> Result<(), MountFailure> {
        let next = section.saturating_add(2);
        if next > self.last {
            self.stage = Stage::Over;
            return Ok(());
        }
        if self.report.damaged.contains(&next) {
            self.scan();
        } else {
            self.go(next, None);
            self.read(next, false);
        }
        Ok(())
    }

    fn damaged(&mut self, section: u32) -> Result<(), MountFailure> {
        if !self.report.damaged.contains(&section) {
            self.report.damaged.push(section);
        }
        if self.report.damaged.len() > DAMAGED {
            return Err(MountFailure::Damaged);
        }
        if self.based {
            self.scan();
            return Ok(());
        }
        // An older one may be whole, and is based on an older one.
        if section > 2 {
            self.look(section.saturating_sub(2));
            return Ok(());
        }
        if self.label.is_none() {
            return Err(MountFailure::Damaged);
        }
        (self.tree, self.based) = (Tree::default(), true);
        self.go_on(0)
    }

    /// Reads the headers of the data section that begins at the edge.
    fn scan(&mut self) {
        let Mark { section, object } = self.edge;
        self.go(section, Some(object));
        self.stage = Stage::Scan { tar: tar::Reader::default(), found: Box::new(Found::default()), section, blocks: 0 };
    }

    /// The edge is behind this section, of which nothing else was to be found out.
    pub(super) fn measured(&mut self, section: u32) -> Result<(), MountFailure> {
        match section {
            0 => {
                self.stage = Stage::Ending;
                Ok(())
            }
            _ if section % 2 == 1 => {
                self.measure();
                Ok(())
            }
            _ => self.go_on(section),
        }
    }

    /// Counts the blocks of the section that begins at the edge.
    pub(super) fn measure(&mut self) {
        let Mark { section, object } = self.edge;
        self.go(section, Some(object));
        self.stage = Stage::Measure { section, blocks: 0 };
    }
}
