//! What a device's refusal means to the host: the failure, whose it is, and what to do.

use capstan_scsi::{Reason, Refusal};
use capstan_sdk::failure::{busy, conflict, corrupt, denied, invalid, no_space, offline, unavailable, unsupported};
use capstan_sdk::{Failure, Retry};

use crate::cleaning::{CLEANING_NEEDED, FAILED};

/// Codes on which somebody acts.
pub(crate) const ATTENTION: &str = "unit-attention";

/// `subject`: the device, and what is in it where that is known: `drive "DRV0001" with "TST001L6"`.
pub(crate) fn failure(refusal: &Refusal, subject: &str) -> Failure {
    let failure = match refusal.reason {
        Reason::Reset | Reason::MediumChanged | Reason::LibraryChanged | Reason::Attention => {
            return unavailable(format!("something happened to {subject} meanwhile"))
                .code(ATTENTION)
                .retry(Retry::AtOnce)
                .next_step("Do it again; if it comes again, look who else uses the device.")
                .detail(refusal.to_string());
        }
        Reason::BecomingReady => {
            busy(format!("{subject} does not get ready")).next_step("Wait; if it stays so, look at the device.")
        }
        Reason::NotReady => unavailable(format!("{subject} is not ready")).next_step("Look at the device."),
        Reason::NoMedium => offline(format!("nothing is in {subject}")).retry(Retry::Never).next_step("Load a cartridge."),
        Reason::Busy => {
            busy(format!("{subject} has too much to do")).next_step("Wait; if it stays so, look who else uses the device.")
        }
        Reason::Reserved => busy(format!("another host has reserved {subject}"))
            .code("reserved")
            .next_step("Let the other host unload the drive; if it is gone for good, set reservations to take."),
        Reason::WriteProtected => {
            denied(format!("the cartridge in {subject} is write-protected")).next_step("Move the tab of the cartridge.")
        }
        Reason::RemovalPrevented => busy(format!("somebody prevents that the cartridge leaves {subject}"))
            .next_step("Unload the drive, by the host that uses it."),
        Reason::SourceEmpty => conflict(format!("{subject} has nothing to take where the cartridge was"))
            .next_step("Take the inventory of the library."),
        Reason::DestinationFull => conflict(format!("{subject} has a cartridge already where another was to go"))
            .next_step("Choose another place; of a mail slot, take out what lies in it."),
        Reason::NoElement => invalid(format!("{subject} has no such place")),
        Reason::OutOfReach => unavailable(format!("{subject} cannot reach a part of the library"))
            .retry(Retry::Never)
            .next_step("Close the library and its mail slots, and put back the magazine or drive that is out."),
        Reason::Label => conflict(format!("the label that {subject} reads is missing, there twice, or another"))
            .next_step("Look at the cartridge's label, then take the inventory of the library."),
        Reason::Incompatible => unsupported(format!("{subject} cannot use the cartridge"))
            .next_step("Take a cartridge of a generation that the drive reads and writes."),
        Reason::Encrypted => {
            denied(format!("what is on the cartridge in {subject} is encrypted with a key that it does not have"))
                .next_step("Give the drive its key, by the library's key management.")
        }
        Reason::Cleaning => busy(format!("{subject} is being cleaned")),
        Reason::CleaningNeeded => unavailable(format!("{subject} wants to be cleaned"))
            .code(CLEANING_NEEDED)
            .next_step("Unload it and load a cleaning cartridge into it."),
        Reason::CleaningFailed => {
            unavailable(format!("{subject} was not cleaned: the cleaning cartridge is used up or of another kind"))
                .code(FAILED)
                .retry(Retry::Never)
                .next_step("Take another cleaning cartridge.")
        }
        Reason::Full => {
            no_space(format!("the cartridge in {subject} is full")).code("end-of-medium").next_step("Take another cartridge.")
        }
        Reason::Blank => corrupt(format!("{subject} finds nothing where something was written")),
        Reason::Unreadable => corrupt(format!("{subject} cannot read a part of the cartridge"))
            .next_step("Clean the drive, or try another one; then read that part from another copy."),
        Reason::Unwritable => corrupt(format!("{subject} cannot write on a part of the cartridge"))
            .next_step("Clean the drive; if it comes again, copy what can be read and take the cartridge out of use."),
        Reason::Medium => corrupt(format!("the cartridge in {subject} is damaged"))
            .next_step("Copy what can be read and take the cartridge out of use."),
        Reason::Garbled => unavailable(format!("a block was damaged on its way to or from {subject}"))
            .code("block-checksum")
            .next_step("If it comes again, look at the cables and adapters between host and drive."),
        Reason::NotLoaded => unavailable(format!("{subject} does not take the cartridge in"))
            .retry(Retry::Never)
            .next_step("Try the cartridge in another drive, and another cartridge in this one: one of them is damaged."),
        Reason::Mechanical => unavailable(format!("a cartridge is stuck at {subject}"))
            .retry(Retry::Never)
            .next_step("Look at the device: a cartridge may lie where it should not."),
        Reason::Hardware => unavailable(format!("{subject} is defective")).retry(Retry::Never).next_step("Have it serviced."),
        Reason::Aborted => unavailable(format!("{subject} gave up a command")).retry(Retry::AtOnce),
        Reason::Unsupported | Reason::Invalid => unsupported(format!("{subject} does not do this")),
        Reason::NoUnit => unavailable(format!("{subject} is gone from the target")).retry(Retry::Never),
        Reason::Unclear => unavailable(format!("{subject} failed")),
    };
    let code = match (&refusal.sense, failure.fault().code.is_some()) {
        (_, true) => return failure.detail(refusal.to_string()),
        (Some(sense), false) => format!("sense {:x}/{:02x}/{:02x}", sense.key.0, sense.code, sense.qualifier),
        (None, false) => format!("scsi status {:02x}", refusal.status),
    };
    failure.code(code).detail(refusal.to_string())
}

#[cfg(test)]
mod tests {
    use capstan_scsi::status;

    use super::*;

    fn of(key: u8, code: u8, qualifier: u8) -> Failure {
        let mut sense = [0; 18];
        (sense[0], sense[2], sense[12], sense[13]) = (0x70, key, code, qualifier);
        failure(&Refusal::new(status::CHECK_CONDITION, &sense), "drive \"a\"")
    }

    #[test]
    fn a_refusal_says_what_to_do_and_names_the_device() {
        assert!(matches!(of(7, 0x27, 0), Failure::Denied(_)) && matches!(of(3, 0x11, 0), Failure::Corrupt(_)));
        assert!(matches!(of(5, 0x3b, 0x0d), Failure::Conflict(_)) && matches!(of(0xd, 0, 2), Failure::NoSpace(_)));
        assert!(matches!(of(2, 4, 1), Failure::Busy(_)) && matches!(of(2, 0x3a, 0), Failure::Offline(_)));
        assert!(!of(4, 0x44, 0).may_retry() && of(6, 0x29, 0).may_retry());
        assert_eq!(of(4, 0x44, 0).fault().code.as_deref(), Some("sense 4/44/00"));
        assert_eq!(of(6, 0x29, 0).fault().code.as_deref(), Some(ATTENTION));
        let code = |refusal: &Refusal| failure(refusal, "x").fault().code.clone();
        assert_eq!(code(&Refusal::new(status::RESERVATION_CONFLICT, &[])).as_deref(), Some("reserved"));
        assert_eq!(code(&Refusal::new(status::BUSY, &[])).as_deref(), Some("scsi status 08"));
        assert_eq!(of(2, 0x30, 0x07).fault().code.as_deref(), Some("cleaning-failed"));
        assert!(matches!(of(5, 0x53, 0x06), Failure::Conflict(_)) && !of(4, 0x53, 0).may_retry());
        assert!(of(3, 0x11, 0).fault().message.contains("drive \"a\""));
    }
}
