//! The pieces of a drive that may hold data, in their order: its extents, widened to whole blocks and cut where a piece ends.

use std::collections::VecDeque;

use capstan_domain::Outcome;
use capstan_domain::failure::Kind;
use capstan_domain::ports::{Extent, ExtentPage};

use super::{DriveCopy, DriveEnd, PIECE};
use crate::backoff::patiently;

/// Extents asked for at a time.
const PAGE: u32 = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) offset: u64,
    pub(super) length: u64,
}

impl Piece {
    pub(super) fn end(self) -> u64 {
        self.offset + self.length
    }
}

pub(super) struct Pieces<'c> {
    copy: &'c DriveCopy,
    /// Where pieces begin and end: whole blocks of both drives.
    align: u64,
    waiting: VecDeque<Extent>,
    /// All before it was handed out, or holds no data.
    at: u64,
    /// Where to ask for more extents; none: those that wait are the last.
    ask: Option<u64>,
}

impl<'c> Pieces<'c> {
    pub(super) fn new(copy: &'c DriveCopy) -> Self {
        let align = u64::from(copy.source.block.max(copy.destination.block).max(1));
        // What is whole needs no last block again, where the drive ends beside one.
        let at = if copy.from < copy.size { copy.from - copy.from % align } else { copy.size };
        Self { copy, align, waiting: VecDeque::new(), at, ask: (at < copy.size).then_some(at) }
    }

    /// None: there is no more.
    pub(super) async fn next(&mut self) -> Outcome<Option<Piece>> {
        loop {
            if let Some(extent) = self.waiting.front() {
                if let Some(piece) = cut(*extent, self.at, self.align, self.copy.size) {
                    self.at = piece.end();
                    return Ok(Some(piece));
                }
                self.waiting.pop_front();
                continue;
            }
            let Some(from) = self.ask else { return Ok(None) };
            let page = self.page(from).await?;
            self.ask = page.next.filter(|next| *next > from && *next < self.copy.size);
            self.waiting.extend(page.extents);
        }
    }

    /// A target that cannot tell its extents may hold data everywhere.
    async fn page(&self, from: u64) -> Outcome<ExtentPage> {
        let DriveEnd { drives, location, name, .. } = &self.copy.source;
        let length = self.copy.size - from;
        let asked = patiently(&self.copy.control, self.copy.tries, || drives.extents(location, name, from, length, PAGE)).await;
        match asked {
            Err(failure) if failure.kind == Kind::Unsupported => {
                Ok(ExtentPage { extents: vec![Extent { offset: from, length }], next: None })
            }
            asked => asked,
        }
    }
}

/// The first piece of what lies of the extent at `at` and behind it.
fn cut(extent: Extent, at: u64, align: u64, size: u64) -> Option<Piece> {
    let start = (extent.offset - extent.offset % align).max(at);
    let stop = extent.offset.saturating_add(extent.length).min(size).next_multiple_of(align).min(size);
    if start >= stop {
        return None;
    }
    let cell = PIECE.max(align);
    let until = start - start % cell + cell;
    Some(Piece { offset: start, length: stop.min(until) - start })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(extents: &[(u64, u64)], align: u64, size: u64) -> Vec<(u64, u64)> {
        let (mut at, mut found) = (0, Vec::new());
        for (offset, length) in extents {
            while let Some(piece) = cut(Extent { offset: *offset, length: *length }, at, align, size) {
                at = piece.end();
                found.push((piece.offset, piece.length));
            }
        }
        found
    }

    #[test]
    fn pieces_are_whole_blocks_that_never_overlap_nor_leave_the_drive() {
        assert_eq!(pieces(&[(100, 100), (300, 5_000)], 4096, 1 << 20), [(0, 4096), (4096, 4096)]);
        assert_eq!(pieces(&[(0, 3 * PIECE)], 512, 2 * PIECE + 512), [(0, PIECE), (PIECE, PIECE), (2 * PIECE, 512)]);
        // A drive that does not end on the other's blocks.
        assert_eq!(pieces(&[(4096, 1024)], 4096, 4096 + 1024), [(4096, 1024)]);
        assert_eq!(pieces(&[], 512, 1 << 20), []);
    }

    #[test]
    fn a_piece_ends_where_the_next_one_of_the_drive_begins() {
        assert_eq!(pieces(&[(PIECE - 512, 1024)], 512, 4 * PIECE), [(PIECE - 512, 512), (PIECE, 512)]);
    }
}
