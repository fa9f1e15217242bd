//! Logical block protection (SSC-5, section 4.2.29): behind each block, four bytes by which the drive sees that it came whole. Method 2 is known,
//! CRC32C; method 1, Reed-Solomon, is not.

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

/// Reflected polynomial of Castagnoli.
const POLYNOMIAL: u32 = 0x82f6_3b78;
/// Bytes that are taken at once.
const AT_ONCE: usize = 8;

/// By how many zero bytes follow, and by byte.
static TABLES: [[u32; 256]; AT_ONCE] = tables();

#[allow(clippy::indexing_slicing, reason = "evaluated when it is compiled: an index that is out of bounds does not compile")]
const fn tables() -> [[u32; 256]; AT_ONCE] {
    let mut tables = [[0; 256]; AT_ONCE];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            value = (value >> 1) ^ (if value & 1 == 1 { POLYNOMIAL } else { 0 });
            bit += 1;
        }
        tables[0][byte] = value;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < AT_ONCE {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[zeros - 1][byte];
            tables[zeros][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

fn crc32c(bytes: &[u8]) -> u32 {
    let [t0, t1, t2, t3, t4, t5, t6, t7] = &TABLES;
    let at = |table: &[u32; 256], byte: u8| table.get(usize::from(byte)).copied().unwrap_or(0);
    let (chunks, rest) = bytes.as_chunks::<AT_ONCE>();
    let mut crc = u32::MAX;
    for [a, b, c, d, e, f, g, h] in chunks {
        let [i, j, k, l] = crc.to_le_bytes();
        crc = at(t7, a ^ i) ^ at(t6, b ^ j) ^ at(t5, c ^ k) ^ at(t4, d ^ l) ^ at(t3, *e) ^ at(t2, *f) ^ at(t1, *g) ^ at(t0, *h);
    }
    for byte in rest {
        let [low, ..] = crc.to_le_bytes();
        crc = (crc >> 8) ^ at(t0, low ^ byte);
    }
    !crc
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
