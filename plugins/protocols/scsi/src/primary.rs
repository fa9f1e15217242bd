//! What every device takes (SPC-4).

use crate::{Malformed, field};

/// Bytes of the answers that are asked for.
pub const INQUIRY_BYTES: u16 = 96;
pub const PAGE_BYTES: u16 = 1024;
/// LUNs that are looked at.
pub const LUNS: u32 = 256;
pub const LUNS_BYTES: u32 = 8 + 8 * LUNS;

/// Whether the unit is there and ready; no data.
pub fn test_unit_ready() -> [u8; 6] {
    [0; 6]
}

/// Who the device is; `INQUIRY_BYTES` in.
pub fn inquiry() -> [u8; 6] {
    let [high, low] = INQUIRY_BYTES.to_be_bytes();
    [0x12, 0, 0, high, low, 0]
}

/// A page of vital product data; `PAGE_BYTES` in.
pub fn inquiry_page(page: u8) -> [u8; 6] {
    let [high, low] = PAGE_BYTES.to_be_bytes();
    [0x12, 1, page, high, low, 0]
}

/// The units of a target; `LUNS_BYTES` in.
pub fn report_luns() -> [u8; 12] {
    let [a, b, c, d] = LUNS_BYTES.to_be_bytes();
    [0xa0, 0, 0, 0, 0, 0, a, b, c, d, 0, 0]
}

/// Whether the medium may be taken out: by hand, and by a robot (SPC-4, PREVENT ALLOW MEDIUM REMOVAL); no data.
pub fn prevent_removal(prevent: bool) -> [u8; 6] {
    [0x1e, 0, 0, 0, u8::from(prevent), 0]
}

/// PERIPHERAL DEVICE TYPE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceType {
    Disk,
    Tape,
    Changer,
    Other(u8),
}

/// Standard INQUIRY data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inquiry {
    pub device: DeviceType,
    /// No unit stands behind this LUN.
    pub absent: bool,
    pub vendor: String,
    pub product: String,
    pub revision: String,
}

impl Inquiry {
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "INQUIRY data";
        let text = |at: usize, length: usize| {
            let bytes = bytes.get(at..at + length).ok_or(Malformed(WHAT))?;
            Ok(crate::text(bytes))
        };
        let [first] = field(bytes, 0, WHAT)?;
        let device = match first & 0x1f {
            0 => DeviceType::Disk,
            1 => DeviceType::Tape,
            8 => DeviceType::Changer,
            other => DeviceType::Other(other),
        };
        Ok(Self { device, absent: first >> 5 != 0, vendor: text(8, 8)?, product: text(16, 16)?, revision: text(32, 4)? })
    }
}

/// The LUNs of a REPORT LUNS, as they came.
pub fn read_luns(bytes: &[u8]) -> Result<Vec<u64>, Malformed> {
    const WHAT: &str = "a list of LUNs";
    let length = u32::from_be_bytes(field(bytes, 0, WHAT)?).min(8 * LUNS) as usize;
    let list = bytes.get(8..).and_then(|rest| rest.get(..length)).ok_or(Malformed(WHAT))?;
    Ok(list.as_chunks::<8>().0.iter().map(|lun| u64::from_be_bytes(*lun)).collect())
}

/// What stands on a page of vital product data, behind its four bytes of header.
pub fn read_page(bytes: &[u8], page: u8) -> Result<&[u8], Malformed> {
    const WHAT: &str = "a page of vital product data";
    let [_, number, high, low] = field(bytes, 0, WHAT)?;
    if number != page {
        return Err(Malformed(WHAT));
    }
    let length = usize::from(u16::from_be_bytes([high, low]));
    bytes.get(4..).and_then(|rest| rest.get(..length)).ok_or(Malformed(WHAT))
}

/// What page 0x83 says of the unit itself, whatever port it is asked through: its designators (SPC-4, section 7.8.6), one behind the other.
pub fn unit_names(page: &[u8]) -> Vec<u8> {
    let (mut rest, mut names) = (page, Vec::new());
    while let [_, kind, _, length, behind @ ..] = rest {
        let Some((designator, next)) = behind.split_at_checked(usize::from(*length)) else { break };
        // ASSOCIATION: 0 is the unit.
        if *kind & 0x30 == 0 {
            names.extend_from_slice(&[*kind & 0x0f, *length]);
            names.extend_from_slice(designator);
        }
        rest = next;
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_says_who_it_is() {
        let mut bytes = [b' '; 36];
        bytes[0] = 0x01;
        bytes[8..11].copy_from_slice(b"IBM");
        bytes[16..27].copy_from_slice(b"ULT3580-TD6");
        let inquiry = Inquiry::read(&bytes).unwrap();
        assert_eq!((inquiry.device, inquiry.absent), (DeviceType::Tape, false));
        assert_eq!((&inquiry.vendor[..], &inquiry.product[..], &inquiry.revision[..]), ("IBM", "ULT3580-TD6", ""));
        bytes[0] = 0x7f;
        assert!(Inquiry::read(&bytes).unwrap().absent);
        assert!(Inquiry::read(&bytes[..35]).is_err());
    }

    #[test]
    fn removal_is_prevented_and_allowed() {
        assert_eq!((prevent_removal(true), prevent_removal(false)), ([0x1e, 0, 0, 0, 1, 0], [0x1e, 0, 0, 0, 0, 0]));
    }

    #[test]
    fn a_unit_is_known_by_its_own_designators_and_not_by_its_ports() {
        let page = [&[2, 0x01, 0, 3][..], b"abc", &[1, 0x14, 0, 4, 0, 0, 0, 1], &[1, 0x03, 0, 2, 9, 9]].concat();
        assert_eq!(unit_names(&page), [&[1, 3][..], b"abc", &[3, 2, 9, 9]].concat());
        assert_eq!(unit_names(&page[..5]), b"");
    }

    #[test]
    fn lists_and_pages_end_where_they_say_and_where_the_bytes_do() {
        let mut list = vec![0, 0, 0, 16, 0, 0, 0, 0];
        list.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(read_luns(&list).unwrap(), [0, 1 << 48]);
        assert!(read_luns(&list[..20]).is_err());
        assert!(read_luns(&[0xff; 8]).is_err());
        assert_eq!(read_page(&[0, 0x80, 0, 2, 1, 2, 9], 0x80).unwrap(), [1, 2]);
        assert!(read_page(&[0, 0x80, 0, 3, 1, 2], 0x80).is_err());
        assert!(read_page(&[0, 0x83, 0, 0], 0x80).is_err());
    }
}
