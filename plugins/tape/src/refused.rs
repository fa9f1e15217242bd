//! What a device's refusal means to the host: the failure, whose it is, and what to do.

use capstan_scsi::{Reason, Refusal};
use capstan_sdk::failure::{busy, conflict, corrupt, denied, invalid, no_space, offline, unavailable, unsupported};
use capstan_sdk::{Failure, Retry};

/// Codes on which somebody acts.
pub(crate) const ATTENTION: &str = "unit-attention";

/// `subject`: the device, and what is in it where that is known: `drive "DRV0001" with "TST001L6"`.
pub(crate) fn failure(refusal: &Refusal, subject: &str) -> Failure {
    let failure = match refusal.reason {
        Reason::Reset | Reason::MediumChanged | Reason::LibraryChanged | Reason::Attention => {
            return unavailable(format!("something happened to {subject} meanwhile"))
                .code(ATTENTION)
                .retry(Retry::AtOnce)
                .detail(refusal.to_string());
        }
        Reason::BecomingReady => busy(format!("{subject} does not get ready")),
        Reason::NotReady => unavailable(format!("{subject} is not ready")).next_step("Look at the device."),
        Reason::NoMedium => offline(format!("nothing is in {subject}")).retry(Retry::Never).next_step("Load a cartridge."),
        Reason::Busy => busy(format!("{subject} has too much to do")),
        Reason::Reserved => busy(format!("another host has reserved {subject}")),
        Reason::WriteProtected => {
            denied(format!("the cartridge in {subject} is write-protected")).next_step("Move the tab of the cartridge.")
        }
        Reason::RemovalPrevented => {
            busy(format!("somebody prevents that the cartridge leaves {subject}")).next_step("Unload the drive.")
        }
        Reason::SourceEmpty => conflict(format!("{subject} has nothing to take where the cartridge was")),
        Reason::DestinationFull => conflict(format!("{subject} has a cartridge already where another was to go")),
        Reason::NoElement => invalid(format!("{subject} has no such place")),
        Reason::Incompatible => unsupported(format!("{subject} cannot use the cartridge"))
            .next_step("Take a cartridge of a generation that the drive reads and writes."),
        Reason::Cleaning => busy(format!("{subject} is being cleaned")),
        Reason::Full => no_space(format!("the cartridge in {subject} is full")).code("end-of-medium"),
        Reason::Blank => corrupt(format!("{subject} finds nothing where something was written")),
        Reason::Medium => corrupt(format!("{subject} cannot read or write a part of the cartridge"))
            .next_step("Copy what can be read and take the cartridge out of use."),
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
        assert_eq!(
            failure(&Refusal::new(status::RESERVATION_CONFLICT, &[]), "x").fault().code.as_deref(),
            Some("scsi status 18")
        );
        assert!(of(3, 0x11, 0).fault().message.contains("drive \"a\""));
    }
}
