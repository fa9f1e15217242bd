//! Moments: the wire counts hundreds of nanoseconds since 1601 (MS-DTYP section 2.3.3), the contract nanoseconds since 1970.

/// From 1601 to 1970, in the wire's units.
const EPOCH: i128 = 116_444_736_000_000_000;
const STEP: i128 = 100;

/// Nanoseconds since 1970; a moment that is not known, or too far, as near as they reach.
pub(crate) fn nanoseconds(time: u64) -> i64 {
    if time == 0 {
        return 0;
    }
    let nanoseconds = (i128::from(time) - EPOCH) * STEP;
    i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX })
}

/// The moment on the wire, never zero: that would leave the present one.
pub(crate) fn wire(nanoseconds: i64) -> u64 {
    let time = i128::from(nanoseconds).div_euclid(STEP) + EPOCH;
    u64::try_from(time).unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_back_but_for_what_is_below_a_step() {
        for (there, back) in [(0, 0), (1_000_000_000_123_456_789, 1_000_000_000_123_456_700), (-1, -100)] {
            assert_eq!(nanoseconds(wire(there)), back);
        }
        assert_eq!(wire(0), 116_444_736_000_000_000);
        assert_eq!(nanoseconds(u64::MAX), i64::MAX);
        assert_eq!(wire(i64::MIN).min(1), 1);
    }
}
