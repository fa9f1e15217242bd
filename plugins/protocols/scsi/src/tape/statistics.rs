//! What a drive counts of the cartridge that is in it: volume statistics and data compression (SSC-4, clause 8.2), and the page of tape
//! usage that LTO drives have beside them.

use crate::log::Page;

/// How well blocks were compressed, and what went over the wire and over the tape, since the cartridge was loaded.
pub const COMPRESSION: u8 = 0x1b;
/// Retries, and errors that no retry got over, of the cartridge's life. A page of LTO drives.
pub const USAGE: u8 = 0x30;

/// Bytes of a megabyte, in which all of these pages count.
pub const MEGABYTE: u64 = 1_000_000;

/// Parameters of page 0x17, volume statistics. Over the cartridge's life, where nothing else is said.
pub mod volume {
    /// Zero: what the page says is of no cartridge.
    pub const VALID: u16 = 0x0000;
    pub const LOADS: u16 = 0x0001;
    pub const DATA_SETS_WRITTEN: u16 = 0x0002;
    pub const RECOVERED_WRITE_ERRORS: u16 = 0x0003;
    pub const WRITE_ERRORS: u16 = 0x0004;
    /// Suspended writes by the standard. LTO drives suspend one when the head leaves its track, and call it an error of the servo.
    pub const WRITE_SERVO_ERRORS: u16 = 0x0005;
    pub const UNRECOVERED_WRITE_SERVO_ERRORS: u16 = 0x0006;
    pub const DATA_SETS_READ: u16 = 0x0007;
    pub const RECOVERED_READ_ERRORS: u16 = 0x0008;
    pub const READ_ERRORS: u16 = 0x0009;
    /// Not recovered from, since the last load.
    pub const LAST_WRITE_ERRORS: u16 = 0x000c;
    pub const LAST_READ_ERRORS: u16 = 0x000d;
    /// Megabytes since the last load.
    pub const LAST_MEGABYTES_WRITTEN: u16 = 0x000e;
    pub const LAST_MEGABYTES_READ: u16 = 0x000f;
    /// Megabytes.
    pub const MEGABYTES_WRITTEN: u16 = 0x0010;
    pub const MEGABYTES_READ: u16 = 0x0011;
    /// Hundredths of what came to what was written, since the last load.
    pub const LAST_WRITE_COMPRESSION: u16 = 0x0012;
    pub const LAST_READ_COMPRESSION: u16 = 0x0013;
    /// Milliseconds.
    pub const MOUNT_TIME: u16 = 0x0014;
    pub const READY_TIME: u16 = 0x0015;
    /// Megabytes of all partitions, and of what is written of them.
    pub const NATIVE_CAPACITY: u16 = 0x0016;
    pub const USED_NATIVE_CAPACITY: u16 = 0x0017;
    /// One: its tab is moved.
    pub const WRITE_PROTECT: u16 = 0x0080;
    /// One: it is written once.
    pub const WORM: u16 = 0x0081;
    /// Times that a place of the tape went by the head.
    pub const BEGINNING_PASSES: u16 = 0x0101;
    pub const MIDDLE_PASSES: u16 = 0x0102;
}

/// Parameters of page `COMPRESSION`.
pub mod compression {
    /// Hundredths of what the host has to what the tape has.
    pub const READ_RATIO: u16 = 0x0000;
    pub const WRITE_RATIO: u16 = 0x0001;
    /// See [`bytes`](super::bytes).
    pub const TO_HOST: u16 = 0x0002;
    pub const FROM_MEDIUM: u16 = 0x0004;
    pub const FROM_HOST: u16 = 0x0006;
    pub const TO_MEDIUM: u16 = 0x0008;
    /// One: blocks are compressed now.
    pub const ENABLED: u16 = 0x0100;
}

/// Parameters of page `USAGE`.
pub mod usage {
    pub const WRITE_RETRIES: u16 = 0x0003;
    pub const WRITE_ERRORS: u16 = 0x0004;
    pub const SUSPENDED_WRITES: u16 = 0x0005;
    pub const FATAL_SUSPENDED_WRITES: u16 = 0x0006;
    pub const READ_RETRIES: u16 = 0x0008;
    pub const READ_ERRORS: u16 = 0x0009;
    pub const SUSPENDED_READS: u16 = 0x000a;
    pub const FATAL_SUSPENDED_READS: u16 = 0x000b;
}

/// Whether a page of volume statistics speaks of a cartridge.
pub fn is_valid(page: &Page<'_>) -> bool {
    page.number(volume::VALID) != Some(0)
}

/// Bytes of page `COMPRESSION`: megabytes, and in the parameter behind them the bytes that are to be added, or taken away where they
/// were rounded up.
pub fn bytes(page: &Page<'_>, megabytes: u16) -> Option<u64> {
    let whole = page.number(megabytes)?.checked_mul(MEGABYTE)?;
    let rest = page.parameters().find(|parameter| parameter.code == megabytes + 1);
    let rest = rest.and_then(|rest| <[u8; 4]>::try_from(rest.value).ok()).map_or(0, i32::from_be_bytes);
    whole.checked_add_signed(i64::from(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_megabytes_with_what_was_rounded_away() {
        let page = |rest: i32| {
            let [a, b, c, d] = rest.to_be_bytes();
            [0x1b, 0, 0, 16, 0, 2, 3, 4, 0, 0, 0, 3, 0, 3, 3, 4, a, b, c, d]
        };
        for (rest, told) in [(0, 3_000_000), (17, 3_000_017), (-1, 2_999_999)] {
            assert_eq!(bytes(&Page::read(&page(rest)).unwrap(), compression::TO_HOST), Some(told));
        }
        assert_eq!(bytes(&Page::read(&page(0)[..12]).unwrap(), compression::TO_HOST), Some(3_000_000));
        assert_eq!(bytes(&Page::read(&page(0)).unwrap(), compression::FROM_HOST), None);
        let below_nothing = [0x1b, 0, 0, 16, 0, 2, 3, 4, 0, 0, 0, 0, 0, 3, 3, 4, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(bytes(&Page::read(&below_nothing).unwrap(), compression::TO_HOST), None);
    }

    #[test]
    fn statistics_of_no_cartridge_are_not_valid() {
        let page = |valid: u8| [0x17, 0, 0, 5, 0, 0, 3, 1, valid];
        assert!(is_valid(&Page::read(&page(1)).unwrap()) && !is_valid(&Page::read(&page(0)).unwrap()));
        assert!(is_valid(&Page::read(&[0x17, 0, 0, 0]).unwrap()), "a drive may not say");
    }
}
