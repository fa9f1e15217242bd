//! A command of SCSI on its way, and what becomes of it.

use crate::bounds::{CDB_BYTES, TRANSFER};
use crate::error::Refused;

/// Names a request of the caller, for as long as the session lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub(crate) u32);

/// What moves with a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    None,
    /// At most so many bytes come back.
    In(u32),
    Out(Vec<u8>),
}

/// Task attributes (RFC 7143, section 11.3.1; SAM).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    Simple = 1,
    Ordered = 2,
    HeadOfQueue = 3,
}

/// What may be done when a connection ended before the answer came. The caller knows: an opcode means one thing to a disk and another
/// to a tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Done twice it leaves what it leaves done once: reads of blocks, INQUIRY, the same bytes to the same blocks. Sent again.
    Harmless,
    /// Done twice it does something else: tape moves, COMPARE AND WRITE, a reservation. Told as `Outcome::Unknown`.
    Never,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// As the format of SAM has it; a small number stands in the two highest bytes: see [`Command::lun`].
    pub lun: u64,
    /// 6 to 260 bytes.
    pub cdb: Vec<u8>,
    pub data: Data,
    pub order: Order,
    pub repeat: Repeat,
}

impl Command {
    pub fn new(lun: u64, cdb: impl Into<Vec<u8>>, data: Data, repeat: Repeat) -> Self {
        Self { lun, cdb: cdb.into(), data, order: Order::Simple, repeat }
    }

    /// The LUN of this number: peripheral addressing below 256, flat space above (SAM-5, section 4.7).
    pub fn lun(number: u16) -> Option<u64> {
        match number {
            0..256 => Some(u64::from(number) << 48),
            256..0x4000 => Some(u64::from(number | 0x4000) << 48),
            _ => None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Refused> {
        if !(6..=CDB_BYTES).contains(&self.cdb.len()) {
            return Err(Refused::Invalid("a CDB of less than 6 or more than 260 bytes"));
        }
        if self.expected() > TRANSFER {
            return Err(Refused::TooMuch("bytes of one command"));
        }
        Ok(())
    }

    /// Expected Data Transfer Length.
    pub(crate) fn expected(&self) -> u32 {
        match &self.data {
            Data::None => 0,
            Data::In(length) => *length,
            Data::Out(bytes) => u32::try_from(bytes.len()).unwrap_or(u32::MAX),
        }
    }

    pub(crate) fn out(&self) -> &[u8] {
        match &self.data {
            Data::Out(bytes) => bytes,
            Data::None | Data::In(_) => &[],
        }
    }
}

/// How far what moved differs from what was expected (section 11.4.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Residual {
    #[default]
    None,
    /// So many bytes did not move.
    Under(u32),
    /// The device had, or wanted, so many more.
    Over(u32),
}

/// The device's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// SCSI status: 0 is GOOD, 2 is CHECK CONDITION.
    pub status: u8,
    /// Sense data, empty where there is none.
    pub sense: Vec<u8>,
    /// What came in; its length is what counts, whatever the residual says.
    pub data: Vec<u8>,
    pub residual: Residual,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Answered(Answered),
    /// The target could not carry the command out, and says no status (section 11.4.3); it may have begun.
    Failed(u8),
    /// The target took the PDU for wrong (section 11.17.1); it did not begin.
    Rejected(u8),
    /// Ended by task management; it may have been done in part.
    Aborted,
    /// It never left, and nothing was done.
    NotSent,
    /// It left, the connection ended, and nobody knows whether it was done.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luns_stand_where_sam_has_them() {
        assert_eq!(Command::lun(1), Some(0x0001 << 48));
        assert_eq!(Command::lun(256), Some(0x4100 << 48));
        assert_eq!(Command::lun(0x4000), None);
    }

    #[test]
    fn commands_that_cannot_be_sent_are_refused() {
        let command = |bytes: usize, data| Command::new(0, vec![0; bytes], data, Repeat::Never);
        assert!(command(16, Data::In(TRANSFER)).check().is_ok());
        assert!(command(CDB_BYTES, Data::None).check().is_ok());
        for bad in [command(5, Data::None), command(CDB_BYTES + 1, Data::None), command(6, Data::In(TRANSFER + 1))] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
