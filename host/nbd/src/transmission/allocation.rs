//! From the extents that may hold data to the ranges of an answer.

use crate::limits::EXTENTS;
use crate::wire::allocation::{HOLE, ZERO};

/// The only context has this number towards clients.
pub(crate) const CONTEXT: u32 = 1;

/// Ranges from an offset on, one behind the other: data, and holes that read as zeros.
pub(crate) struct Ranges {
    at: u64,
    end: u64,
    most: usize,
    found: Vec<(u32, u32)>,
}

impl Ranges {
    pub(crate) fn new(offset: u64, length: u32, only_one: bool) -> Self {
        let most = if only_one { 1 } else { EXTENTS as usize };
        Self { at: offset, end: offset.saturating_add(u64::from(length)), most, found: Vec::new() }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.at >= self.end || self.found.len() >= self.most
    }

    /// The next extent of data; extents come in order.
    pub(crate) fn data(&mut self, offset: u64, length: u64) {
        self.push(offset, HOLE | ZERO);
        self.push(offset.saturating_add(length), 0);
    }

    /// Up to here everything was looked at.
    pub(crate) fn holes_until(&mut self, offset: u64) {
        self.push(offset, HOLE | ZERO);
    }

    /// Everything was looked at.
    pub(crate) fn finish(mut self) -> Vec<(u32, u32)> {
        self.push(self.end, HOLE | ZERO);
        self.found
    }

    /// As far as it was looked.
    pub(crate) fn found(self) -> Vec<(u32, u32)> {
        self.found
    }

    fn push(&mut self, until: u64, flags: u32) {
        let until = until.min(self.end);
        let Some(length) = until.checked_sub(self.at).filter(|length| *length > 0) else { return };
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let full = self.found.len() >= self.most;
        match self.found.last_mut() {
            Some((last, same)) if *same == flags => *last = last.saturating_add(length),
            // Nothing may follow what is left out.
            _ if full => {
                self.end = self.at;
                return;
            }
            _ => self.found.push((length, flags)),
        }
        self.at = until;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: u32 = HOLE | ZERO;

    #[test]
    fn what_no_extent_covers_is_a_hole() {
        let mut ranges = Ranges::new(100, 1000, false);
        for (offset, length) in [(0, 150), (200, 50), (250, 50), (1050, 5000)] {
            ranges.data(offset, length);
        }
        assert!(ranges.is_full());
        assert_eq!(ranges.finish(), [(50, 0), (50, GAP), (100, 0), (750, GAP), (50, 0)]);
        assert_eq!(Ranges::new(0, 7, false).finish(), [(7, GAP)]);
    }

    #[test]
    fn an_answer_has_as_many_ranges_as_were_asked_for_and_none_is_skipped() {
        let mut one = Ranges::new(0, 100, true);
        one.data(10, 10);
        assert!(one.is_full());
        assert_eq!(one.finish(), [(10, GAP)]);
        let mut many = Ranges::new(0, u32::MAX, false);
        let mut at = 0;
        while !many.is_full() {
            many.data(at, 1);
            at += 2;
        }
        assert_eq!(many.finish().len(), EXTENTS as usize);
    }
}
