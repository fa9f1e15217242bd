//! Sense data (SPC-4, section 4.5): why a device refuses, in fixed or descriptor format.

/// SENSE KEY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(pub u8);

impl Key {
    pub const NO_SENSE: Self = Self(0x0);
    pub const RECOVERED_ERROR: Self = Self(0x1);
    pub const NOT_READY: Self = Self(0x2);
    pub const MEDIUM_ERROR: Self = Self(0x3);
    pub const HARDWARE_ERROR: Self = Self(0x4);
    pub const ILLEGAL_REQUEST: Self = Self(0x5);
    pub const UNIT_ATTENTION: Self = Self(0x6);
    pub const DATA_PROTECT: Self = Self(0x7);
    pub const BLANK_CHECK: Self = Self(0x8);
    pub const ABORTED_COMMAND: Self = Self(0xb);
    pub const VOLUME_OVERFLOW: Self = Self(0xd);
    pub const MISCOMPARE: Self = Self(0xe);

    pub fn name(self) -> &'static str {
        match self.0 {
            0x0 => "NO SENSE",
            0x1 => "RECOVERED ERROR",
            0x2 => "NOT READY",
            0x3 => "MEDIUM ERROR",
            0x4 => "HARDWARE ERROR",
            0x5 => "ILLEGAL REQUEST",
            0x6 => "UNIT ATTENTION",
            0x7 => "DATA PROTECT",
            0x8 => "BLANK CHECK",
            0xa => "COPY ABORTED",
            0xb => "ABORTED COMMAND",
            0xd => "VOLUME OVERFLOW",
            0xe => "MISCOMPARE",
            0xf => "COMPLETED",
            _ => "VENDOR SPECIFIC",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sense {
    pub key: Key,
    /// ADDITIONAL SENSE CODE and its qualifier.
    pub code: u8,
    pub qualifier: u8,
    /// Of an earlier command.
    pub deferred: bool,
    /// What a tape adds: a filemark was met, the end of the medium is near, the block had another length (SSC-4).
    pub filemark: bool,
    pub end_of_medium: bool,
    pub incorrect_length: bool,
    /// INFORMATION, where it is valid: for a disk the block.
    pub information: Option<u64>,
    /// The same as a number with a sign, which a tape means: what is left of a length or count, below 0 where there was more.
    pub residual: Option<i64>,
}

const INFORMATION: u8 = 0x00;
const STREAM: u8 = 0x04;

impl Sense {
    /// None: no sense data, or none that has a key.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let first = *bytes.first()?;
        let deferred = first & 1 == 1;
        match first & 0x7f {
            0x70 | 0x71 => {
                let third = *bytes.get(2)?;
                // Old devices end before the code.
                let at = |at: usize| bytes.get(at).copied().unwrap_or(0);
                let information = bytes.get(3..7).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok()).filter(|_| first & 0x80 != 0);
                Some(Self {
                    key: Key(third & 0xf),
                    code: at(12),
                    qualifier: at(13),
                    deferred,
                    filemark: third & 0x80 != 0,
                    end_of_medium: third & 0x40 != 0,
                    incorrect_length: third & 0x20 != 0,
                    information: information.map(u32::from_be_bytes).map(u64::from),
                    residual: information.map(i32::from_be_bytes).map(i64::from),
                })
            }
            0x72 | 0x73 => {
                let [_, key, code, qualifier] = *bytes.first_chunk::<4>()?;
                let mut sense = Self {
                    key: Key(key & 0xf),
                    code,
                    qualifier,
                    deferred,
                    filemark: false,
                    end_of_medium: false,
                    incorrect_length: false,
                    information: None,
                    residual: None,
                };
                sense.descriptors(bytes.get(8..).unwrap_or_default());
                Some(sense)
            }
            _ => None,
        }
    }

    fn descriptors(&mut self, mut rest: &[u8]) {
        while let [kind, length, behind @ ..] = rest {
            let Some((body, next)) = behind.split_at_checked(usize::from(*length)) else { return };
            match *kind {
                INFORMATION if body.first().is_some_and(|valid| valid & 0x80 != 0) => {
                    let information = body.get(2..10).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
                    self.information = information.map(u64::from_be_bytes);
                    self.residual = information.map(i64::from_be_bytes);
                }
                STREAM => {
                    let flags = body.get(1).copied().unwrap_or(0);
                    (self.filemark, self.end_of_medium) = (flags & 0x80 != 0, flags & 0x40 != 0);
                    self.incorrect_length = flags & 0x20 != 0;
                }
                _ => {}
            }
            rest = next;
        }
    }

    /// Code and qualifier as one number: 0x2900 is "power on, reset, or bus device reset occurred".
    pub fn additional(&self) -> u16 {
        u16::from_be_bytes([self.code, self.qualifier])
    }
}

impl std::fmt::Display for Sense {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:02x}/{:02x}", self.key.name(), self.code, self.qualifier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_sense_has_its_flags_and_information() {
        let mut bytes = [0; 18];
        (bytes[0], bytes[2], bytes[6], bytes[12], bytes[13]) = (0xf0, 0xa6, 9, 0x29, 0x01);
        let sense = Sense::read(&bytes).unwrap();
        assert_eq!((sense.key, sense.additional(), sense.information), (Key::UNIT_ATTENTION, 0x2901, Some(9)));
        assert!(sense.filemark && sense.incorrect_length && !sense.end_of_medium && !sense.deferred);
        assert_eq!(sense.to_string(), "UNIT ATTENTION 29/01");
        bytes[0] = 0x71;
        let sense = Sense::read(&bytes[..8]).unwrap();
        assert_eq!((sense.information, sense.deferred, sense.code), (None, true, 0));
    }

    #[test]
    fn descriptors_say_the_same() {
        let mut bytes = vec![0x72, 0x05, 0x24, 0x00, 0, 0, 0, 16, INFORMATION, 10, 0x80, 0];
        bytes.extend(77_u64.to_be_bytes());
        bytes.extend([STREAM, 2, 0, 0x40]);
        let sense = Sense::read(&bytes).unwrap();
        assert_eq!((sense.key, sense.information, sense.end_of_medium), (Key::ILLEGAL_REQUEST, Some(77), true));
        for end in 4..bytes.len() {
            assert!(Sense::read(&bytes[..end]).is_some(), "{end}");
        }
    }

    #[test]
    fn what_was_longer_than_asked_for_leaves_less_than_nothing() {
        let mut bytes = [0; 18];
        (bytes[0], bytes[2]) = (0xf0, 0x20);
        bytes[3..7].copy_from_slice(&(-24_i32).to_be_bytes());
        assert_eq!(Sense::read(&bytes).unwrap().residual, Some(-24));
        let mut bytes = vec![0x72, 0, 0, 0, 0, 0, 0, 12, INFORMATION, 10, 0x80, 0];
        bytes.extend((-24_i64).to_be_bytes());
        assert_eq!(Sense::read(&bytes).unwrap().residual, Some(-24));
    }

    #[test]
    fn what_is_no_sense_is_none() {
        for bytes in [&b""[..], &[0x70, 0], &[0x72, 1, 2], &[0; 18], &[0xff; 18]] {
            assert_eq!(Sense::read(bytes), None, "{bytes:?}");
        }
    }
}
