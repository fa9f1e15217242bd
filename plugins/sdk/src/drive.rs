//! What the contract says of every drive, whatever engine has it: its name, and the ranges of it that may be asked for.

use crate::failure::{Outcome, invalid};

/// Of a drive's name, and of a snapshot's.
pub const NAME_BYTES: usize = 64;
/// Code of the failure of a range that leads out of a drive.
pub const OUT_OF_RANGE: &str = "out-of-range";

/// Is it a name that a caller may give?
pub fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=NAME_BYTES).contains(&name.len()) && name.bytes().all(plain)
}

/// `what`: "drive" or "snapshot".
pub fn check_name(name: &str, what: &str) -> Outcome<()> {
    if is_name(name) {
        return Ok(());
    }
    Err(invalid(format!("{name:?} is no name of a {what}: 1 to {NAME_BYTES} of a-z, 0-9 and -")))
}

/// Where a range ends that lies within a drive of `size` bytes and on its blocks.
pub fn end_within(size: u64, block: u32, offset: u64, length: u64) -> Outcome<u64> {
    if !offset.is_multiple_of(u64::from(block)) || !length.is_multiple_of(u64::from(block)) {
        let message = format!("a drive is read and written in blocks of {block} bytes, not {length} bytes at {offset}");
        return Err(invalid(message).code("unaligned"));
    }
    let end = offset.checked_add(length).filter(|end| *end <= size);
    end.ok_or_else(|| invalid(format!("{length} bytes at {offset} lead out of a drive of {size}")).code(OUT_OF_RANGE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Failure;

    #[test]
    fn names_are_those_of_the_contract() {
        for name in ["a", "0", "-", "capstan-0192-ab", &"x".repeat(64)] {
            assert!(check_name(name, "drive").is_ok(), "{name:?}");
        }
        for name in ["", "A", "a/b", "..", "a b", "a_b", "a.b", "é", &"x".repeat(65)] {
            assert!(matches!(check_name(name, "drive"), Err(Failure::Invalid(_))), "{name:?}");
        }
    }

    #[test]
    fn a_range_lies_on_blocks_and_within_the_drive() {
        assert_eq!(end_within(4096, 512, 512, 1024), Ok(1536));
        assert_eq!(end_within(4096, 512, 4096, 0), Ok(4096));
        for (offset, length) in [(1, 512), (0, 100), (4096, 512), (0, 8192), (u64::MAX - 511, 512)] {
            assert!(matches!(end_within(4096, 512, offset, length), Err(Failure::Invalid(_))), "{offset} {length}");
        }
    }
}
