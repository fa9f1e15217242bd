//! One piece on its way: written as it comes, hashed on the way, freed again unless it is what it should be.

use capstan_digest::BlockHasher;
use capstan_domain::{Failure, Outcome};
use rustix::io::Errno;

use super::{Arrived, Filling, PIECE, Phase};
use crate::fault::{self, Named};
use crate::hole;
use crate::record::Stage;
use crate::steps::{Step, reached};

/// Zeros of so many bytes stay a hole.
const GRAIN: usize = 64 << 10;

/// Dropped before [`Piece::finish`], it was not brought.
pub struct Piece<'f> {
    filling: &'f Filling,
    number: u64,
    hasher: BlockHasher,
    /// The next byte.
    at: u64,
    end: u64,
    settled: bool,
}

impl<'f> Piece<'f> {
    pub(super) fn new(filling: &'f Filling, number: u64) -> Self {
        let range = filling.range(number);
        Self { filling, number, hasher: BlockHasher::new(range.start), at: range.start, end: range.end, settled: false }
    }

    /// Bytes that are still to come.
    pub fn left(&self) -> u64 {
        self.end - self.at
    }

    /// The next bytes of the piece, in order. Fails with `Corrupt` when they are more than belong to it, with `NoSpace` when the disk
    /// is full: the piece is then to be dropped, and so is the recall, unless space is made.
    pub fn write(&mut self, bytes: &[u8]) -> Outcome<()> {
        if bytes.len() as u64 > self.left() {
            return Err(self.wrong("longer than recorded"));
        }
        self.hasher.update(bytes);
        let leading = self.filling.progress().leading;
        let kept = usize::try_from(leading.saturating_sub(self.at)).unwrap_or(usize::MAX).min(bytes.len());
        let (kept, rest) = bytes.split_at_checked(kept).unwrap_or((bytes, &[]));
        if !self.is_held(kept)? {
            self.give_up_leading()?;
            self.put(kept, self.at)?;
        }
        self.put(rest, self.at + kept.len() as u64)?;
        self.at += bytes.len() as u64;
        reached(Step::PieceWritten).on(self.shown())
    }

    /// The piece is complete. Fails with `Corrupt` when it is not what it should be: it may be brought anew, from another copy.
    pub fn finish(mut self) -> Outcome<()> {
        if self.left() > 0 {
            return Err(self.wrong("shorter than recorded"));
        }
        let alone = self.filling.content().size <= PIECE;
        let value = if alone { self.hasher.finish_alone() } else { self.hasher.finish() };
        let expected =
            self.filling.expected.as_ref().map(|values| usize::try_from(self.number).ok().and_then(|at| values.get(at)));
        let arrived = match expected {
            None => Arrived::Unproved(value),
            Some(Some(expected)) if *expected == value => Arrived::Proved,
            Some(_) => return Err(self.wrong("not the content that was stored")),
        };
        reached(Step::PieceProved).on(self.shown())?;
        self.filling.settle(self.number, arrived);
        self.settled = true;
        Ok(())
    }

    fn shown(&self) -> &'f str {
        self.filling.file.shown()
    }

    fn wrong(&self, how: &str) -> Failure {
        let detail = format!("{:?}: piece {}", self.shown(), self.number);
        fault::differs(self.shown(), how).with_detail(detail)
    }

    /// Whether these are the leading bytes that are on the disk already: a copy that is wrong must not cost them.
    fn is_held(&self, kept: &[u8]) -> Outcome<bool> {
        let mut held = vec![0; kept.len().min(GRAIN)];
        let mut at = self.at;
        for part in kept.chunks(GRAIN) {
            let Some(room) = held.get_mut(..part.len()) else { return Ok(false) };
            let read = rustix::io::pread(&self.filling.file, &mut *room, at).on(self.shown())?;
            if read < part.len() || room != part {
                return Ok(false);
            }
            at += part.len() as u64;
        }
        Ok(true)
    }

    /// The record no longer says that there are leading bytes, durably, before other bytes are written in their place.
    fn give_up_leading(&self) -> Outcome<()> {
        let mut progress = self.filling.change();
        if progress.phase != Phase::Filling {
            return Err(self.filling.given_up());
        }
        let mut record = self.filling.record.at(Stage::Recalling);
        record.leading = 0;
        self.filling.file.write_record(&record)?;
        self.filling.file.sync()?;
        progress.leading = 0;
        Ok(())
    }

    /// Writes all but zeros: the place is a hole.
    fn put(&self, bytes: &[u8], offset: u64) -> Outcome<()> {
        // Held over the writing: after the recall was given up the file may be another's to fill.
        let progress = self.filling.progress();
        if progress.phase != Phase::Filling {
            return Err(self.filling.given_up());
        }
        let is_zeros = |grain: &&[u8]| grain.iter().all(|byte| *byte == 0);
        let mut from = 0;
        let mut grains = bytes.chunks(GRAIN).peekable();
        while let Some(grain) = grains.next() {
            let mut to = from + grain.len();
            if !is_zeros(&grain) {
                while let Some(next) = grains.next_if(|next| !is_zeros(next)) {
                    to += next.len();
                }
                self.put_all(bytes.get(from..to).unwrap_or_default(), offset + from as u64)?;
            }
            from = to;
        }
        Ok(())
    }

    fn put_all(&self, mut bytes: &[u8], mut offset: u64) -> Outcome<()> {
        while !bytes.is_empty() {
            let written = match rustix::io::pwrite(&self.filling.file, bytes, offset) {
                Ok(written) => written,
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(errno).on(self.shown()),
            };
            bytes = bytes.get(written..).filter(|_| written > 0).ok_or(Errno::IO).on(self.shown())?;
            offset += written as u64;
        }
        Ok(())
    }
}

impl Drop for Piece<'_> {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        let size = self.filling.content().size;
        let range = self.filling.range(self.number);
        let progress = self.filling.progress();
        let is_ours = matches!(progress.phase, Phase::Filling | Phase::Finishing);
        let freed = is_ours && hole::punch(&self.filling.file, range.start.max(progress.leading), range.end, size).is_ok();
        drop(progress);
        // Where that failed the piece stays on its way for ever: nobody may write what leaves zeros out over it.
        if freed {
            self.filling.settle(self.number, Arrived::Not);
        }
    }
}
