//! Where one answer of a peer ends and the next one begins, in bytes that come in pieces of any length.

use std::io;

use crate::transmission::Agreed;
use crate::wire::{self, Reader};

/// Bytes of the head of an answer, in either form.
const SIMPLE: usize = 16;
const STRUCTURED: usize = 20;

pub(super) struct Walk {
    structured: bool,
    /// What is here of the next head.
    head: [u8; STRUCTURED],
    here: usize,
    /// Bytes that still come behind the last one.
    rest: u64,
}

impl Walk {
    pub(super) fn new(agreed: Agreed) -> Self {
        Self { structured: agreed.structured, head: [0; STRUCTURED], here: 0, rest: 0 }
    }

    /// Nothing of an answer, or of a chunk of one, is still to come.
    pub(super) fn is_between(&self) -> bool {
        self.here == 0 && self.rest == 0
    }

    /// Bytes of the last answer that are still to come.
    pub(super) fn rest(&self) -> u64 {
        self.rest
    }

    /// So many of them went by.
    pub(super) fn pass(&mut self, bytes: usize) {
        self.rest = self.rest.saturating_sub(bytes as u64);
    }

    /// Goes over these bytes. `asked` tells how much the read of a cookie asked for, once.
    pub(super) fn over(&mut self, mut bytes: &[u8], mut asked: impl FnMut(u64) -> Option<u32>) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.rest > 0 {
                let length = usize::try_from(self.rest).unwrap_or(usize::MAX).min(bytes.len());
                self.pass(length);
                bytes = bytes.get(length..).unwrap_or_default();
                continue;
            }
            let wanted = if self.here < SIMPLE { SIMPLE } else { STRUCTURED };
            let (piece, behind) = bytes.split_at(bytes.len().min(wanted - self.here));
            if let Some(room) = self.head.get_mut(self.here..self.here + piece.len()) {
                room.copy_from_slice(piece);
            }
            self.here += piece.len();
            bytes = behind;
            if self.here == wanted {
                self.read(&mut asked)?;
            }
        }
        Ok(())
    }

    /// As much of a head as the simple form has is here, or all of the structured form.
    fn read(&mut self, asked: &mut impl FnMut(u64) -> Option<u32>) -> io::Result<()> {
        let mut head = Reader(&self.head);
        self.rest = match head.u32() {
            Some(wire::SIMPLE_REPLY) => {
                let (error, length) = (head.u32(), head.u64().and_then(asked));
                length.filter(|_| error == Some(0)).map_or(0, u64::from)
            }
            Some(wire::STRUCTURED_REPLY) if self.structured && self.here < STRUCTURED => return Ok(()),
            Some(wire::STRUCTURED_REPLY) if self.structured => {
                let (_flags_and_kind, _cookie, length) = (head.u32(), head.u64(), head.u32());
                length.map_or(0, u64::from)
            }
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "the peer sent what is no answer")),
        };
        self.here = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Put;

    fn simple(error: u32, cookie: u64, data: usize) -> Vec<u8> {
        let mut answer = Vec::new();
        answer.put_u32(wire::SIMPLE_REPLY);
        answer.put_u32(error);
        answer.put_u64(cookie);
        answer.resize(answer.len() + data, 0xff);
        answer
    }

    fn chunk(data: u32) -> Vec<u8> {
        let mut answer = Vec::new();
        answer.put_u32(wire::STRUCTURED_REPLY);
        answer.put_u32(1);
        answer.put_u64(7);
        answer.put_u32(data);
        answer.resize(answer.len() + data as usize, 0xff);
        answer
    }

    /// Where it is between two answers, for pieces of this length: bytes from the beginning.
    fn ends(answers: &[Vec<u8>], structured: bool, piece: usize) -> Vec<usize> {
        let mut walk = Walk::new(Agreed { structured, allocation: structured });
        let bytes = answers.concat();
        let mut ends = Vec::new();
        let mut at = 0;
        for piece in bytes.chunks(piece) {
            walk.over(piece, |cookie| (cookie > 0).then_some(100)).unwrap();
            at += piece.len();
            if walk.is_between() {
                ends.push(at);
            }
        }
        ends
    }

    fn sums(answers: &[Vec<u8>]) -> Vec<usize> {
        let mut sum = 0;
        answers
            .iter()
            .map(|answer| {
                sum += answer.len();
                sum
            })
            .collect()
    }

    #[test]
    fn the_end_of_every_answer_is_found_wherever_its_bytes_are_cut() {
        // A read, something else, a read that failed, and a read.
        let answers = [simple(0, 1, 100), simple(0, 0, 0), simple(5, 2, 0), simple(0, 3, 100)];
        assert_eq!(ends(&answers, false, 1), sums(&answers));
        let chunks = [chunk(0), chunk(300), simple(1, 0, 0), chunk(6)];
        assert_eq!(ends(&chunks, true, 1), sums(&chunks));
        for piece in 2..400 {
            for (answers, structured) in [(&answers, false), (&chunks, true)] {
                let all = sums(answers);
                let found = ends(answers, structured, piece);
                assert!(found.iter().all(|end| all.contains(end)), "{piece}");
                assert_eq!(found.last(), all.last(), "{piece}");
            }
        }
    }

    #[test]
    fn what_is_no_answer_or_none_that_was_agreed_on_ends_it() {
        let mut walk = Walk::new(Agreed::default());
        assert!(walk.over(&[0xff; SIMPLE], |_| None).is_err());
        let mut walk = Walk::new(Agreed::default());
        assert!(walk.over(&chunk(0), |_| None).is_err());
    }

    #[test]
    fn an_answer_may_be_as_long_as_it_says_and_takes_no_memory() {
        let mut walk = Walk::new(Agreed { structured: true, allocation: false });
        let mut head = chunk(0);
        head.truncate(16);
        head.put_u32(u32::MAX);
        walk.over(&head, |_| None).unwrap();
        assert_eq!(walk.rest(), u64::from(u32::MAX));
        walk.pass(u32::MAX as usize);
        assert!(walk.is_between());
    }
}
