//! Commands of SCSI as bytes, whatever carries them: what every device takes ([`primary`], SPC-4), what a disk takes ([`block`], SBC-3),
//! and what a device says when it refuses ([`Sense`]).
//!
//! A command is its CDB alone. Which way data goes and how much of it is in the name of the function that builds it.

pub mod block;
pub mod primary;
mod sense;

pub use sense::{Key, Sense};

/// Status of a command (SAM-5, section 5.3.1).
pub mod status {
    pub const GOOD: u8 = 0x00;
    pub const CHECK_CONDITION: u8 = 0x02;
    pub const BUSY: u8 = 0x08;
    pub const RESERVATION_CONFLICT: u8 = 0x18;
    pub const TASK_SET_FULL: u8 = 0x28;
    pub const TASK_ABORTED: u8 = 0x40;
}

/// An answer that is no answer; what was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

fn field<const N: usize>(bytes: &[u8], at: usize, what: &'static str) -> Result<[u8; N], Malformed> {
    bytes.get(at..).and_then(|rest| rest.first_chunk::<N>()).copied().ok_or(Malformed(what))
}
