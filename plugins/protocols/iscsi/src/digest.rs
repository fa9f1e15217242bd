//! CRC32C, the digest of headers and data (RFC 7143, section 13.1), eight bytes at a step.

/// Castagnoli's polynomial, lowest bit first.
const POLYNOMIAL: u32 = 0x82f6_3b78;
const STEP: usize = 8;

static TABLES: [[u32; 256]; STEP] = tables();

#[allow(clippy::indexing_slicing, reason = "at compile time")]
const fn tables() -> [[u32; 256]; STEP] {
    let mut tables = [[0; 256]; STEP];
    let mut at: usize = 0;
    while at < 256 {
        let mut value = at as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ POLYNOMIAL } else { value >> 1 };
            bit += 1;
        }
        tables[0][at] = value;
        at += 1;
    }
    let mut step = 1;
    while step < STEP {
        let mut at = 0;
        while at < 256 {
            let shorter = tables[step - 1][at];
            tables[step][at] = shorter >> 8 ^ tables[0][(shorter & 0xff) as usize];
            at += 1;
        }
        step += 1;
    }
    tables
}

/// CRC32C of what stands before and behind a cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crc32c(u32);

impl Crc32c {
    pub(crate) fn new() -> Self {
        Self(u32::MAX)
    }

    #[allow(clippy::indexing_slicing, reason = "a byte has its place in a table of 256")]
    pub(crate) fn update(self, bytes: &[u8]) -> Self {
        let mut crc = self.0;
        let (chunks, rest) = bytes.as_chunks::<STEP>();
        for chunk in chunks {
            let [a, b, c, d, e, f, g, h] = *chunk;
            let [i, j, k, l] = (crc ^ u32::from_le_bytes([a, b, c, d])).to_le_bytes();
            crc = TABLES[7][usize::from(i)]
                ^ TABLES[6][usize::from(j)]
                ^ TABLES[5][usize::from(k)]
                ^ TABLES[4][usize::from(l)]
                ^ TABLES[3][usize::from(e)]
                ^ TABLES[2][usize::from(f)]
                ^ TABLES[1][usize::from(g)]
                ^ TABLES[0][usize::from(h)];
        }
        for byte in rest {
            crc = crc >> 8 ^ TABLES[0][((crc ^ u32::from(*byte)) & 0xff) as usize];
        }
        Self(crc)
    }

    /// As it stands in a PDU: lowest byte first.
    pub(crate) fn bytes(self) -> [u8; 4] {
        (!self.0).to_le_bytes()
    }
}

/// Computes CRC32C as a number, of any bytes.
pub type Crc = fn(&[u8]) -> u32;

/// CRC32C as a number.
pub fn crc32c(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(Crc32c::new().update(bytes).bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3720, appendix B.4.
    #[test]
    fn the_examples_of_the_rfc_hold() {
        let ascending: Vec<u8> = (0..32).collect();
        let descending: Vec<u8> = (0..32).rev().collect();
        for (bytes, digest) in [
            (&[0; 32][..], [0xaa, 0x36, 0x91, 0x8a]),
            (&[0xff; 32], [0x43, 0xab, 0xa8, 0x62]),
            (&ascending, [0x4e, 0x79, 0xdd, 0x46]),
            (&descending, [0x5c, 0xdb, 0x3f, 0x11]),
        ] {
            assert_eq!(Crc32c::new().update(bytes).bytes(), digest);
        }
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn pieces_make_the_same_as_the_whole() {
        let bytes: Vec<u8> = (0..100).collect();
        let whole = Crc32c::new().update(&bytes).bytes();
        for cut in 0..100 {
            assert_eq!(Crc32c::new().update(&bytes[..cut]).update(&bytes[cut..]).bytes(), whole);
        }
    }
}
