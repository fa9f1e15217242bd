//! Cleaning: whether a drive wants it, and waiting until it is done. A cleaning cartridge does its work by itself once it is in, and is given
//! out by the drive.

use capstan_iscsi::Data;
use capstan_scsi::log::Page;
use capstan_scsi::tape::condition::{self, Status};
use capstan_scsi::{Reason, Refusal, primary};
use capstan_sdk::Outcome;
use capstan_sdk::failure::{busy, cancelled};

use crate::device::Device;
use crate::health::page;
use crate::outside;
use crate::tape::Tape;
use crate::unit::Stop;

/// How often the drive is asked whether it is done, and the pause: cleaning takes some minutes, and a call may take sixteen.
const TRIES: u32 = 840;
const PAUSE_MS: u64 = 1_000;
/// Labels of cleaning cartridges begin so, where the library does not say what lies in an element.
const LABEL: &str = "CLN";

/// `state` of a drive that asks for it.
pub(crate) const CLEANING_NEEDED: &str = "cleaning-needed";

/// Code of what comes where a cleaning cartridge did not clean.
pub(crate) const FAILED: &str = "cleaning-failed";

/// MEDIUM TYPE of a cleaning cartridge, or a label as they have it.
pub(crate) fn is_cleaner(medium: u8, label: &str) -> bool {
    medium == 2 || (medium == 0 && label.starts_with(LABEL))
}

/// Whether the drive asks for it. A drive that does not tell asks for nothing.
pub(crate) async fn is_wanted(tape: &mut Tape) -> Outcome<bool> {
    if tape.silent {
        return Ok(false);
    }
    if let Some(told) = page(&mut tape.unit, condition::STATUS).await?
        && let Some(status) = Page::read(&told).ok().and_then(|page| Status::read(&page))
    {
        return Ok((status.cleaning_requested || status.cleaning_required) && !status.cleaning);
    }
    let told = page(&mut tape.unit, condition::SEQUENTIAL).await?;
    let wanted = told.and_then(|told| condition::wants_cleaning(&Page::read(&told).ok()?));
    tape.silent = wanted.is_none();
    Ok(wanted.unwrap_or(false))
}

/// Waits until the drive is done with a cleaning cartridge and holds it no longer, or will give it out.
pub(crate) async fn finished(device: &mut impl Device, subject: &str) -> Outcome<()> {
    for _ in 0..TRIES {
        if outside::cancelled() {
            return Err(cancelled("the job was cancelled").maybe_done());
        }
        match device.ask(&primary::test_unit_ready(), Data::None).await {
            Err(Stop::Refused(Refusal { reason: Reason::Cleaning | Reason::BecomingReady, .. })) => outside::wait(PAUSE_MS).await,
            Ok(_) | Err(Stop::Refused(Refusal { reason: Reason::NoMedium | Reason::NotReady | Reason::CleaningNeeded, .. })) => {
                return Ok(());
            }
            Err(stop) => return Err(stop.told(subject)),
        }
    }
    Err(busy(format!("{subject} is still being cleaned")).code("cleaning").next_step("Wait, then unload the drive."))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers one after the other: sense key and additional code.
    struct Answers(Vec<(u8, u8, u8)>);

    impl Device for Answers {
        async fn ask(&mut self, _cdb: &[u8], _data: Data) -> Result<Vec<u8>, Stop> {
            let (key, code, qualifier) = self.0.remove(0);
            let sense = [0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, code, qualifier];
            Err(Stop::Refused(Refusal::new(capstan_scsi::status::CHECK_CONDITION, &sense)))
        }
    }

    #[test]
    fn a_drive_is_clean_when_it_has_given_the_cartridge_out() {
        let mut drive = Answers(vec![(2, 0x30, 0x03), (2, 0x04, 0x01), (2, 0x3a, 0x00)]);
        futures::executor::block_on(finished(&mut drive, "drive \"a\"")).unwrap();
        assert!(drive.0.is_empty());
        let mut used_up = Answers(vec![(2, 0x30, 0x07)]);
        let failure = futures::executor::block_on(finished(&mut used_up, "drive \"a\"")).unwrap_err();
        assert_eq!((failure.fault().code.as_deref(), failure.may_retry()), (Some(FAILED), false));
        assert!(futures::executor::block_on(finished(&mut Answers(vec![(4, 0x44, 0)]), "x")).is_err());
    }

    #[test]
    fn a_cleaning_cartridge_is_known_by_its_element_or_its_label() {
        assert!(is_cleaner(2, "TST001L6") && is_cleaner(0, "CLNU01L1"));
        assert!(!is_cleaner(1, "CLNU01L1") && !is_cleaner(0, "TST001L6"));
    }
}
