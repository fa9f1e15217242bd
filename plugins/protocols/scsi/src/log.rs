//! What a device counts and remembers: LOG SENSE (SPC-4, clauses 6 and 7.3).

use crate::{Malformed, field};

/// Bytes of the answer that is asked for.
pub const BYTES: u16 = 8192;
/// Parameters of one page that are read.
pub const PARAMETERS: usize = 1024;

/// The page with the numbers of all pages.
pub const SUPPORTED: u8 = 0x00;
/// Which alerts stand; see [`crate::alert`].
pub const TAPE_ALERT: u8 = 0x2e;
/// What a drive counts over its life, and what it counts of the cartridge that is in (SSC-4, clause 8.2).
pub const DEVICE_STATISTICS: u8 = 0x14;
pub const VOLUME_STATISTICS: u8 = 0x17;

/// The values of a page as they are now; `BYTES` in.
pub fn sense(page: u8, subpage: u8) -> [u8; 10] {
    let [high, low] = BYTES.to_be_bytes();
    // PC 01b: cumulative values.
    [0x4d, 0, (page & 0x3f) | 0x40, subpage, 0, 0, 0, high, low, 0]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter<'a> {
    pub code: u16,
    pub value: &'a [u8],
}

impl Parameter<'_> {
    /// As a number of up to eight bytes. All ones mean that the device does not know.
    pub fn number(&self) -> Option<u64> {
        if self.value.is_empty() || self.value.len() > 8 || self.value.iter().all(|byte| *byte == 0xff) {
            return None;
        }
        Some(self.value.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
    }
}

/// A page that a LOG SENSE answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<'a> {
    pub page: u8,
    pub subpage: u8,
    body: &'a [u8],
}

impl<'a> Page<'a> {
    pub fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "a log page";
        let [first, second, high, low] = field(bytes, 0, WHAT)?;
        let rest = bytes.get(4..).unwrap_or_default();
        // What did not come, as there was no room for it, is not there.
        let body = rest.get(..usize::from(u16::from_be_bytes([high, low]))).unwrap_or(rest);
        let subpage = if first & 0x40 == 0 { 0 } else { second };
        Ok(Self { page: first & 0x3f, subpage, body })
    }

    /// The numbers of all pages, of page `SUPPORTED`.
    pub fn numbers(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.body.iter().map(|number| number & 0x3f)
    }

    pub fn parameters(&self) -> impl Iterator<Item = Parameter<'a>> + use<'a> {
        let mut rest = self.body;
        let next = move || {
            let [a, b, _control, length, behind @ ..] = rest else { return None };
            let (value, next) = behind.split_at_checked(usize::from(*length))?;
            let code = u16::from_be_bytes([*a, *b]);
            rest = next;
            Some(Parameter { code, value })
        };
        std::iter::from_fn(next).take(PARAMETERS)
    }

    pub fn number(&self, code: u16) -> Option<u64> {
        self.parameters().find(|parameter| parameter.code == code)?.number()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_as_far_as_they_came() {
        let bytes = [0x14, 0, 0, 14, 0, 0, 3, 4, 0, 0, 1, 2, 0, 1, 3, 2, 0xff, 0xff];
        let page = Page::read(&bytes).unwrap();
        assert_eq!((page.page, page.subpage, page.number(0), page.number(1), page.number(2)), (0x14, 0, Some(258), None, None));
        assert_eq!(page.parameters().count(), 2);
        assert_eq!(Page::read(&bytes[..15]).unwrap().parameters().count(), 1);
        assert!(Page::read(&bytes[..3]).is_err());
        assert_eq!(Page::read(&[0x54, 1, 0, 0]).unwrap().subpage, 1);
        assert_eq!(Page::read(&[0, 0, 0, 3, 0, 0x14, 0x2e]).unwrap().numbers().collect::<Vec<_>>(), [0, 0x14, 0x2e]);
    }

    #[test]
    fn a_page_is_asked_for_with_all_that_was_counted() {
        assert_eq!(sense(TAPE_ALERT, 0), [0x4d, 0, 0x6e, 0, 0, 0, 0, 0x20, 0, 0]);
    }
}
