//! The last index of one partition is looked for, from its end towards its beginning: between filemarks, or where a damaged one points.

use super::document::{Document, Outcome};
use super::{Answer, Want};
use crate::bounds::{INDEXES_TRIED, Room};
use crate::label::CONTENT_BLOCK;
use crate::recovery::{Found, Held};
use crate::{Keep, Label, Partition, Position};

#[derive(Debug)]
pub(super) struct Scan {
    number: u8,
    partition: Partition,
    label: Label,
    room: Room,
    /// Where the memory says that an index is, for a partition whose end, or whose filemarks, are not found.
    hint: Option<u64>,
    end: Option<u64>,
    tries: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    End,
    /// The last filemark before this block. `end`: nothing was looked at yet.
    Mark {
        before: u64,
        end: bool,
    },
    /// Between filemarks, or behind the last. `closed`: a filemark follows and then nothing.
    Try {
        document: Box<Document>,
        closed: bool,
    },
}

impl Scan {
    /// `before`: from this block back, for what is behind was looked at.
    pub(super) fn new(
        number: u8,
        partition: Partition,
        label: &Label,
        room: Room,
        hint: Option<u64>,
        before: Option<u64>,
    ) -> Self {
        let state = before.map_or(State::End, |before| State::Mark { before: before.saturating_sub(1), end: false });
        let hint = hint.filter(|_| before.is_none());
        Self { number, partition, label: label.clone(), room, hint, end: None, tries: 0, state }
    }

    pub(super) fn want(&self) -> Want {
        match &self.state {
            State::End => Want::End { number: self.number },
            State::Mark { before, .. } => Want::FilemarkBefore { number: self.number, block: *before },
            State::Try { document, .. } => document.want(),
        }
    }

    /// Or what was found.
    pub(super) fn take(mut self: Box<Self>, answer: Answer<'_>) -> Result<Box<Self>, Found> {
        let state = std::mem::replace(&mut self.state, State::End);
        match (state, answer) {
            (State::End, Answer::At(end)) => {
                self.end = Some(end);
                self.mark(end, true)
            }
            (State::End, _) => match self.hint.take() {
                Some(block) => self.attempt(block, false),
                None => Err(self.nothing()),
            },
            (State::Mark { before, end }, Answer::At(mark)) if mark < before => {
                let candidate = mark + 1;
                let closed = !end && self.end == Some(before + 1);
                // Behind the last filemark something was begun and not closed, be it an index.
                if candidate < before {
                    self.attempt(candidate, closed)
                } else {
                    // The partition ends with a filemark, or two stand side by side.
                    self.mark(mark, false)
                }
            }
            // The way back is damaged; what the memory says of an older index may lead over it.
            (State::Mark { .. }, Answer::Unreadable) if self.hint.is_some() => {
                let block = self.hint.take().unwrap_or_default();
                self.attempt(block, false)
            }
            (State::Mark { .. }, _) => Err(self.nothing()),
            (State::Try { document, closed }, answer) => {
                let at = document.at().block;
                let is_closed = closed && answer == Answer::Filemark;
                match document.take(answer) {
                    Outcome::More(document) => {
                        self.state = State::Try { document, closed };
                        Ok(self)
                    }
                    Outcome::Header(header) => {
                        let last = Held { generation: header.generation, block: at, previous: header.previous };
                        Err(Found { end: self.end, last: Some(last), complete: is_closed })
                    }
                    Outcome::Bad { previous: Some(Position { partition, block }) }
                        if partition == self.partition && block < at =>
                    {
                        self.attempt(block, false)
                    }
                    Outcome::Bad { .. } | Outcome::Index(_) => self.mark(at.saturating_sub(1), false),
                }
            }
        }
    }

    fn mark(mut self: Box<Self>, before: u64, end: bool) -> Result<Box<Self>, Found> {
        // What the label ends with is no part of the content.
        if before <= CONTENT_BLOCK {
            return Err(self.nothing());
        }
        self.state = State::Mark { before, end };
        Ok(self)
    }

    fn attempt(mut self: Box<Self>, block: u64, closed: bool) -> Result<Box<Self>, Found> {
        self.tries += 1;
        if self.tries > INDEXES_TRIED || block < CONTENT_BLOCK {
            return Err(self.nothing());
        }
        let at = Position { partition: self.partition, block };
        let Label { volume, block_bytes, .. } = self.label;
        let document = Box::new(Document::new(self.number, at, volume, block_bytes, Keep::Header, self.room));
        self.state = State::Try { document, closed };
        Ok(self)
    }

    fn nothing(&self) -> Found {
        Found { end: self.end, last: None, complete: false }
    }
}
