//! Puts PDUs together from the pieces in which a stream hands them over (RFC 7143, section 11.1), and checks their digests.

use crate::digest::{Crc, crc32c};
use crate::error::Error;
use crate::header::{BYTES, Digests, Header, padding};

/// A PDU as it came. What an additional header says concerns nobody: targets have none to send (section 11.2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) header: Header,
    pub(crate) data: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Frames {
    pub(crate) digests: Digests,
    /// Of data.
    pub(crate) crc: Crc,
    /// Bytes of a data segment.
    pub(crate) most: usize,
    /// The headers, and their digest.
    head: Vec<u8>,
    /// Header and data of a PDU whose headers are whole.
    open: Option<Frame>,
}

const DIGEST: usize = 4;

impl Frames {
    pub(crate) fn new(most: usize) -> Self {
        Self { digests: Digests::default(), crc: crc32c, most, head: Vec::new(), open: None }
    }

    /// Takes from the front of `piece` what belongs to the current PDU; answers it when it is whole.
    pub(crate) fn take(&mut self, piece: &mut &[u8]) -> Result<Option<Frame>, Error> {
        let mut frame = match self.open.take() {
            Some(frame) => frame,
            None => match self.headers(piece)? {
                Some(header) => {
                    let length = header.data_bytes();
                    if length > self.most {
                        return Err(Error::TooMuch("a data segment"));
                    }
                    let data = Vec::with_capacity(self.on_the_wire(length));
                    Frame { header, data }
                }
                None => return Ok(None),
            },
        };
        let length = frame.header.data_bytes();
        let wanted = self.on_the_wire(length);
        fill(&mut frame.data, wanted, piece);
        if frame.data.len() < wanted {
            self.open = Some(frame);
            return Ok(None);
        }
        if self.digests.data && wanted > 0 && !holds(&frame.data, self.crc) {
            return Err(Error::Digest("data"));
        }
        frame.data.truncate(length);
        Ok(Some(frame))
    }

    /// Bytes that a data segment takes with what stands behind it.
    fn on_the_wire(&self, length: usize) -> usize {
        let digest = if self.digests.data && length > 0 { DIGEST } else { 0 };
        length + padding(length) + digest
    }

    fn headers(&mut self, piece: &mut &[u8]) -> Result<Option<Header>, Error> {
        fill(&mut self.head, BYTES, piece);
        let Some(header) = self.head.first_chunk::<BYTES>().copied().map(Header) else { return Ok(None) };
        let digest = if self.digests.header { DIGEST } else { 0 };
        let wanted = BYTES + header.ahs_bytes() + digest;
        fill(&mut self.head, wanted, piece);
        if self.head.len() < wanted {
            return Ok(None);
        }
        if self.digests.header && !holds(&self.head, crc32c) {
            return Err(Error::Digest("header"));
        }
        self.head.clear();
        Ok(Some(header))
    }
}

fn fill(to: &mut Vec<u8>, wanted: usize, piece: &mut &[u8]) {
    let (front, rest) = piece.split_at(piece.len().min(wanted.saturating_sub(to.len())));
    to.extend_from_slice(front);
    *piece = rest;
}

/// Whether the digest at the end is that of what stands before it.
fn holds(bytes: &[u8], crc: Crc) -> bool {
    bytes.split_last_chunk::<DIGEST>().is_some_and(|(before, digest)| crc(before).to_le_bytes() == *digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::{encode, opcode};

    fn some(digests: Digests) -> Vec<u8> {
        let mut stream = Vec::new();
        for (ahs, data) in [(0, 0), (8, 5), (0, 64), (4, 1)] {
            encode(&Header::new(opcode::NOP_IN, 0x80), &vec![9; ahs], &vec![7; data], digests, &mut stream);
        }
        stream
    }

    #[test]
    fn pdus_come_out_whole_however_they_are_cut() {
        for digests in [Digests::default(), Digests { header: true, data: false }, Digests { header: true, data: true }] {
            let stream = some(digests);
            for cut in 1..stream.len() {
                let (mut frames, mut found) = (Frames::new(64), Vec::new());
                frames.digests = digests;
                for mut piece in stream.chunks(cut) {
                    while let Some(frame) = frames.take(&mut piece).unwrap() {
                        found.push(frame.data.len());
                    }
                    assert!(piece.is_empty());
                }
                assert_eq!(found, [0, 5, 64, 1], "{cut}");
            }
        }
    }

    #[test]
    fn any_changed_byte_is_found_by_the_digests() {
        let digests = Digests { header: true, data: true };
        let stream = some(digests);
        for at in 0..stream.len() {
            let mut stream = stream.clone();
            stream[at] ^= 0x10;
            let mut frames = Frames::new(1 << 24);
            frames.digests = digests;
            let (mut piece, mut whole) = (&stream[..], 0);
            let error = loop {
                match frames.take(&mut piece) {
                    Ok(Some(_)) => whole += 1,
                    // A length that grew: the rest never comes.
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
            };
            assert!(whole < 4 && (error.is_some() || piece.is_empty()), "{at}");
        }
    }

    #[test]
    fn a_longer_segment_than_agreed_is_refused_before_it_is_kept() {
        let mut stream = Vec::new();
        encode(&Header::new(opcode::NOP_IN, 0x80), &[], &[0; 65], Digests::default(), &mut stream);
        assert_eq!(Frames::new(64).take(&mut &stream[..BYTES]), Err(Error::TooMuch("a data segment")));
    }
}
