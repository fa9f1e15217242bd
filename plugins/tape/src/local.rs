//! A SCSI device of the host itself: a robot or a drive at an adapter of the machine.

use capstan_iscsi::Data;
use capstan_sdk::scsi::{self, Answer as Told, Transfer};
use capstan_sdk::{Failure, Outcome};

use crate::outside::{self, Device};
use crate::transport::{Answer, Fate};

/// How long a command may take that moves nothing, milliseconds. A device that is at work answers it all the same.
const ASKED_MS: u32 = 120_000;
/// How long one may take that moves a cartridge or a tape. The call's own deadline comes first: a command that the system gives up is followed
/// by a reset, after which nobody knows where the tape is.
const MOVED_MS: u32 = 3_600_000;

/// Commands that are answered without anything moving (SPC-4, annex E; SSC-4; SMC-3): TEST UNIT READY, REQUEST SENSE, READ BLOCK LIMITS, INQUIRY,
/// MODE SENSE(6), READ POSITION, REPORT DENSITY SUPPORT, LOG SENSE, MODE SENSE(10), READ ATTRIBUTE, REPORT LUNS.
const ASKS: [u8; 11] = [0x00, 0x03, 0x05, 0x12, 0x1a, 0x34, 0x44, 0x4d, 0x5a, 0x8c, 0xa0];

pub(crate) struct Local {
    device: Device,
    /// A command has no answer: what the device does now, nobody knows.
    broken: bool,
}

impl Local {
    pub(crate) async fn open(path: &str) -> Outcome<Self> {
        Ok(Self { device: outside::open(path.to_owned()).await?, broken: false })
    }

    pub(crate) fn is_clean(&self) -> bool {
        !self.broken
    }

    pub(crate) async fn give(&mut self, cdb: &[u8], data: Data) -> Fate {
        let transfer = match data {
            Data::None => Transfer::None,
            Data::In(most) => Transfer::FromDevice(most),
            Data::Out(bytes) => Transfer::ToDevice(bytes),
        };
        match self.device.execute(cdb.to_vec(), transfer, patience(cdb)).await {
            Ok(Told { status, sense, data }) => Fate::Answered(Answer { status, sense, data }),
            Err(failure) if passes(&failure) => Fate::Lost(failure),
            Err(failure) => {
                self.broken = true;
                Fate::Failed(failure)
            }
        }
    }
}

fn patience(cdb: &[u8]) -> u32 {
    if cdb.first().is_some_and(|code| ASKS.contains(code)) { ASKED_MS } else { MOVED_MS }
}

/// Whether the next command may have an answer.
fn passes(failure: &Failure) -> bool {
    matches!(failure, Failure::Busy(_))
        || failure.fault().code.as_deref().is_some_and(|code| [scsi::RESET, scsi::ERROR].contains(&code))
}

#[cfg(test)]
mod tests {
    use capstan_scsi::{primary, tape};
    use capstan_sdk::failure::{busy, timed_out, unavailable};

    use super::*;

    #[test]
    fn what_moves_a_tape_has_time_and_what_asks_has_less() {
        assert_eq!(patience(&primary::inquiry()), ASKED_MS);
        assert_eq!(patience(&primary::test_unit_ready()), ASKED_MS);
        assert_eq!(patience(&tape::rewind()), MOVED_MS);
        assert_eq!(patience(&tape::write(1).unwrap()), MOVED_MS);
    }

    #[test]
    fn a_device_that_is_gone_or_hangs_is_not_asked_again() {
        assert!(passes(&unavailable("").code(scsi::RESET)) && passes(&busy("")));
        assert!(!passes(&unavailable("").code(scsi::GONE)) && !passes(&timed_out("")));
    }
}
