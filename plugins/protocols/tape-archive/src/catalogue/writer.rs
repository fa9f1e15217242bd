//! The lines of a catalogue one by one, twice: once to know how long it will be, once to write it. Nothing but a line is held.

use super::{Change, End, Head, LINE, Record};
use crate::tree::Walk;
use crate::{Refused, Tree};

/// What comes next.
#[derive(Debug)]
enum Next {
    Head,
    /// Of the changes.
    Change(usize),
    /// Of all there is.
    Node(Walk),
    End,
    Nothing,
}

#[derive(Debug)]
pub(crate) struct Lines {
    next: Next,
    sum: blake3::Hasher,
}

impl Default for Lines {
    fn default() -> Self {
        Self { next: Next::Head, sum: blake3::Hasher::new() }
    }
}

impl Lines {
    /// Bytes of all lines.
    pub(crate) fn measure(head: &Head, tree: &Tree, changes: &[Change]) -> Result<u64, Refused> {
        let mut lines = Self::default();
        let mut bytes = 0_u64;
        while let Some(line) = lines.next(head, tree, changes) {
            let length = line.len();
            if length > LINE {
                return Err(Refused::TooMany("bytes of a line of the catalogue"));
            }
            bytes = bytes.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        }
        if bytes > super::BYTES { Err(Refused::TooMany("bytes of the catalogue")) } else { Ok(bytes) }
    }

    /// With its end. What is passed is the same in every call.
    pub(crate) fn next(&mut self, head: &Head, tree: &Tree, changes: &[Change]) -> Option<Vec<u8>> {
        loop {
            let line = match &mut self.next {
                Next::Head => {
                    self.next = if head.full { Next::Node(Walk::default()) } else { Next::Change(0) };
                    serde_json::to_vec(head)
                }
                Next::Change(at) => {
                    let Some(change) = changes.get(*at) else {
                        self.next = Next::End;
                        continue;
                    };
                    *at += 1;
                    serde_json::to_vec(change)
                }
                Next::Node(walk) => {
                    let Some((path, node)) = walk.next(tree) else {
                        self.next = Next::End;
                        continue;
                    };
                    serde_json::to_vec(&Change::Put(Record::of(path, node)))
                }
                Next::End => {
                    self.next = Next::Nothing;
                    serde_json::to_vec(&End { blake3: self.sum.finalize().to_hex().to_string() })
                }
                Next::Nothing => return None,
            };
            // Text and numbers are always JSON.
            let mut line = line.unwrap_or_default();
            line.push(b'\n');
            self.sum.update(&line);
            return Some(line);
        }
    }
}
