//! A tape in memory, and a drive that does what a mount asks for.

use crate::{Abilities, Action, Answer, Met, Mount, MountFailure, Report, Step, Volume};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Object {
    Block(Vec<u8>),
    Filemark,
    /// A block that cannot be read.
    Unreadable,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Tape {
    pub(super) objects: Vec<Object>,
    pub(super) at: usize,
    /// Actions so far.
    pub(super) actions: usize,
    pub(super) bytes_read: usize,
}

impl Tape {
    /// At the end of what there is.
    pub(super) fn write(&mut self, step: Step) {
        self.objects.push(match step {
            Step::Block(block) => Object::Block(block),
            Step::Filemark { .. } => Object::Filemark,
        });
    }

    pub(super) fn mount(&mut self, abilities: Abilities) -> Result<(Volume, Report), MountFailure> {
        let mut mount = Mount::new(abilities);
        loop {
            let action = mount.next();
            if action == Action::Finished {
                return mount.finish();
            }
            self.actions += 1;
            assert!(self.actions < 1_000_000, "it does not end");
            let mut block = Vec::new();
            let answer = self.act(action, abilities, &mut block);
            mount.answer(answer)?;
        }
    }

    fn act<'a>(&mut self, action: Action, abilities: Abilities, block: &'a mut Vec<u8>) -> Answer<'a> {
        match action {
            Action::Rewind => {
                self.at = 0;
                Answer::Done
            }
            Action::Locate { object } => {
                assert!(abilities.locate);
                match usize::try_from(object) {
                    Ok(object) if object <= self.objects.len() => {
                        self.at = object;
                        Answer::Done
                    }
                    _ => Answer::Stopped { done: 0, met: Met::EndOfData },
                }
            }
            Action::SpaceEnd => {
                self.at = self.objects.len();
                let filemarks = self.objects.iter().filter(|object| **object == Object::Filemark).count();
                Answer::AtEnd { filemarks: abilities.locate.then(|| u64::try_from(filemarks).unwrap()) }
            }
            Action::SpaceFilemarks { count } if count < 0 => {
                assert!(abilities.backwards);
                self.back(count.unsigned_abs())
            }
            Action::SpaceFilemarks { count } => self.over(count.unsigned_abs(), true),
            Action::SpaceBlocks { count } => self.over(count, false),
            Action::Read { bytes } => match self.objects.get(self.at) {
                None => Answer::Stopped { done: 0, met: Met::EndOfData },
                Some(Object::Filemark) => {
                    self.at += 1;
                    Answer::Stopped { done: 0, met: Met::Filemark }
                }
                Some(Object::Unreadable) => Answer::Unreadable,
                Some(Object::Block(there)) => {
                    block.clone_from(there);
                    block.truncate(usize::try_from(bytes).unwrap());
                    self.at += 1;
                    self.bytes_read += block.len();
                    Answer::Block(block)
                }
            },
            Action::Finished => unreachable!(),
        }
    }

    fn over(&mut self, count: u32, filemarks: bool) -> Answer<'static> {
        let mut done = 0;
        while done < u64::from(count) {
            let Some(object) = self.objects.get(self.at) else { return Answer::Stopped { done, met: Met::EndOfData } };
            self.at += 1;
            match (object, filemarks) {
                (Object::Filemark, false) => return Answer::Stopped { done, met: Met::Filemark },
                (Object::Filemark, true) | (_, false) => done += 1,
                (_, true) => {}
            }
        }
        Answer::Done
    }

    fn back(&mut self, count: u32) -> Answer<'static> {
        let mut done = 0;
        while done < u64::from(count) {
            let Some(before) = self.at.checked_sub(1) else { return Answer::Stopped { done, met: Met::Beginning } };
            self.at = before;
            done += u64::from(self.objects[before] == Object::Filemark);
        }
        Answer::Done
    }
}
