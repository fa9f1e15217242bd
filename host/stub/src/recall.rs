//! Recalling: a stub is filled where it stands, so that links, handles and differences by inode go on (D4).
//!
//! The content comes in pieces of 16 MiB, in any order and several at a time. A piece is read by nobody before its bytes gave the value
//! they should (D8); which pieces are here is kept in memory only, so that after a crash none counts and the file is a stub again.

mod finish;
mod piece;

use std::ops::Range;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use capstan_digest::{self as digest, BLOCK, Value};
use capstan_domain::failure::Blame;
use capstan_domain::{Failure, Kind, Outcome};

pub use finish::FINISH_TOGETHER;
pub use piece::Piece;

use crate::attributes::Attributes;
use crate::fault::{self, Named};
use crate::file::RawFile;
use crate::hole;
use crate::lock::Lock;
use crate::look::State;
use crate::proof::check_blocks;
use crate::record::{Content, Record, Stage};
use crate::steps::{Step, reached};
use crate::tree::{Access, RawTree};

/// Bytes of a piece; the last of a file may be shorter.
pub const PIECE: u64 = BLOCK;
/// Bytes that one reading gives at most.
pub const READ_BYTES: usize = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrived {
    Not,
    /// Somebody brings it.
    Coming,
    /// It is here, and what it should be is known of the whole only.
    Unproved(Value),
    Proved,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Filling,
    /// Somebody finishes it.
    Finishing,
    Whole,
    StubAgain,
}

struct Progress {
    pieces: Vec<Arrived>,
    /// Leading bytes that are still those of the content.
    leading: u64,
    phase: Phase,
    lock: Option<Lock>,
}

/// A stub on its way back. Whoever drops it unfinished makes it a stub again, which blocks. May be shared by many that read and many
/// that bring pieces.
pub struct Filling {
    file: RawFile,
    record: Record,
    attributes: Attributes,
    /// Of each piece; none: they are proved together, at the end.
    expected: Option<Vec<Value>>,
    progress: RwLock<Progress>,
}

impl RawTree {
    /// Begins to fill a stub. `blocks`: the subtree values of each 16 MiB as the catalogue has them; without, those of the record are
    /// taken, and where that has none, nothing is readable before everything is here and proved. Fails with `Conflict` (`not-a-stub`)
    /// when there is nothing to recall, with `Busy` when somebody recalls it already.
    pub fn recall(&self, path: &str, blocks: &[Value]) -> Outcome<Filling> {
        Filling::begin(self.file(path, Access::Write)?, blocks)
    }
}

impl RawFile {
    /// The same for a file that is open for writing, whatever it is called by now: also one that was removed and is still read.
    pub fn recall(&self, blocks: &[Value]) -> Outcome<Filling> {
        self.check_writable()?;
        Filling::begin(self.clone(), blocks)
    }
}

impl Filling {
    fn begin(file: RawFile, blocks: &[Value]) -> Outcome<Self> {
        let lock = Lock::take(&file)?;
        let record = match file.look()?.state {
            State::Migrated(record) | State::Recalling(record) => record,
            State::Resident | State::Premigrated(_) => {
                let message = format!("The content of {:?} is on the disk already", file.shown());
                return Err(Failure::new(Kind::Conflict, message).with_code("not-a-stub"));
            }
            State::Foreign(_) | State::Unreadable(_) => return Err(fault::unclear(file.shown())),
        };
        let content = &record.content;
        let given = if blocks.is_empty() { content.blocks.as_slice() } else { blocks };
        check_blocks(given, content.size, &content.blake3)?;
        let expected = match given {
            [] if content.size <= PIECE => Some(vec![content.blake3]),
            [] => None,
            given => Some(given.to_vec()),
        };
        let count = usize::try_from(digest::blocks_in(content.size, PIECE))
            .map_err(|_| Failure::unsupported(format!("{:?} is larger than this host can recall", file.shown())))?;
        let attributes = Attributes::of(&file)?;
        // What an earlier recall left counts for nothing. And what is not written of a content that is zeros stays a hole.
        hole::punch(&file, record.leading, content.size, content.size).on(file.shown())?;
        file.write_record(&record.at(Stage::Recalling))?;
        reached(Step::RecallingWritten).on(file.shown())?;
        let progress =
            Progress { pieces: vec![Arrived::Not; count], leading: record.leading, phase: Phase::Filling, lock: Some(lock) };
        Ok(Self { file, record, attributes, expected, progress: RwLock::new(progress) })
    }

    /// What it will hold, and where copies of it are.
    pub fn content(&self) -> &Content {
        &self.record.content
    }

    /// How many pieces there are.
    pub fn pieces(&self) -> u64 {
        digest::blocks_in(self.content().size, PIECE)
    }

    /// The bytes of a piece; empty behind the last.
    pub fn range(&self, piece: u64) -> Range<u64> {
        let size = self.content().size;
        let start = piece.saturating_mul(PIECE).min(size);
        start..start.saturating_add(PIECE).min(size)
    }

    /// The first piece from `from` on that nobody brought or brings.
    pub fn missing(&self, from: u64) -> Option<u64> {
        let progress = self.progress();
        let from = usize::try_from(from).ok()?;
        let at = progress.pieces.get(from..)?.iter().position(|piece| *piece == Arrived::Not)?;
        u64::try_from(from + at).ok()
    }

    /// Whether all bytes of the range may be read. What lies behind the end may.
    pub fn is_present(&self, offset: u64, length: u64) -> bool {
        let end = offset.saturating_add(length).min(self.content().size);
        self.progress().readable_from(offset) >= end.saturating_sub(offset)
    }

    /// Reads what is proved, up to the first byte that is not, at most [`READ_BYTES`]. None: the byte at `offset` is not here yet; 0 is the
    /// end of the file. Fails with `Unavailable` when the recall was given up.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Outcome<Option<usize>> {
        let size = self.content().size;
        if offset >= size || buffer.is_empty() {
            return Ok(Some(0));
        }
        // Held over the reading, so that what was promised is not freed meanwhile.
        let progress = self.progress();
        if progress.phase == Phase::StubAgain {
            return Err(self.given_up());
        }
        let readable = progress.readable_from(offset).min(size - offset);
        let most = usize::try_from(readable).unwrap_or(READ_BYTES).min(READ_BYTES).min(buffer.len());
        match buffer.get_mut(..most) {
            Some(room) if !room.is_empty() => {
                let read = rustix::io::pread(&self.file, room, offset).on(self.file.shown())?;
                // A file of this size ends nowhere before.
                if read == 0 { Err(fault::changed(self.file.shown())) } else { Ok(Some(read)) }
            }
            _ => Ok(None),
        }
    }

    /// Takes it on to bring a piece. None: it is here already, or there is no such piece. Fails with `Busy` when somebody brings it.
    pub fn piece(&self, number: u64) -> Outcome<Option<Piece<'_>>> {
        let mut progress = self.change();
        if progress.phase == Phase::StubAgain {
            return Err(self.given_up());
        }
        match usize::try_from(number).ok().and_then(|at| progress.pieces.get_mut(at)) {
            None | Some(Arrived::Proved | Arrived::Unproved(_)) => Ok(None),
            Some(Arrived::Coming) => Err(fault::busy(self.file.shown())),
            Some(state @ Arrived::Not) => {
                *state = Arrived::Coming;
                Ok(Some(Piece::new(self, number)))
            }
        }
    }

    fn given_up(&self) -> Failure {
        Failure::new(Kind::Unavailable, format!("The recall of {:?} was given up", self.file.shown()))
            .with_blame(Blame::Host)
            .with_code("recall-given-up")
            .with_next_step("Read it again: it is recalled anew.")
    }

    fn progress(&self) -> RwLockReadGuard<'_, Progress> {
        self.progress.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, Progress> {
        self.progress.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, number: u64, arrived: Arrived) {
        let mut progress = self.change();
        if let Some(piece) = usize::try_from(number).ok().and_then(|at| progress.pieces.get_mut(at)) {
            *piece = arrived;
        }
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        if self.progress().phase == Phase::Filling {
            let _ = self.abandon();
        }
    }
}

impl Progress {
    /// How many bytes from `offset` on may be read, as if the file had no end.
    fn readable_from(&self, offset: u64) -> u64 {
        if self.phase == Phase::Whole {
            return u64::MAX;
        }
        let mut end = offset.max(self.leading);
        if end > offset || self.is_proved(offset / PIECE) {
            // From piece to piece.
            while self.is_proved(end / PIECE) {
                end = (end / PIECE + 1).saturating_mul(PIECE);
            }
        }
        end - offset
    }

    fn is_proved(&self, number: u64) -> bool {
        usize::try_from(number).ok().and_then(|at| self.pieces.get(at)).is_some_and(|piece| *piece == Arrived::Proved)
    }
}
