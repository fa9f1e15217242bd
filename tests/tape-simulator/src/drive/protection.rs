//! Logical block protection (SSC-5, section 4.2.29): behind each block, four bytes by which the drive sees that it came whole. Method 2 is known,
//! CRC32C; method 1, Reed-Solomon, is not.

use crc_fast::CrcAlgorithm;

/// Bytes behind each block.
pub(super) const BYTES: usize = 4;
pub(super) const CRC32C: u8 = 2;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Protection {
    /// 0: none.
    pub(super) method: u8,
    pub(super) writes: bool,
    pub(super) reads: bool,
}

impl Protection {
    pub(super) fn on_write(self) -> usize {
        if self.method != 0 && self.writes { BYTES } else { 0 }
    }

    pub(super) fn on_read(self) -> usize {
        if self.method != 0 && self.reads { BYTES } else { 0 }
    }
}

/// A block without the bytes behind it; none: they are not those of the block.
pub(super) fn checked(bytes: &[u8], extra: usize) -> Option<&[u8]> {
    let (block, check) = bytes.split_at_checked(bytes.len().checked_sub(extra)?)?;
    (extra == 0 || check == crc32c(block).to_le_bytes()).then_some(block)
}

pub(super) fn protect(block: &mut Vec<u8>) {
    let check = crc32c(block);
    block.extend_from_slice(&check.to_le_bytes());
}

fn crc32c(bytes: &[u8]) -> u32 {
    // No more than 32 bits of it are used.
    u32::try_from(crc_fast::checksum(CrcAlgorithm::Crc32Iscsi, bytes)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_is_the_one_of_the_standard() {
        // RFC 3720, appendix B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_block_that_changed_on_the_way_is_found_out() {
        let mut block = b"a block".to_vec();
        protect(&mut block);
        assert_eq!(checked(&block, BYTES), Some(&b"a block"[..]));
        block[2] ^= 1;
        assert_eq!(checked(&block, BYTES), None);
    }
}
