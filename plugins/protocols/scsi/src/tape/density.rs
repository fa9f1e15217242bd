//! In which formats a drive writes: REPORT DENSITY SUPPORT (SSC-4, clause 7: REPORT DENSITY SUPPORT).

use crate::{Malformed, field, of_three, text};

/// Formats of one answer that are read.
pub const DENSITIES: usize = 64;
/// Bytes of what is told of each, unless the descriptor says otherwise.
const BYTES: usize = 52;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Density {
    pub code: u8,
    pub writable: bool,
    /// What a blank medium is written in.
    pub default: bool,
    pub bits_per_mm: u32,
    /// Tenths of a millimetre.
    pub width: u16,
    pub tracks: u16,
    /// Megabytes of 1,000,000 bytes, uncompressed, without what format and partitions take.
    pub capacity: u32,
    pub organization: String,
    pub name: String,
    pub description: String,
}

/// The formats of an answer, in the order in which they came.
pub fn read_densities(bytes: &[u8]) -> Result<Vec<Density>, Malformed> {
    const WHAT: &str = "the formats of a drive";
    let length = usize::from(u16::from_be_bytes(field(bytes, 0, WHAT)?));
    let rest = bytes.get(4..).unwrap_or_default();
    // The length counts two bytes that lie before what it is the length of.
    let mut rest = rest.get(..length.saturating_sub(2)).unwrap_or(rest);
    let mut densities = Vec::new();
    while densities.len() < DENSITIES {
        // DLV: the descriptor says how long it is; at least as long as all are.
        let Some([_, _, flags, high, low]) = rest.first_chunk::<5>() else { break };
        let own = usize::from(u16::from_be_bytes([*high, *low])) + 5;
        let length = if flags & 0x01 != 0 { own.max(BYTES) } else { BYTES };
        let Some((descriptor, next)) = rest.split_at_checked(length) else { break };
        densities.push(density(descriptor)?);
        rest = next;
    }
    Ok(densities)
}

fn density(bytes: &[u8]) -> Result<Density, Malformed> {
    const WHAT: &str = "a format of a drive";
    let [code, _, flags] = field(bytes, 0, WHAT)?;
    let words = |at: usize, length: usize| bytes.get(at..at + length).map(text).ok_or(Malformed(WHAT));
    Ok(Density {
        code,
        writable: flags & 0x80 != 0,
        default: flags & 0x20 != 0,
        bits_per_mm: of_three(field(bytes, 5, WHAT)?),
        width: u16::from_be_bytes(field(bytes, 8, WHAT)?),
        tracks: u16::from_be_bytes(field(bytes, 10, WHAT)?),
        capacity: u32::from_be_bytes(field(bytes, 12, WHAT)?),
        organization: words(16, 8)?,
        name: words(24, 8)?,
        description: words(32, 20)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(code: u8, flags: u8, more: &[u8]) -> Vec<u8> {
        let mut bytes = vec![code, code, flags, 0, u8::try_from(47 + more.len()).unwrap(), 0, 0x3c, 0x78];
        bytes.extend([0, 127, 0x08, 0x80, 0, 0x26, 0x25, 0xa0]);
        bytes.extend(b"LTO-CVE U-616   Ultrium 6/16T       ");
        bytes.extend(more);
        bytes
    }

    fn answer(descriptors: &[Vec<u8>]) -> Vec<u8> {
        let body = descriptors.concat();
        let mut bytes = u16::try_from(body.len() + 2).unwrap().to_be_bytes().to_vec();
        bytes.extend([0, 0]);
        bytes.extend(body);
        bytes
    }

    #[test]
    fn formats_are_told_with_what_fits_on_a_medium() {
        let answer = answer(&[descriptor(0x5a, 0xa1, &[1, 2, 3]), descriptor(0x58, 0, &[])]);
        let densities = read_densities(&answer).unwrap();
        let [six, five] = &densities[..] else { panic!("{densities:?}") };
        assert_eq!((six.code, six.writable, six.default, six.capacity), (0x5a, true, true, 2_500_000));
        assert_eq!((&six.organization[..], &six.name[..], &six.description[..]), ("LTO-CVE", "U-616", "Ultrium 6/16T"));
        assert_eq!((six.bits_per_mm, six.width, six.tracks), (15_480, 127, 2_176));
        assert_eq!((five.code, five.writable), (0x58, false));
        // What is cut off is not there.
        assert_eq!(read_densities(&answer[..answer.len() - 1]).unwrap().len(), 1);
        assert!(read_densities(&[0]).is_err());
    }
}
