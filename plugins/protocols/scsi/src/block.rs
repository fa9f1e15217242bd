//! What a disk takes (SBC-3). Blocks are counted from 0, in the length that READ CAPACITY tells.

use crate::{Malformed, field};

pub const CAPACITY_BYTES: u32 = 32;
/// Parts that one UNMAP names here.
pub const UNMAP_PARTS: usize = 256;

/// How many blocks there are, and of what length; `CAPACITY_BYTES` in.
pub fn read_capacity() -> [u8; 16] {
    let mut cdb = long(0x9e, 0, 0, CAPACITY_BYTES);
    if let Some(action) = cdb.get_mut(1) {
        *action = 0x10;
    }
    cdb
}

/// READ(16): so many blocks in.
pub fn read(block: u64, count: u32) -> [u8; 16] {
    long(0x88, 0, block, count)
}

/// WRITE(16): so many blocks out. `through`: answered when the medium has them (FUA).
pub fn write(block: u64, count: u32, through: bool) -> [u8; 16] {
    long(0x8a, if through { 0x08 } else { 0 }, block, count)
}

/// SYNCHRONIZE CACHE(16); no data. A count of 0: to the end.
pub fn synchronize_cache(block: u64, count: u32) -> [u8; 16] {
    long(0x91, 0, block, count)
}

/// WRITE SAME(16): one block out, which is written so many times. `unmap`: blocks of zeros need not be kept.
pub fn write_same(block: u64, count: u32, unmap: bool) -> [u8; 16] {
    long(0x93, if unmap { 0x08 } else { 0 }, block, count)
}

/// UNMAP, and the list that goes out with it: first block and number of blocks of each part. None: more than `UNMAP_PARTS`.
pub fn unmap(parts: &[(u64, u32)]) -> Option<([u8; 10], Vec<u8>)> {
    if parts.len() > UNMAP_PARTS {
        return None;
    }
    let described = u16::try_from(parts.len() * 16).ok()?;
    let [high, low] = (described + 8).to_be_bytes();
    let mut list = Vec::with_capacity(usize::from(described) + 8);
    list.extend_from_slice(&(described + 6).to_be_bytes());
    list.extend_from_slice(&described.to_be_bytes());
    list.extend_from_slice(&[0; 4]);
    for (block, count) in parts {
        list.extend_from_slice(&block.to_be_bytes());
        list.extend_from_slice(&count.to_be_bytes());
        list.extend_from_slice(&[0; 4]);
    }
    Some(([0x42, 0, 0, 0, 0, 0, 0, high, low, 0], list))
}

/// GET LBA STATUS: which blocks from this one on hold data; so many bytes in.
pub fn get_lba_status(block: u64, bytes: u32) -> [u8; 16] {
    let mut cdb = long(0x9e, 0, block, bytes);
    if let Some(action) = cdb.get_mut(1) {
        *action = 0x12;
    }
    cdb
}

/// Blocks up to `end`, from where the part before ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    pub end: u64,
    /// They may hold data; others were unmapped.
    pub mapped: bool,
}

/// What GET LBA STATUS tells from `block` on (section 5.6.2), as far as it goes on without a gap.
pub fn read_lba_status(bytes: &[u8], block: u64) -> Vec<Status> {
    let (mut at, mut told) = (block, Vec::new());
    let length = bytes.first_chunk::<4>().map_or(0, |length| u32::from_be_bytes(*length)) as usize;
    let list = bytes.get(8..).unwrap_or_default();
    let list = list.get(..length.saturating_sub(4)).unwrap_or(list);
    for part in list.as_chunks::<16>().0 {
        let [a, b, c, d, e, f, g, h, i, j, k, l, state, ..] = *part;
        let first = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        let end = first.saturating_add(u64::from(u32::from_be_bytes([i, j, k, l])));
        // The first part may begin before the block that was asked for.
        if first > at || end <= at {
            break;
        }
        // 1: deallocated. 2, anchored, reads as zeros as well, but its room is taken.
        told.push(Status { end, mapped: state & 0xf != 1 });
        at = end;
    }
    told
}

fn long(opcode: u8, flags: u8, block: u64, count: u32) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h] = block.to_be_bytes();
    let [i, j, k, l] = count.to_be_bytes();
    [opcode, flags, a, b, c, d, e, f, g, h, i, j, k, l, 0, 0]
}

/// Whether a command to a disk may be sent again when nobody knows if it was done: done twice, it leaves what it leaves done once. So are
/// reads, and writes of the same bytes to the same blocks; not those that depend on what stands there.
pub fn is_repeatable(cdb: &[u8]) -> bool {
    matches!(
        cdb.first(),
        Some(
            0x00 | 0x03 | 0x12 | 0xa0 // TEST UNIT READY, REQUEST SENSE, INQUIRY, REPORT LUNS
            | 0x1a | 0x5a // MODE SENSE
            | 0x25 | 0x9e // READ CAPACITY, GET LBA STATUS
            | 0x08 | 0x28 | 0xa8 | 0x88 // READ
            | 0x0a | 0x2a | 0xaa | 0x8a // WRITE
            | 0x35 | 0x91 // SYNCHRONIZE CACHE
            | 0x41 | 0x93 // WRITE SAME
            | 0x42 // UNMAP
        )
    )
}

/// READ CAPACITY(16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    pub blocks: u64,
    /// Bytes of a block.
    pub block_bytes: u32,
    /// Blocks may be unmapped; those that are read as zeros.
    pub thin: bool,
    pub unmapped_are_zero: bool,
}

impl Capacity {
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "a capacity";
        let last = u64::from_be_bytes(field(bytes, 0, WHAT)?);
        let block_bytes = u32::from_be_bytes(field(bytes, 8, WHAT)?);
        let [provisioning] = field(bytes, 14, WHAT)?;
        let blocks = last.checked_add(1).ok_or(Malformed(WHAT))?;
        // A device of more bytes than can be counted is none.
        if !block_bytes.is_power_of_two() || blocks.checked_mul(u64::from(block_bytes)).is_none() {
            return Err(Malformed(WHAT));
        }
        Ok(Self { blocks, block_bytes, thin: provisioning & 0x80 != 0, unmapped_are_zero: provisioning & 0x40 != 0 })
    }

    pub fn bytes(&self) -> u64 {
        self.blocks.saturating_mul(u64::from(self.block_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_counts_stand_where_the_device_looks() {
        assert_eq!(read(0x0102_0304_0506_0708, 9), [0x88, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 9, 0, 0]);
        assert_eq!(write(1, 2, true)[..2], [0x8a, 0x08]);
        assert_eq!(write_same(1, 2, true)[..2], [0x93, 0x08]);
        assert_eq!(read_capacity()[..2], [0x9e, 0x10]);
        assert_eq!(read_capacity()[10..14], [0, 0, 0, 32]);
    }

    #[test]
    fn an_unmap_lists_its_parts() {
        let (cdb, list) = unmap(&[(1, 2), (3, 4)]).unwrap();
        assert_eq!((cdb[7..9].to_vec(), list.len()), (vec![0, 40], 40));
        assert_eq!(list[..8], [0, 38, 0, 32, 0, 0, 0, 0]);
        assert_eq!(list[24..36], [0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 4]);
        assert!(unmap(&[(0, 1); UNMAP_PARTS + 1]).is_none());
    }

    #[test]
    fn states_of_blocks_are_read_as_far_as_they_go_on() {
        assert_eq!(get_lba_status(9, 4096)[..2], [0x9e, 0x12]);
        let part = |first: u64, count: u32, state: u8| {
            let mut part = first.to_be_bytes().to_vec();
            part.extend(count.to_be_bytes());
            part.extend([state, 0, 0, 0]);
            part
        };
        let answer = |parts: &[Vec<u8>]| {
            let list = parts.concat();
            let mut bytes = u32::try_from(list.len() + 4).unwrap().to_be_bytes().to_vec();
            bytes.extend([0; 4]);
            bytes.extend(list);
            bytes
        };
        let whole = answer(&[part(0, 10, 0), part(10, 5, 1), part(20, 5, 0)]);
        let expected = [Status { end: 10, mapped: true }, Status { end: 15, mapped: false }];
        assert_eq!(read_lba_status(&whole, 4), expected);
        // What ends before it says, and what has nothing to tell.
        assert_eq!(read_lba_status(&whole[..40], 4), expected);
        assert!(read_lba_status(&whole, 12).is_empty() && read_lba_status(&[], 0).is_empty());
        assert!(read_lba_status(&answer(&[part(0, 0, 0)]), 0).is_empty());
    }

    #[test]
    fn a_capacity_is_read_or_refused() {
        let mut bytes = [0; 32];
        bytes[7] = 99;
        bytes[10] = 2;
        bytes[14] = 0xc0;
        let capacity = Capacity::read(&bytes).unwrap();
        assert_eq!((capacity.blocks, capacity.block_bytes, capacity.bytes()), (100, 512, 51_200));
        assert!(capacity.thin && capacity.unmapped_are_zero);
        assert!(
            Capacity::read(&bytes[..14]).is_err() && Capacity::read(&[0xff; 32]).is_err() && Capacity::read(&[0; 32]).is_err()
        );
    }

    #[test]
    fn what_depends_on_what_stands_there_is_not_repeated() {
        assert!(is_repeatable(&read(0, 1)) && is_repeatable(&write(0, 1, false)) && is_repeatable(&[0x42]));
        // COMPARE AND WRITE, PERSISTENT RESERVE OUT, FORMAT UNIT, nothing.
        for cdb in [&[0x89][..], &[0x5f], &[0x04], &[]] {
            assert!(!is_repeatable(cdb));
        }
    }
}
