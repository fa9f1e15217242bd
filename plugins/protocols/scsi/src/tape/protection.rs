//! Logical block protection: a checksum of four bytes behind each block on its way to the drive and back, which the drive checks before it
//! takes the block and keeps on the medium (SSC-4, clause 4.2: logical block protection; SPC-4, mode page 0x0a, subpage 0xf0). While it is on,
//! every length that a command names or a drive tells counts the checksum.

use crate::{Malformed, field};

/// Bytes of a checksum.
pub const BYTES: u32 = 4;
const CRC32C: u8 = 2;
/// LBP_W and LBP_R: on the way to the drive, and back.
const WRITES: u8 = 0x80;
const READS: u8 = 0x40;

/// Control data protection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protection(Vec<u8>);

impl Protection {
    pub const PAGE: u8 = 0x0a;
    pub const SUBPAGE: u8 = 0xf0;

    /// What stands on the page, behind its header of four bytes.
    pub fn read(page: &[u8]) -> Result<Self, Malformed> {
        field::<3>(page, 0, "a page on the protection of blocks")?;
        Ok(Self(page.to_vec()))
    }

    /// Blocks carry a CRC-32C both ways.
    pub fn is_on(&self) -> bool {
        let length = u8::try_from(BYTES).unwrap_or_default();
        matches!(self.0.first_chunk(), Some([CRC32C, told, flags]) if told & 0x3f == length && flags & (WRITES | READS) == WRITES | READS)
    }

    /// The same page with a CRC-32C both ways, or with nothing.
    #[must_use]
    pub fn with(mut self, on: bool) -> Self {
        if let Some([method, length, flags, ..]) = self.0.first_chunk_mut::<3>().map(|chunk| chunk.as_mut_slice()) {
            *method = if on { CRC32C } else { 0 };
            *length = if on { 4 } else { 0 };
            *flags = (*flags & !(WRITES | READS)) | if on { WRITES | READS } else { 0 };
        }
        self
    }

    /// What goes behind the header of a MODE SELECT.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The block as it goes out, with the CRC-32C of it behind it: its low byte first, as the polynomial has it in RFC 7143 too.
pub fn seal(block: &mut Vec<u8>, crc32c: u32) {
    block.extend_from_slice(&crc32c.to_le_bytes());
}

/// Takes the checksum off a block that came in; none: it is too short to have one.
pub fn unseal(block: &mut Vec<u8>) -> Option<u32> {
    let crc = u32::from_le_bytes(*block.last_chunk::<4>()?);
    block.truncate(block.len() - 4);
    Some(crc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protection_is_switched_and_the_rest_of_the_page_stays() {
        let page = [0, 0, 0x20, 9, 9];
        let off = Protection::read(&page).unwrap();
        assert!(!off.is_on());
        let on = off.with(true);
        assert!(on.is_on());
        assert_eq!(on.bytes(), [2, 4, 0xe0, 9, 9]);
        assert_eq!(on.with(false).bytes(), page);
        // Another checksum, or one way only, is not what is spoken here.
        assert!(!Protection::read(&[1, 4, 0xc0]).unwrap().is_on() && !Protection::read(&[2, 4, 0x80]).unwrap().is_on());
        assert!(Protection::read(&[2, 4]).is_err());
    }

    #[test]
    fn a_checksum_lies_behind_the_block_with_its_low_byte_first() {
        // "123456789" has the CRC-32C 0xe3069283.
        let mut block = b"123456789".to_vec();
        seal(&mut block, 0xe306_9283);
        assert_eq!(block[9..], [0x83, 0x92, 0x06, 0xe3]);
        assert_eq!((unseal(&mut block), &block[..]), (Some(0xe306_9283), &b"123456789"[..]));
        assert_eq!(unseal(&mut vec![1, 2, 3]), None);
    }
}
