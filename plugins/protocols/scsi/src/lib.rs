//! Commands of SCSI as bytes, whatever carries them: what every device takes ([`primary`], [`mode`], [`log`], [`attribute`],
//! [`reservation`], SPC-4), what
//! a disk takes ([`block`], SBC-3), a tape drive ([`tape`], SSC-4) and the robot of a library ([`changer`], SMC-3), and what a device says
//! when it refuses ([`Sense`], and what is to be done about it: [`Refusal`]).
//!
//! A command is its CDB alone. Which way data goes and how much of it is in the text of the function that builds it. Devices are not
//! trusted: every answer is read up to a bound, and one that cannot be is [`Malformed`].

pub mod alert;
pub mod attribute;
pub mod block;
pub mod changer;
#[cfg(test)]
mod hostile;
pub mod log;
pub mod mode;
pub mod primary;
mod refusal;
pub mod reservation;
mod sense;
pub mod tape;

pub use refusal::{Reason, Refusal};
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

/// Bytes as text, without what it is filled up with.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_matches([' ', '\0']).to_owned()
}

/// The three bytes of a length or count; none: it has no room in them.
fn three(number: u32) -> Option<[u8; 3]> {
    let [high, a, b, c] = number.to_be_bytes();
    (high == 0).then_some([a, b, c])
}

fn of_three([a, b, c]: [u8; 3]) -> u32 {
    u32::from_be_bytes([0, a, b, c])
}

fn field<const N: usize>(bytes: &[u8], at: usize, what: &'static str) -> Result<[u8; N], Malformed> {
    bytes.get(at..).and_then(|rest| rest.first_chunk::<N>()).copied().ok_or(Malformed(what))
}
