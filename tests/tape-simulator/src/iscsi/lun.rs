//! Logical unit numbers as SAM-5, section 4.7, writes them.

const PERIPHERAL: u8 = 0b00;
const FLAT: u8 = 0b01;

/// A number of the single-level forms: peripheral device addressing on bus 0, or flat space. Whatever else it is, all eight bytes as one
/// number, which no device of a library has.
pub(crate) fn number(written: [u8; 8]) -> u64 {
    let [first, second, rest @ ..] = written;
    match (first >> 6, first & 0x3f, rest) {
        (PERIPHERAL, 0, [0, 0, 0, 0, 0, 0]) => u64::from(second),
        (FLAT, high, [0, 0, 0, 0, 0, 0]) => u64::from(u16::from_be_bytes([high, second])),
        _ => u64::from_be_bytes(written),
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn both_single_level_forms_are_numbers() {
        assert_eq!(number([0, 3, 0, 0, 0, 0, 0, 0]), 3);
        assert_eq!(number([0x41, 2, 0, 0, 0, 0, 0, 0]), 258);
    }

    #[test]
    fn what_has_more_levels_is_no_number_of_a_device() {
        assert!(number([0, 3, 0, 1, 0, 0, 0, 0]) > u64::from(u16::MAX));
        assert!(number([1, 3, 0, 0, 0, 0, 0, 0]) > u64::from(u16::MAX));
    }
}
