//! Files found by their headers. Data is gone over, not read.

use super::way::At;
use super::{Action, Answer, Met, Mount, MountFailure, Stage};
use crate::tar::{self, Member};
use crate::{Malformed, Place};

/// A member, and the bytes before its headers and before its data.
type Whole = (Member, u64, u64);

#[derive(Debug, Default)]
pub(super) struct Found {
    /// Its data did not all come yet.
    open: Option<Whole>,
    /// The header behind it may still say that it was given up.
    last: Option<Whole>,
    /// None more than fit into one block, as they are taken after each.
    whole: Vec<Whole>,
}

impl tar::Sink for Found {
    fn begins(&mut self, member: &Member, header: u64, data: u64) -> Result<(), Malformed> {
        self.whole.extend(self.last.take());
        self.open = Some((member.clone(), header, data));
        Ok(())
    }

    fn data(&mut self, _bytes: &[u8]) -> Result<(), Malformed> {
        Ok(())
    }

    fn ended(&mut self) -> Result<(), Malformed> {
        self.last = self.open.take();
        Ok(())
    }

    fn void(&mut self, id: u64) -> Result<(), Malformed> {
        self.last = self.last.take().filter(|(member, _, _)| member.id != Some(id));
        Ok(())
    }
}

impl Mount {
    pub(super) fn scan_answered(&mut self, answer: Answer<'_>) -> Result<(), MountFailure> {
        let block = self.block();
        let passing = self.next();
        let Stage::Scan { tar, found, section, blocks } = &mut self.stage else { return Err(MountFailure::Astray) };
        let section = *section;
        self.at = At::Within(section);
        let read = match (answer, passing) {
            (Answer::Block(bytes), _) => {
                *blocks = blocks.saturating_add(1);
                // Places are reckoned from it.
                let whole = u32::try_from(bytes.len()) == Ok(block);
                if whole { tar.push(bytes, found.as_mut()) } else { Err(Malformed("a block of a section")) }
            }
            (Answer::Done, Action::SpaceBlocks { count }) => {
                *blocks = blocks.saturating_add(u64::from(count));
                tar.pass(u64::from(count).saturating_mul(u64::from(block)), found.as_mut())
            }
            (Answer::Stopped { done, met: Met::Filemark }, passing) => {
                let gone = if matches!(passing, Action::SpaceBlocks { .. }) { done } else { 0 };
                let (blocks, whole) = (blocks.saturating_add(gone), tar.is_over());
                let members: Vec<Whole> = found.last.take().into_iter().collect();
                if self.take_in(members, block).is_err() || !whole {
                    self.report.cut.push(section);
                }
                self.passed(section, blocks);
                self.measure();
                return Ok(());
            }
            (Answer::Unreadable, _) => {
                self.at = At::Unknown;
                Err(Malformed("a block of a section"))
            }
            _ => return Err(MountFailure::Astray),
        };
        let mut members = std::mem::take(&mut found.whole);
        if read.is_err() {
            members.extend(found.last.take());
        }
        let taken = self.take_in(members, block);
        if read.and(taken).is_err() {
            self.report.cut.push(section);
            // The edge is at the beginning of this section still.
            self.measure();
        }
        Ok(())
    }

    /// A member that cannot be is left out, and so is what lies behind it.
    fn take_in(&mut self, members: Vec<Whole>, block: u32) -> Result<(), Malformed> {
        let section = self.edge;
        let place = |bytes: u64| Place::within(section, bytes, block).ok_or(Malformed("a place on a tape"));
        for (member, header, data) in members {
            let put = self.tree.restore_member(member, place(header)?, place(data)?)?;
            self.report.rebuilt = self.report.rebuilt.saturating_add(u64::from(put));
            self.report.misfits = self.report.misfits.saturating_add(u64::from(!put));
        }
        Ok(())
    }
}
