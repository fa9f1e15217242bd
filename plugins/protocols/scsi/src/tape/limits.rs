//! How long a block may be: READ BLOCK LIMITS (SSC-4, clause 7: READ BLOCK LIMITS).

use crate::{Malformed, field, of_three};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockLimits {
    /// Bytes. Equal: blocks have this length and no other.
    pub minimum: u32,
    /// None: the drive does not say.
    pub maximum: Option<u32>,
    /// Lengths are multiples of two to the power of this; some drives say so and take others.
    pub granularity: u8,
}

impl BlockLimits {
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "the limits of blocks";
        let [granularity, a, b, c, high, low] = field(bytes, 0, WHAT)?;
        let minimum = u32::from(u16::from_be_bytes([high, low]));
        let maximum = Some(of_three([a, b, c])).filter(|maximum| *maximum > 0);
        if maximum.is_some_and(|maximum| maximum < minimum) {
            return Err(Malformed(WHAT));
        }
        Ok(Self { minimum, maximum, granularity: granularity & 0x1f })
    }

    /// The longest block of up to `wanted` bytes that may be written; none: every block is longer.
    pub fn longest(&self, wanted: u32) -> Option<u32> {
        let longest = self.maximum.unwrap_or(super::LENGTH).min(wanted).min(super::LENGTH);
        (longest >= self.minimum.max(1)).then_some(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_as_long_as_the_drive_and_the_caller_allow() {
        let limits = BlockLimits::read(&[9, 0x10, 0, 0, 0, 4]).unwrap();
        assert_eq!(limits, BlockLimits { minimum: 4, maximum: Some(1 << 20), granularity: 9 });
        assert_eq!(
            (limits.longest(256 << 10), limits.longest(8 << 20), limits.longest(3)),
            (Some(256 << 10), Some(1 << 20), None)
        );
        let silent = BlockLimits::read(&[0; 6]).unwrap();
        assert_eq!((silent.maximum, silent.longest(u32::MAX), silent.longest(0)), (None, Some(super::super::LENGTH), None));
    }

    #[test]
    fn limits_that_cannot_be_are_refused() {
        assert!(BlockLimits::read(&[0, 0, 0, 1, 0, 4]).is_err() && BlockLimits::read(&[0; 5]).is_err());
    }
}
