//! How a command of a stream ended. To a tape, a check condition is often an answer: a filemark was met, the block was shorter, the end
//! comes near (SSC-4, clause 4.2: error reporting, and the clauses of READ, WRITE and SPACE).

use super::LENGTH;
use crate::{Key, Refusal, Sense, status};

/// `left`: how many of the bytes, blocks or marks of the command were not done. None: the drive does not say, or says what cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All of it was done.
    Whole,
    /// A filemark was met, and the place is behind it; on the way back, before it.
    Filemark { left: Option<u32> },
    /// The block has another length; the place is behind it. `actual`: bytes that it has. Of several blocks at once, what came before it
    /// was done.
    Length { actual: Option<u32> },
    /// Early warning: it was done but for what is left, and there is room for little more.
    NearEnd { left: Option<u32> },
    /// The end of the partition: what is left was not written, and nothing more will be.
    EndOfMedium { left: Option<u32> },
    /// Nothing was written behind here.
    EndOfData { left: Option<u32> },
    /// The beginning of the partition, on the way back.
    Beginning { left: Option<u32> },
}

/// ADDITIONAL SENSE CODE and qualifier.
const FILEMARK: u16 = 0x0001;
const END_OF_MEDIUM: u16 = 0x0002;
const BEGINNING: u16 = 0x0004;
const END_OF_DATA: u16 = 0x0005;

/// `asked`: the transfer length or the count that was in the command, without its sign. Sense that belongs to an earlier command (deferred) is
/// always a refusal: this one was not begun, and what was written before may not all be on the medium.
pub fn ended(status: u8, sense: &[u8], asked: u32) -> Result<Ended, Refusal> {
    if status == status::GOOD {
        return Ok(Ended::Whole);
    }
    let refusal = Refusal::new(status, sense);
    match refusal.sense {
        Some(sense) if !sense.deferred => stopped(&sense, asked).ok_or(refusal),
        _ => Err(refusal),
    }
}

fn stopped(sense: &Sense, asked: u32) -> Option<Ended> {
    let left = sense.residual.and_then(|left| u32::try_from(left).ok()).filter(|left| *left <= asked);
    let code = sense.additional();
    match sense.key {
        // Drives differ in what they set beside the code, so either does.
        Key::NO_SENSE | Key::RECOVERED_ERROR => Some(if sense.filemark || code == FILEMARK {
            Ended::Filemark { left }
        } else if sense.incorrect_length {
            Ended::Length { actual: actual(sense, asked) }
        } else if code == END_OF_DATA {
            Ended::EndOfData { left }
        } else if code == BEGINNING {
            Ended::Beginning { left }
        } else if sense.end_of_medium || code == END_OF_MEDIUM {
            Ended::NearEnd { left }
        } else {
            Ended::Whole
        }),
        Key::BLANK_CHECK if matches!(code, 0 | END_OF_DATA) => Some(Ended::EndOfData { left }),
        Key::VOLUME_OVERFLOW => Some(Ended::EndOfMedium { left }),
        // Reading on over the end.
        Key::MEDIUM_ERROR if code == END_OF_MEDIUM => Some(Ended::EndOfMedium { left }),
        _ => None,
    }
}

/// What was asked for less the residual, which is below 0 where the block is longer.
fn actual(sense: &Sense, asked: u32) -> Option<u32> {
    let actual = i64::from(asked).checked_sub(sense.residual?)?;
    u32::try_from(actual).ok().filter(|actual| *actual <= LENGTH)
}

impl Ended {
    /// All that was to be written is written: the end may be near.
    pub fn is_written(self) -> bool {
        matches!(self, Self::Whole | Self::NearEnd { left: Some(0) | None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reason;

    /// Fixed sense: key with flags, code and qualifier, information.
    fn fixed(key: u8, additional: u16, information: Option<i32>) -> Vec<u8> {
        let mut bytes = vec![0; 18];
        let [code, qualifier] = additional.to_be_bytes();
        (bytes[0], bytes[2], bytes[12], bytes[13]) = (0x70, key, code, qualifier);
        if let Some(information) = information {
            bytes[0] |= 0x80;
            bytes[3..7].copy_from_slice(&information.to_be_bytes());
        }
        bytes
    }

    /// The same in descriptors.
    fn described(key: u8, additional: u16, information: Option<i32>) -> Vec<u8> {
        let [code, qualifier] = additional.to_be_bytes();
        let mut bytes = vec![0x72, key & 0xf, code, qualifier, 0, 0, 0, 0, 0x04, 2, 0, key & 0xf0];
        if let Some(information) = information {
            bytes.extend([0, 10, 0x80, 0]);
            bytes.extend(i64::from(information).to_be_bytes());
        }
        bytes
    }

    fn both(key: u8, additional: u16, information: Option<i32>, asked: u32) -> Result<Ended, Reason> {
        let of = |sense: &[u8]| ended(status::CHECK_CONDITION, sense, asked).map_err(|refusal| refusal.reason);
        let told = of(&fixed(key, additional, information));
        assert_eq!(told, of(&described(key, additional, information)));
        told
    }

    #[test]
    fn a_read_ends_at_marks_lengths_and_the_end_of_data() {
        assert_eq!(ended(status::GOOD, &[], 9), Ok(Ended::Whole));
        assert_eq!(both(0x80, 0x0001, Some(65_536), 65_536), Ok(Ended::Filemark { left: Some(65_536) }));
        assert_eq!(both(0x20, 0, Some(1_000), 65_536), Ok(Ended::Length { actual: Some(64_536) }));
        assert_eq!(both(0x20, 0, Some(-1_000), 512), Ok(Ended::Length { actual: Some(1_512) }));
        assert_eq!(both(0x08, 0x0005, Some(512), 512), Ok(Ended::EndOfData { left: Some(512) }));
        assert_eq!(both(0x48, 0, None, 512), Ok(Ended::EndOfData { left: None }));
        assert_eq!(both(0x43, 0x0002, None, 512), Ok(Ended::EndOfMedium { left: None }));
    }

    #[test]
    fn a_write_ends_near_the_end_and_at_it() {
        let near = both(0x40, 0x0002, Some(0), 1).unwrap();
        assert!(near.is_written() && near == Ended::NearEnd { left: Some(0) });
        let full = both(0x4d, 0x0002, Some(1), 1).unwrap();
        assert!(!full.is_written() && full == Ended::EndOfMedium { left: Some(1) });
        assert!(!Ended::NearEnd { left: Some(1) }.is_written());
        assert_eq!(both(0x07, 0x2700, None, 1), Err(Reason::WriteProtected));
    }

    #[test]
    fn spacing_ends_at_the_beginning_at_marks_and_at_the_end_of_data() {
        assert_eq!(both(0x40, 0x0004, Some(3), 5), Ok(Ended::Beginning { left: Some(3) }));
        assert_eq!(both(0x00, 0x0005, None, 5), Ok(Ended::EndOfData { left: None }));
        assert_eq!(both(0x80, 0x0001, Some(2), 5), Ok(Ended::Filemark { left: Some(2) }));
    }

    #[test]
    fn what_cannot_be_left_is_not_believed() {
        assert_eq!(both(0x80, 0x0001, Some(6), 5), Ok(Ended::Filemark { left: None }));
        assert_eq!(both(0x80, 0x0001, Some(-1), 5), Ok(Ended::Filemark { left: None }));
        assert_eq!(both(0x20, 0, Some(6), 5), Ok(Ended::Length { actual: None }));
        assert_eq!(both(0x20, 0, Some(i32::MIN), LENGTH), Ok(Ended::Length { actual: None }));
    }

    #[test]
    fn failures_and_those_of_earlier_commands_are_refusals() {
        assert_eq!(both(0x03, 0x1100, None, 1), Err(Reason::Unreadable));
        assert_eq!(both(0x08, 0x1403, None, 1), Err(Reason::Blank));
        assert_eq!(both(0x06, 0x2900, None, 1), Err(Reason::Reset));
        let mut late = fixed(0x4d, 0x0002, Some(1));
        late[0] |= 1;
        assert_eq!(ended(status::CHECK_CONDITION, &late, 1).map_err(|refusal| refusal.reason), Err(Reason::Full));
        assert_eq!(ended(status::BUSY, &late, 1).map_err(|refusal| refusal.reason), Err(Reason::Busy));
    }
}
