//! Which addresses a library's elements have: mode page 0x1d, element address assignment (SMC-3, clause 7.3).

use crate::{Malformed, field};

/// Elements of one kind: so many from the first address on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    pub first: u16,
    pub count: u16,
}

impl Range {
    pub fn contains(&self, address: u16) -> bool {
        address.checked_sub(self.first).is_some_and(|at| at < self.count)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    pub arms: Range,
    pub slots: Range,
    pub mail_slots: Range,
    pub drives: Range,
}

impl Addresses {
    /// The page's number, for [`crate::mode::sense`].
    pub const PAGE: u8 = 0x1d;

    /// What stands on the page, behind its header of two bytes.
    pub fn read(page: &[u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "the addresses of a library's elements";
        let range = |at: usize| {
            let [a, b, c, d] = field(page, at, WHAT)?;
            let range = Range { first: u16::from_be_bytes([a, b]), count: u16::from_be_bytes([c, d]) };
            // The last address has to be one.
            let whole = range.count == 0 || range.first.checked_add(range.count - 1).is_some();
            whole.then_some(range).ok_or(Malformed(WHAT))
        };
        Ok(Self { arms: range(0)?, slots: range(4)?, mail_slots: range(8)?, drives: range(12)? })
    }

    /// Of all kinds together.
    pub fn count(&self) -> u32 {
        [self.arms, self.slots, self.mail_slots, self.drives].iter().map(|range| u32::from(range.count)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_each_kind_are_told() {
        let page = [0, 16, 0, 1, 1, 0, 0, 10, 0, 32, 0, 2, 0, 1, 0, 2, 0, 0];
        let addresses = Addresses::read(&page).unwrap();
        assert_eq!((addresses.arms, addresses.drives), (Range { first: 16, count: 1 }, Range { first: 1, count: 2 }));
        assert!(addresses.slots.contains(265) && !addresses.slots.contains(266) && !addresses.slots.contains(255));
        assert!(addresses.mail_slots.contains(33) && !Range::default().contains(0));
        assert_eq!(addresses.count(), 15);
    }

    #[test]
    fn addresses_that_cannot_be_are_refused() {
        assert!(Addresses::read(&[0; 15]).is_err());
        assert!(Addresses::read(&[0xff; 18]).is_err());
        let last = [0xff, 0xff, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(Addresses::read(&last).unwrap().arms.contains(0xffff));
    }
}
