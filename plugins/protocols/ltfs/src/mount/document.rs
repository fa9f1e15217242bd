//! One index is read from where it should be.

use super::{Answer, Want};
use crate::bounds::Room;
use crate::tree::Header;
use crate::{Index, IndexReader, Keep, Position, Uuid};

#[derive(Debug)]
pub(super) struct Document {
    number: u8,
    at: Position,
    volume: Uuid,
    block_bytes: u32,
    keep: Keep,
    next: u64,
    reader: IndexReader,
    /// The header said that the index is where it was read.
    is_placed: bool,
}

#[derive(Debug)]
pub(super) enum Outcome {
    More(Box<Document>),
    Index(Box<Index>),
    Header(Header),
    /// None of the volume's indexes is there, or it is damaged; the back pointer that was still read.
    Bad {
        previous: Option<Position>,
    },
}

impl Document {
    pub(super) fn new(number: u8, at: Position, volume: Uuid, block_bytes: u32, keep: Keep, room: Room) -> Self {
        let reader = IndexReader::new(keep, room);
        Self { number, at, volume, block_bytes, keep, next: at.block, reader, is_placed: false }
    }

    pub(super) fn want(&self) -> Want {
        Want::Read { number: self.number, block: self.next, bytes: self.block_bytes }
    }

    pub(super) fn at(&self) -> Position {
        self.at
    }

    pub(super) fn take(mut self: Box<Self>, answer: Answer<'_>) -> Outcome {
        match answer {
            Answer::Block(bytes) => {
                if self.reader.push(bytes).is_err() {
                    return self.bad();
                }
                // A file may hold the index of a volume; this one's says where it is.
                if !self.is_placed
                    && let Some(header) = self.reader.header()
                {
                    if header.location != self.at || header.volume != self.volume {
                        return Outcome::Bad { previous: None };
                    }
                    self.is_placed = true;
                }
                self.next += 1;
                Outcome::More(self)
            }
            Answer::Filemark | Answer::End if self.reader.is_whole() => self.done(),
            _ => self.bad(),
        }
    }

    fn done(self: Box<Self>) -> Outcome {
        let read = match self.keep {
            Keep::Tree => self.reader.finish().map(|index| Outcome::Index(Box::new(index))),
            Keep::Header => self.reader.finish_header().map(Outcome::Header),
        };
        match read {
            Ok(outcome) if self.is_placed => outcome,
            _ => Outcome::Bad { previous: None },
        }
    }

    fn bad(&self) -> Outcome {
        let previous = self.reader.header().filter(|_| self.is_placed).and_then(|header| header.previous);
        Outcome::Bad { previous }
    }
}
