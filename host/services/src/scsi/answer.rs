//! What became of a command: the device's answer, or why there is none.
//!
//! Source: `scsi/sg.h` (`sg_io_hdr`) and the host and driver bytes of a SCSI result in Linux; SAM-5, section 5.3.1.

use std::io;

use capstan_domain::failure::{Blame, Retry};
use capstan_domain::{Failure, Kind, Outcome};

use super::passage::Ended;

/// What a device answered, whatever its status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// SAM-5, section 5.3.1.
    pub status: u8,
    /// As the device gave it; empty where it gave none.
    pub sense: Vec<u8>,
    /// Data-in.
    pub data: Vec<u8>,
}

/// Codes of what is wrong with a device; registered in `wit/ERRORS.md`.
const GONE: &str = "device-gone";
const RESET: &str = "device-reset";
const ERROR: &str = "device-error";

/// The host byte: what the adapter's driver says.
mod host {
    pub(super) const OK: u16 = 0x00;
    pub(super) const NO_CONNECT: u16 = 0x01;
    pub(super) const BUS_BUSY: u16 = 0x02;
    pub(super) const TIME_OUT: u16 = 0x03;
    pub(super) const BAD_TARGET: u16 = 0x04;
    pub(super) const RESET: u16 = 0x08;
    /// The kernel's own reading of a status that the device gave.
    pub(super) const TARGET_FAILURE: u16 = 0x10;
    pub(super) const NEXUS_FAILURE: u16 = 0x11;
    pub(super) const MEDIUM_ERROR: u16 = 0x13;
}

/// The driver byte; its upper half only suggests what to do.
mod driver {
    pub(super) const MASK: u16 = 0x0f;
    pub(super) const OK: u16 = 0x00;
    pub(super) const BUSY: u16 = 0x01;
    pub(super) const TIMEOUT: u16 = 0x06;
    pub(super) const SENSE: u16 = 0x08;
}

/// The device's answer, if that is what came. `data`: the data-in that came with it.
pub(super) fn judge(path: &str, ended: Ended, data: Vec<u8>) -> Outcome<Answer> {
    let Ended { status, host, driver, sense, .. } = ended;
    let told = status != 0 || !sense.is_empty();
    let driver = driver & driver::MASK;
    let detail = format!("status {status:02x}, host {host:02x}, driver {driver:02x}");
    match (host, driver) {
        (host::OK, driver::OK | driver::SENSE) => Ok(Answer { status, sense, data }),
        (host::TARGET_FAILURE | host::NEXUS_FAILURE | host::MEDIUM_ERROR, driver::OK | driver::SENSE) if told => {
            Ok(Answer { status, sense, data })
        }
        (host::TIME_OUT, _) | (_, driver::TIMEOUT) => Err(late(path).with_detail(detail)),
        (host::NO_CONNECT | host::BAD_TARGET, _) => Err(gone(path).with_maybe_done().with_detail(detail)),
        (host::BUS_BUSY, _) | (host::OK, driver::BUSY) => {
            Err(Failure::new(Kind::Busy, format!("the way to {path} is busy")).with_detail(detail))
        }
        (host::RESET, _) => Err(unavailable(format!("{path} was reset while it was at work"), RESET)
            .with_retry(Retry::AtOnce)
            .with_maybe_done()
            .with_detail(detail)),
        _ => Err(unavailable(format!("the way to {path} failed"), ERROR).with_maybe_done().with_detail(detail)),
    }
}

/// What the kernel says instead of giving the command.
pub(super) fn refused(path: &str, bytes: usize, cause: &io::Error) -> Failure {
    let failure = match cause.raw_os_error() {
        Some(libc::ENODEV | libc::ENXIO | libc::ESHUTDOWN) => gone(path).with_maybe_done(),
        Some(libc::EINVAL | libc::EMSGSIZE | libc::EDOM) => {
            Failure::invalid(format!("the host's adapter does not take this command of {bytes} bytes for {path}"))
                .with_blame(Blame::Plugin)
        }
        Some(libc::ENOMEM | libc::EAGAIN) => {
            Failure::new(Kind::Busy, format!("the host has no memory for a transfer with {path}")).with_blame(Blame::Host)
        }
        Some(libc::EPERM | libc::EACCES) => {
            Failure::new(Kind::Denied, format!("the host's system does not let this command through to {path}"))
                .with_blame(Blame::Target)
        }
        Some(libc::ETIMEDOUT) => late(path),
        _ => unavailable(format!("the way to {path} failed"), ERROR).with_maybe_done(),
    };
    failure.with_detail(cause.to_string())
}

/// Why the device cannot be opened.
pub(super) fn closed(path: &str, cause: &io::Error) -> Failure {
    let failure = match cause.raw_os_error() {
        Some(libc::ENOENT | libc::ENXIO | libc::ENODEV) => gone(path),
        Some(libc::EACCES | libc::EPERM) => Failure::new(Kind::Denied, format!("the host's user may not use {path}"))
            .with_blame(Blame::Target)
            .with_next_step(format!("Let the user that the host runs as read and write {path}.")),
        Some(libc::EBUSY) => Failure::new(Kind::Busy, format!("another program keeps {path} for itself")),
        Some(libc::EMFILE | libc::ENFILE) => {
            Failure::new(Kind::Busy, "the host has no file handles left").with_blame(Blame::Host)
        }
        _ => return Failure::host(format!("{path} cannot be opened"), cause),
    };
    failure.with_detail(cause.to_string())
}

pub(super) fn late(path: &str) -> Failure {
    Failure::new(Kind::TimedOut, format!("{path} did not answer in time")).with_maybe_done()
}

fn gone(path: &str) -> Failure {
    unavailable(format!("there is no device at {path}"), GONE).with_next_step("Look at the device and its cable.")
}

fn unavailable(message: String, code: &str) -> Failure {
    Failure::new(Kind::Unavailable, message).with_code(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENSE: [u8; 4] = [0x70, 0, 6, 0];

    fn of(status: u8, host: u16, driver: u16, sense: &[u8]) -> Outcome<Answer> {
        judge("/dev/sg3", Ended { status, host, driver, sense: sense.to_vec(), moved: 0 }, Vec::new())
    }

    fn code(answer: Outcome<Answer>) -> (Kind, Option<String>, bool) {
        let failure = answer.unwrap_err();
        (failure.kind, failure.code, failure.maybe_done)
    }

    #[test]
    fn whatever_status_a_device_gives_is_its_answer() {
        assert_eq!(of(0, 0, 0, &[]).unwrap(), Answer::default());
        // With sense the driver says so, in its own half and with a suggestion.
        for driver in [0x08, 0x28, 0] {
            let checked = of(2, 0, driver, &SENSE).unwrap();
            assert_eq!((checked.status, checked.sense.as_slice()), (2, SENSE.as_slice()));
        }
        assert_eq!(of(0x18, 0x11, 0, &[]).unwrap().status, 0x18);
        assert_eq!(of(2, 0x13, 8, &SENSE).unwrap().status, 2);
    }

    #[test]
    fn what_kept_an_answer_away_says_whether_the_command_may_have_been_done() {
        assert_eq!(code(of(0, 3, 0, &[])), (Kind::TimedOut, None, true));
        assert_eq!(code(of(0, 0, 6, &[])), (Kind::TimedOut, None, true));
        assert_eq!(code(of(0, 1, 0, &[])), (Kind::Unavailable, Some(GONE.to_owned()), true));
        assert_eq!(code(of(0, 2, 0, &[])), (Kind::Busy, None, false));
        assert_eq!(code(of(0, 8, 0, &[])), (Kind::Unavailable, Some(RESET.to_owned()), true));
        assert_eq!(code(of(0, 7, 0, &[])), (Kind::Unavailable, Some(ERROR.to_owned()), true));
        // The kernel's reading of a status, without one.
        assert_eq!(code(of(0, 0x10, 0, &[])), (Kind::Unavailable, Some(ERROR.to_owned()), true));
    }

    #[test]
    fn what_the_kernel_does_not_give_says_who_has_to_act() {
        let refused = |code| refused("/dev/sg3", 5, &io::Error::from_raw_os_error(code));
        assert_eq!(refused(libc::ENODEV).code.as_deref(), Some(GONE));
        assert_eq!((refused(libc::EINVAL).kind, refused(libc::EINVAL).blame), (Kind::Invalid, Blame::Plugin));
        assert_eq!((refused(libc::ENOMEM).kind, refused(libc::ENOMEM).maybe_done), (Kind::Busy, false));
        assert!(refused(libc::EIO).maybe_done);
        let closed = |code| closed("/dev/sg3", &io::Error::from_raw_os_error(code));
        assert_eq!((closed(libc::ENOENT).kind, closed(libc::EBUSY).kind), (Kind::Unavailable, Kind::Busy));
        assert!(closed(libc::EACCES).next_step.unwrap().contains("/dev/sg3"));
    }
}
