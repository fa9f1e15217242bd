//! In which order parts of a medium are read soonest, as the drive computes it, which alone knows how its tape lies: GENERATE and RECEIVE
//! RECOMMENDED ACCESS ORDER (SSC-5, clause 7; user data segments). Parts are handed over in one command and come back, in their order, with
//! another.

use crate::{Malformed, field};

/// Bytes of one part, and of what stands before a list of them.
const SEGMENT_BYTES: usize = 32;
const HEADER_BYTES: usize = 8;
/// Bytes of the answer to [`ask_limits`].
pub const LIMITS_BYTES: u32 = 4;
/// Parts of one list, whatever the drive would take.
pub const SEGMENTS: usize = 4096;
/// Bytes of the name that a part has, decimal digits here.
const NAME_BYTES: usize = 10;

/// Objects that lie together and are read in one go, numbered as in [`super::Position`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    pub partition: u8,
    pub first: u64,
    /// The last one that belongs to it.
    pub last: u64,
}

/// What a drive orders at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub segments: u16,
    /// Bytes of one part.
    pub segment_bytes: u16,
}

impl Limits {
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let [a, b, c, d] = field(bytes, 0, "the limits of an order")?;
        Ok(Self { segments: u16::from_be_bytes([a, b]), segment_bytes: u16::from_be_bytes([c, d]) })
    }

    /// How many parts can be handed over at once; 0: none.
    pub fn most(&self) -> usize {
        // A drive that tells no length of a part takes the one that there is.
        let fits = self.segment_bytes == 0 || usize::from(self.segment_bytes) >= SEGMENT_BYTES;
        if fits { usize::from(self.segments).min(SEGMENTS) } else { 0 }
    }
}

/// RECEIVE RECOMMENDED ACCESS ORDER of the limits (UDS_LIMITS); `LIMITS_BYTES` in.
pub fn ask_limits() -> [u8; 12] {
    receive(0x80, LIMITS_BYTES)
}

/// GENERATE RECOMMENDED ACCESS ORDER, from where the tape is, and the list that goes out with it. None: no part, or more than `SEGMENTS`.
pub fn generate(segments: &[Segment]) -> Option<([u8; 12], Vec<u8>)> {
    if !(1..=SEGMENTS).contains(&segments.len()) {
        return None;
    }
    let mut list = vec![0; 4];
    list.extend_from_slice(&u32::try_from(segments.len() * SEGMENT_BYTES).ok()?.to_be_bytes());
    for (index, segment) in segments.iter().enumerate() {
        // DESCRIPTOR LENGTH does not count itself.
        list.extend_from_slice(&u16::try_from(SEGMENT_BYTES - 2).ok()?.to_be_bytes());
        list.extend_from_slice(&[0; 3]);
        list.extend_from_slice(format!("{index:0NAME_BYTES$}").as_bytes());
        list.push(segment.partition);
        list.extend_from_slice(&segment.first.to_be_bytes());
        list.extend_from_slice(&segment.last.to_be_bytes());
    }
    let [a, b, c, d] = u32::try_from(list.len()).ok()?.to_be_bytes();
    // PROCESS 2: parts are brought into order.
    Some(([0xa4, 0x1d, 2, 0, 0, 0, a, b, c, d, 0, 0], list))
}

/// Bytes of the answer about so many parts.
pub fn answer_bytes(segments: usize) -> u32 {
    u32::try_from(HEADER_BYTES + segments.min(SEGMENTS) * SEGMENT_BYTES).unwrap_or(u32::MAX)
}

/// RECEIVE RECOMMENDED ACCESS ORDER of so many parts; [`answer_bytes`] in.
pub fn ask(segments: usize) -> [u8; 12] {
    receive(0, answer_bytes(segments))
}

fn receive(flags: u8, bytes: u32) -> [u8; 12] {
    let [a, b, c, d] = bytes.to_be_bytes();
    [0xa3, flags | 0x1d, 0, 0, 0, 0, a, b, c, d, 0, 0]
}

/// Which part comes when, as indexes into what was handed over: each of so many once. Fails where the drive leaves one out, or names another,
/// as it does that has not finished.
pub fn read(bytes: &[u8], segments: usize) -> Result<Vec<usize>, Malformed> {
    const WHAT: &str = "an order of parts";
    let length = u32::from_be_bytes(field(bytes, 4, WHAT)?) as usize;
    let rest = bytes.get(HEADER_BYTES..).unwrap_or_default();
    let mut rest = rest.get(..length).unwrap_or(rest);
    let mut order = Vec::new();
    let mut missing = vec![true; segments.min(SEGMENTS)];
    while let Some(own) = rest.first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*own)) + 2;
        let Some((part, next)) = rest.split_at_checked(length.max(SEGMENT_BYTES)) else { break };
        let name = part.get(5..5 + NAME_BYTES).and_then(|name| std::str::from_utf8(name).ok());
        let index = name.and_then(|name| name.parse::<usize>().ok()).ok_or(Malformed(WHAT))?;
        let first_time = missing.get_mut(index).is_some_and(|missing| std::mem::replace(missing, false));
        if !first_time {
            return Err(Malformed(WHAT));
        }
        order.push(index);
        rest = next;
    }
    if order.len() == segments { Ok(order) } else { Err(Malformed(WHAT)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(first: u64) -> Segment {
        Segment { partition: 1, first, last: first + 9 }
    }

    /// What a drive would answer that brings parts into this order.
    fn answer(list: &[u8], order: &[usize]) -> Vec<u8> {
        let parts: Vec<&[u8]> = list[HEADER_BYTES..].chunks(SEGMENT_BYTES).collect();
        let body: Vec<u8> = order.iter().flat_map(|index| parts[*index].to_vec()).collect();
        let mut bytes = vec![2, 1, 0, 0];
        bytes.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
        bytes.extend(body);
        bytes
    }

    #[test]
    fn parts_stand_where_the_drive_looks() {
        let (cdb, list) = generate(&[segment(0x0102), segment(5)]).unwrap();
        assert_eq!(cdb, [0xa4, 0x1d, 2, 0, 0, 0, 0, 0, 0, 72, 0, 0]);
        assert_eq!(list[..13], [0, 0, 0, 0, 0, 0, 0, 64, 0, 30, 0, 0, 0]);
        assert_eq!((&list[13..23], list[23], &list[30..32]), (&b"0000000000"[..], 1, &[1, 2][..]));
        assert_eq!((&list[38..40], &list[45..55]), (&[1, 0x0b][..], &b"0000000001"[..]));
        assert_eq!((ask_limits()[..2].to_vec(), ask(2)[6..10].to_vec()), (vec![0xa3, 0x9d], vec![0, 0, 0, 72]));
        assert!(generate(&[]).is_none() && generate(&vec![segment(0); SEGMENTS + 1]).is_none());
    }

    #[test]
    fn an_order_has_each_part_once() {
        let (_, list) = generate(&[segment(30), segment(10), segment(20)]).unwrap();
        assert_eq!(read(&answer(&list, &[1, 2, 0]), 3).unwrap(), [1, 2, 0]);
        for wrong in [&[1, 2][..], &[1, 2, 2], &[], &[0, 1, 2, 0]] {
            assert!(read(&answer(&list, wrong), 3).is_err(), "{wrong:?}");
        }
        let whole = answer(&list, &[1, 2, 0]);
        assert!((0..whole.len()).all(|end| read(&whole[..end], 3).is_err()));
        assert!(read(&whole, 2).is_err());
    }

    #[test]
    fn a_drive_says_how_many_parts_it_orders() {
        assert_eq!(Limits::read(&[0x0a, 0x8c, 0, 32]).unwrap().most(), 2_700);
        assert_eq!((Limits::read(&[0, 9, 0, 0]).unwrap().most(), Limits::read(&[0, 9, 0, 31]).unwrap().most()), (9, 0));
        assert_eq!(Limits::read(&[0xff, 0xff, 0, 32]).unwrap().most(), SEGMENTS);
        assert!(Limits::read(&[0; 3]).is_err());
    }
}
