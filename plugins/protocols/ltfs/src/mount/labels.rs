//! The label constructs of both partitions.

use super::{Answer, Read, Unmountable, Want};
use crate::bounds::LABEL_BYTES;
use crate::label::{LABEL_BLOCK, VOLUME_LABEL_BYTES};
use crate::{Label, Layout, VolumeLabel};

#[derive(Debug, Default)]
pub(super) struct Labels {
    number: u8,
    block: u64,
    volume_label: Option<VolumeLabel>,
    found: [Option<(VolumeLabel, Label)>; 2],
    /// Something is on the tape.
    written: bool,
    damaged: bool,
}

impl Labels {
    pub(super) fn want(&self) -> Want {
        let bytes = if self.block == 0 { VOLUME_LABEL_BYTES } else { LABEL_BYTES };
        // Both are far below what a u32 counts.
        Want::Read { number: self.number, block: self.block, bytes: u32::try_from(bytes).unwrap_or(u32::MAX) }
    }

    /// None: more is wanted.
    pub(super) fn take(&mut self, answer: Answer<'_>) -> Option<Result<Read, Unmountable>> {
        self.written |= answer != Answer::End;
        self.damaged |= answer == Answer::Unreadable;
        let goes_on = match (self.block, answer) {
            (0, Answer::Block(bytes)) => {
                self.volume_label = VolumeLabel::parse(bytes).ok();
                self.volume_label.is_some()
            }
            (1, Answer::Filemark) => true,
            (LABEL_BLOCK, Answer::Block(bytes)) => {
                let both = self.volume_label.take().zip(Label::parse(bytes).ok());
                if let Some(place) = self.found.get_mut(usize::from(self.number)) {
                    *place = both;
                }
                false
            }
            _ => false,
        };
        if goes_on {
            self.block += 1;
            return None;
        }
        if self.number == 0 {
            (self.number, self.block) = (1, 0);
            return None;
        }
        Some(self.read())
    }

    fn read(&mut self) -> Result<Read, Unmountable> {
        match std::mem::take(&mut self.found) {
            [Some((volume_label, label)), Some((_, other))] => {
                let layout = label.layout(0, &other, 1).ok_or(Unmountable::TwoVolumes)?;
                Ok(Read { volume_label, label, layout, one_label: false })
            }
            // The other one was damaged: it says where it is, and so where the other one is.
            [Some((volume_label, label)), None] => Ok(alone(volume_label, label, 0)),
            [None, Some((volume_label, label))] => Ok(alone(volume_label, label, 1)),
            [None, None] if self.damaged => Err(Unmountable::Damaged),
            [None, None] if self.written => Err(Unmountable::Foreign),
            [None, None] => Err(Unmountable::Blank),
        }
    }
}

fn alone(volume_label: VolumeLabel, label: Label, number: u8) -> Read {
    let other = 1 - number;
    let (index_number, data_number) = if label.location == label.index { (number, other) } else { (other, number) };
    let layout = Layout { index: label.index, data: label.data, index_number, data_number };
    Read { volume_label, label, layout, one_label: true }
}
