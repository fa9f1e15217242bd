//! One action after the other, and how each ended.

use super::{Action, Answer, Met, Mount, MountFailure, STRIDE, Stage};
use crate::label::{self, Label};
use crate::mount::way::At;
use crate::tar::{self, Member, Type};
use crate::{LABEL_BLOCK, Malformed, Mark};

/// Blocks of a label.
const LABEL_BLOCKS: u64 = 8;
/// A block of a tape that is no volume may be longer.
const LABEL_READ: u32 = 64 << 10;
/// Where nobody knows how long the blocks are.
const LONGEST: u32 = *label::BLOCKS.end();

#[derive(Debug, Default)]
pub(super) struct LabelReader {
    tar: tar::Reader,
    json: LabelJson,
    blocks: u64,
}

#[derive(Debug, Default)]
struct LabelJson {
    begun: bool,
    bytes: Vec<u8>,
}

impl tar::Sink for LabelJson {
    fn begins(&mut self, member: &Member, _header: u64, _data: u64) -> Result<(), Malformed> {
        let ours = member.path == label::PATH && member.kind == Type::File && member.size <= label::BYTES;
        if std::mem::replace(&mut self.begun, true) || !ours { Err(Malformed("the label of a volume")) } else { Ok(()) }
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn ended(&mut self) -> Result<(), Malformed> {
        Ok(())
    }

    fn void(&mut self, _id: u64) -> Result<(), Malformed> {
        Err(Malformed("the label of a volume"))
    }
}

impl Mount {
    /// What the drive is to do now.
    pub fn next(&self) -> Action {
        if let Some(action) = self.todo.front() {
            return *action;
        }
        match &self.stage {
            Stage::Label(_) => Action::Read { bytes: LABEL_READ.max(LABEL_BLOCK) },
            Stage::Ending => Action::SpaceEnd,
            Stage::Counting => Action::SpaceFilemarks { count: i32::try_from(STRIDE).unwrap_or(i32::MAX) },
            Stage::Measure { .. } => Action::SpaceBlocks { count: STRIDE },
            Stage::Scan { tar, .. } => match u32::try_from(tar.passable() / u64::from(self.block())) {
                Ok(0 | 1) => Action::Read { bytes: self.block() },
                blocks => Action::SpaceBlocks { count: blocks.unwrap_or(STRIDE).min(STRIDE) },
            },
            Stage::Catalogue { .. } => Action::Read { bytes: self.block() },
            Stage::Over => Action::Finished,
        }
    }

    pub(super) fn block(&self) -> u32 {
        self.label.as_ref().map_or(LONGEST, |label| label.block)
    }

    /// Once for each action. A failure: this is over.
    pub fn answer(&mut self, answer: Answer<'_>) -> Result<(), MountFailure> {
        if self.todo.pop_front().is_some() {
            return if answer == Answer::Done { Ok(()) } else { Err(MountFailure::Astray) };
        }
        match &mut self.stage {
            Stage::Label(_) => self.label_answered(answer),
            Stage::Ending => match answer {
                Answer::AtEnd { filemarks: Some(filemarks) } => self.counted(filemarks),
                Answer::AtEnd { filemarks: None } => {
                    self.todo.push_back(Action::Rewind);
                    self.stage = Stage::Counting;
                    Ok(())
                }
                _ => Err(MountFailure::Astray),
            },
            Stage::Counting => match answer {
                Answer::Done => {
                    self.filemarks = self.filemarks.saturating_add(u64::from(STRIDE));
                    Ok(())
                }
                Answer::Stopped { done, met: Met::EndOfData } => self.counted(self.filemarks.saturating_add(done)),
                _ => Err(MountFailure::Astray),
            },
            Stage::Catalogue { .. } => self.catalogue_answered(answer),
            Stage::Scan { .. } => self.scan_answered(answer),
            Stage::Measure { .. } => self.measure_answered(answer),
            Stage::Over => Err(MountFailure::Astray),
        }
    }

    fn label_answered(&mut self, answer: Answer<'_>) -> Result<(), MountFailure> {
        let Stage::Label(reader) = &mut self.stage else { return Err(MountFailure::Astray) };
        match answer {
            Answer::Block(block) => {
                reader.blocks = reader.blocks.saturating_add(1);
                if reader.blocks > LABEL_BLOCKS || reader.tar.push(block, &mut reader.json).is_err() {
                    return Err(MountFailure::NotOurs);
                }
                Ok(())
            }
            Answer::Stopped { met: Met::Filemark, .. } => {
                let label = Label::read(&reader.json.bytes).map_err(|_| MountFailure::NotOurs)?;
                self.edge = Mark { section: 1, object: reader.blocks.saturating_add(1) };
                self.at = At::Beginning(1);
                self.label = Some(label);
                self.stage = Stage::Ending;
                Ok(())
            }
            Answer::Stopped { met: Met::EndOfData, .. } if reader.blocks == 0 => Err(MountFailure::Blank),
            Answer::Stopped { met: Met::EndOfData, .. } => Err(MountFailure::NotOurs),
            // Whose it is, the catalogues say too.
            Answer::Unreadable => {
                self.report.label_damaged = true;
                self.at = At::Unknown;
                self.go(0, None);
                self.stage = Stage::Measure { section: 0, blocks: 0 };
                Ok(())
            }
            _ => Err(MountFailure::Astray),
        }
    }

    /// The tape is at the end of its data.
    fn counted(&mut self, filemarks: u64) -> Result<(), MountFailure> {
        let closed = u32::try_from(filemarks).map_err(|_| MountFailure::NotOurs)?;
        if closed < self.edge.section {
            return Err(MountFailure::Astray);
        }
        self.filemarks = filemarks;
        self.at = At::Within(closed);
        // Sections 0 to `closed` - 1 have a filemark behind them.
        self.last = closed.saturating_sub(1) & !1;
        self.report.trailing = closed > self.last.saturating_add(1);
        if self.last == 0 {
            self.stage = Stage::Over;
            return Ok(());
        }
        self.look(self.last);
        Ok(())
    }

    fn measure_answered(&mut self, answer: Answer<'_>) -> Result<(), MountFailure> {
        let Stage::Measure { section, blocks } = &mut self.stage else { return Err(MountFailure::Astray) };
        match answer {
            Answer::Done => {
                *blocks = blocks.saturating_add(u64::from(STRIDE));
                Ok(())
            }
            Answer::Stopped { done, met: Met::Filemark } => {
                let (section, blocks) = (*section, blocks.saturating_add(done));
                self.passed(section, blocks);
                self.measured(section)
            }
            Answer::Stopped { met: Met::EndOfData, .. } if *section == 0 => Err(MountFailure::NotOurs),
            _ => Err(MountFailure::Astray),
        }
    }

    /// A section of so many blocks lies behind: the next one begins here.
    pub(super) fn passed(&mut self, section: u32, blocks: u64) {
        let next = section.saturating_add(1);
        self.edge = Mark { section: next, object: self.edge.object.saturating_add(blocks).saturating_add(1) };
        self.at = At::Beginning(next);
    }
}
