//! What the end of a command means: done, to be asked again, or a failure.

use capstan_iscsi::{Answered, Outcome as Fate};
use capstan_scsi::{Key, Sense, status};
use capstan_sdk::failure::{busy, conflict, corrupt, denied, malformed, no_space, unavailable, unsupported};
use capstan_sdk::{Failure, Retry};

#[derive(Debug)]
pub(crate) enum Verdict {
    Done(Vec<u8>),
    /// After so many milliseconds; if it goes on like this, that is what went wrong.
    Again(u64, Failure),
    Failed(Failure),
}

/// Milliseconds after which a unit is asked again that is not ready, or has too much to do.
const READY_MS: u64 = 300;
const QUEUE_MS: u64 = 100;

/// Codes of failures that a new look at where the volume is may cure.
pub(crate) const NO_UNIT: &str = "sense 5/25/00";

pub(crate) fn verdict(fate: Fate, subject: &str) -> Verdict {
    match fate {
        Fate::Answered(answered) => answer(answered, subject),
        Fate::Unknown | Fate::NotSent | Fate::Aborted => Verdict::Again(
            QUEUE_MS,
            unavailable(format!("the connection broke again and again at {subject}")).code("connection-lost"),
        ),
        Fate::Failed(code) => Verdict::Again(
            READY_MS,
            unavailable(format!("the VPSA's target failed at {subject}")).code(format!("iscsi response {code:02x}")),
        ),
        Fate::Rejected(reason) => Verdict::Failed(
            malformed(format!("the VPSA's target does not take a command for {subject}"), format!("reject {reason:02x}"))
                .retry(Retry::Never),
        ),
    }
}

fn answer(answered: Answered, subject: &str) -> Verdict {
    match answered.status {
        status::GOOD => Verdict::Done(answered.data),
        status::CHECK_CONDITION => match Sense::read(&answered.sense) {
            Some(sense) => sensed(&sense, answered.data, subject),
            None => Verdict::Failed(malformed(format!("the VPSA's target refuses {subject} without a reason"), "")),
        },
        status::BUSY | status::TASK_SET_FULL => {
            Verdict::Again(QUEUE_MS, busy(format!("the VPSA has too much to do with {subject}")).code(coded(answered.status)))
        }
        status::TASK_ABORTED => {
            Verdict::Again(0, unavailable(format!("a command for {subject} was aborted")).code(coded(answered.status)))
        }
        status::RESERVATION_CONFLICT => {
            Verdict::Failed(busy(format!("another server has reserved {subject}")).code(coded(answered.status)))
        }
        other => Verdict::Failed(unavailable(format!("the VPSA's target refuses {subject}")).code(coded(other))),
    }
}

fn coded(status: u8) -> String {
    format!("scsi status {status:02x}")
}

fn sensed(sense: &Sense, data: Vec<u8>, subject: &str) -> Verdict {
    let told = |failure: Failure| {
        failure.code(format!("sense {:x}/{:02x}/{:02x}", sense.key.0, sense.code, sense.qualifier)).detail(sense.to_string())
    };
    match sense.key {
        Key::NO_SENSE | Key::RECOVERED_ERROR => Verdict::Done(data),
        // It says what happened to the unit, and was not done.
        Key::UNIT_ATTENTION => Verdict::Again(0, told(unavailable(format!("the state of {subject} changes again and again")))),
        Key::ABORTED_COMMAND => Verdict::Again(QUEUE_MS, told(unavailable(format!("a command for {subject} was aborted")))),
        Key::NOT_READY => Verdict::Again(READY_MS, told(unavailable(format!("{subject} is not ready")))),
        Key::MEDIUM_ERROR => Verdict::Failed(told(corrupt(format!("the VPSA cannot read or write a part of {subject}")))),
        Key::DATA_PROTECT if sense.additional() == 0x2707 => Verdict::Failed(told(
            no_space(format!("the pool of {subject} is full")).next_step("Enlarge the pool, or delete something."),
        )),
        Key::DATA_PROTECT => Verdict::Failed(told(denied(format!("{subject} is write-protected on the VPSA")))),
        // A LUN that is not there is no drive that is not there: it is looked for again.
        Key::ILLEGAL_REQUEST if sense.code == 0x25 => {
            Verdict::Failed(told(unavailable(format!("{subject} is not attached to this host"))).retry(Retry::AtOnce))
        }
        Key::ILLEGAL_REQUEST if sense.code == 0x21 => {
            Verdict::Failed(told(conflict(format!("{subject} is smaller than it was"))).retry(Retry::AtOnce))
        }
        Key::ILLEGAL_REQUEST => Verdict::Failed(told(unsupported(format!("the VPSA's target does not do this with {subject}")))),
        _ => Verdict::Failed(told(unavailable(format!("the VPSA failed at {subject}")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u8, key: u8, code: u8, qualifier: u8) -> Verdict {
        let mut sense = vec![0; 18];
        (sense[0], sense[2], sense[12], sense[13]) = (0x70, key, code, qualifier);
        let data = vec![1];
        verdict(Fate::Answered(Answered { status, sense, data, ..Answered::default() }), "drive \"a\"")
    }

    #[test]
    fn what_passes_is_asked_again_and_what_does_not_is_told() {
        assert!(matches!(of(0, 0, 0, 0), Verdict::Done(data) if data == [1]));
        assert!(matches!(of(2, 6, 0x29, 0), Verdict::Again(0, _)));
        assert!(matches!(of(2, 2, 4, 1), Verdict::Again(READY_MS, Failure::Unavailable(_))));
        assert!(matches!(of(0x28, 0, 0, 0), Verdict::Again(_, Failure::Busy(_))));
        assert!(matches!(of(2, 3, 0x11, 0), Verdict::Failed(Failure::Corrupt(_))));
        assert!(matches!(of(2, 7, 0x27, 0), Verdict::Failed(Failure::Denied(_))));
        assert!(matches!(of(2, 7, 0x27, 7), Verdict::Failed(Failure::NoSpace(_))));
        assert!(matches!(of(0x18, 0, 0, 0), Verdict::Failed(Failure::Busy(_))));
        let Verdict::Failed(failure) = of(2, 5, 0x25, 0) else { panic!() };
        assert_eq!((failure.may_retry(), failure.fault().code.as_deref()), (true, Some(NO_UNIT)));
        assert!(matches!(verdict(Fate::Unknown, "x"), Verdict::Again(..)));
    }
}
