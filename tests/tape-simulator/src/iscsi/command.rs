//! SCSI commands as they arrive (RFC 7143, section 11.3), and answers made up by the target itself.

use tokio::sync::oneshot;

use super::header::{self, Header};
use super::tasks::Mark;
use super::window::Slot;
use crate::devices::Answer;

/// One for a unit's queue.
pub(super) struct Command {
    pub(super) tag: u32,
    pub(super) lun: u64,
    pub(super) cdb: Vec<u8>,
    pub(super) expected: Expected,
    pub(super) out: Out,
    pub(super) mark: Mark,
    /// None: it is immediate.
    pub(super) slot: Option<Slot>,
}

/// Its data-out.
pub(super) enum Out {
    None,
    /// When it has come, or with what is wrong with it; a sender that is gone: the command was aborted.
    Coming(oneshot::Receiver<Gathered>),
}

pub(super) struct Gathered {
    /// R2Ts that it took.
    pub(super) requests: u32,
    pub(super) data: Result<Vec<u8>, Answer>,
}

/// What the initiator expects to be transferred, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Nothing,
    In(u32),
    Out(u32),
}

const READ: u8 = 0x40;
const WRITE: u8 = 0x20;
const LENGTH: usize = 20;
const CDB: usize = 32;
/// An additional header segment with the rest of a long CDB (section 11.2.2).
const EXTENDED_CDB: u8 = 1;

impl Expected {
    /// None: both ways at once, which no device of a library does.
    pub(super) fn of(header: &Header) -> Option<Self> {
        let length = header.number(LENGTH);
        match (header.flags() & READ != 0, header.flags() & WRITE != 0) {
            (false, false) => Some(Self::Nothing),
            (true, false) => Some(Self::In(length)),
            (false, true) => Some(Self::Out(length)),
            (true, true) => None,
        }
    }
}

/// The CDB: sixteen bytes, or more where the header has a segment of them.
pub(super) fn cdb(header: &Header, additional: &[u8]) -> Vec<u8> {
    let mut cdb = header.bytes::<{ header::BYTES - CDB }>(CDB).to_vec();
    // Length of what follows its first three bytes, of which the first is reserved.
    if let [high, low, EXTENDED_CDB, _, rest @ ..] = additional {
        let length = usize::from(u16::from_be_bytes([*high, *low])).saturating_sub(1);
        cdb.extend(rest.iter().take(length));
    }
    cdb
}

const CHECK_CONDITION: u8 = 0x02;
const ABORTED_COMMAND: u8 = 0x0b;
/// Additional sense codes (section 11.4.7.2).
pub(super) const UNEXPECTED_UNSOLICITED_DATA: (u8, u8) = (0x0c, 0x0c);
pub(super) const INCORRECT_AMOUNT_OF_DATA: (u8, u8) = (0x0c, 0x0d);

/// CHECK CONDITION, ABORTED COMMAND, in fixed format.
pub(super) fn aborted((code, qualifier): (u8, u8)) -> Answer {
    let sense = vec![0x70, 0, ABORTED_COMMAND, 0, 0, 0, 0, 10, 0, 0, 0, 0, code, qualifier, 0, 0, 0, 0];
    Answer { status: CHECK_CONDITION, data: Vec::new(), sense }
}
