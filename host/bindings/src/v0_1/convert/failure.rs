//! The failure, both ways. Retry, blame, code and next step survive the round trip, so that a denial of the host reaches the user
//! unharmed although a plugin carried it.

use capstan_domain::failure::{Blame, Failure, Kind, Retry};

use crate::v0_1::WitFailure;
use crate::v0_1::host::types::{self as wit, Fault, NamedValue, OtherFault};

/// Under these names what the domain's failure has and the contract's fault has not travels in `extras`.
const NEXT_STEP: &str = "next-step";

impl From<WitFailure> for Failure {
    fn from(failure: WitFailure) -> Self {
        match failure {
            WitFailure::NotFound(fault) => from_fault(Kind::NotFound, fault),
            WitFailure::AlreadyExists(fault) => from_fault(Kind::AlreadyExists, fault),
            WitFailure::Invalid(fault) => from_fault(Kind::Invalid, fault),
            WitFailure::Unauthenticated(fault) => from_fault(Kind::Unauthenticated, fault),
            WitFailure::Denied(fault) => from_fault(Kind::Denied, fault),
            WitFailure::Conflict(fault) => from_fault(Kind::Conflict, fault),
            WitFailure::Busy(fault) => from_fault(Kind::Busy, fault),
            WitFailure::Unavailable(fault) => from_fault(Kind::Unavailable, fault),
            WitFailure::TimedOut(fault) => from_fault(Kind::TimedOut, fault),
            WitFailure::NoSpace(fault) => from_fault(Kind::NoSpace, fault),
            WitFailure::Corrupt(fault) => from_fault(Kind::Corrupt, fault),
            WitFailure::Offline(fault) => from_fault(Kind::Offline, fault),
            WitFailure::Unsupported(fault) => from_fault(Kind::Unsupported, fault),
            WitFailure::Cancelled(fault) => from_fault(Kind::Cancelled, fault),
            WitFailure::Other(OtherFault { kind, mut fault }) => {
                // `code` names an `Other`; the target's own code, if it gave one, is still worth a line in the log.
                if let Some(code) = fault.code.replace(kind) {
                    let detail = fault.detail.take().unwrap_or_default();
                    fault.detail = Some(format!("target's code {code}. {detail}"));
                }
                from_fault(Kind::Other, fault)
            }
        }
    }
}

fn from_fault(kind: Kind, fault: Fault) -> Failure {
    let mut failure = Failure::new(kind, fault.message);
    failure.retry = match fault.retry {
        wit::Retry::Never => Retry::Never,
        wit::Retry::AtOnce => Retry::AtOnce,
        wit::Retry::Later => Retry::Later,
    };
    failure.blame = match fault.blame {
        wit::Blame::Caller => Blame::Caller,
        wit::Blame::Target => Blame::Target,
        wit::Blame::Plugin => Blame::Plugin,
        wit::Blame::Host => Blame::Host,
    };
    failure.detail = fault.detail;
    failure.code = fault.code;
    failure.retry_after_ms = fault.retry_after_ms;
    failure.maybe_done = fault.maybe_done;
    for NamedValue { name, value } in fault.extras {
        match name.as_str() {
            NEXT_STEP => failure.next_step = Some(value),
            _ => {
                let detail = failure.detail.get_or_insert_default();
                if !detail.is_empty() {
                    detail.push_str("; ");
                }
                detail.push_str(&format!("{name}: {value}"));
            }
        }
    }
    failure
}

impl From<Failure> for WitFailure {
    fn from(failure: Failure) -> Self {
        let kind = failure.kind;
        let code = failure.code.clone();
        let fault = to_fault(failure);
        match kind {
            Kind::NotFound => Self::NotFound(fault),
            Kind::AlreadyExists => Self::AlreadyExists(fault),
            Kind::Invalid => Self::Invalid(fault),
            Kind::Unauthenticated => Self::Unauthenticated(fault),
            Kind::Denied => Self::Denied(fault),
            Kind::Conflict => Self::Conflict(fault),
            Kind::Busy => Self::Busy(fault),
            Kind::Unavailable => Self::Unavailable(fault),
            Kind::TimedOut => Self::TimedOut(fault),
            Kind::NoSpace => Self::NoSpace(fault),
            Kind::Corrupt => Self::Corrupt(fault),
            Kind::Offline => Self::Offline(fault),
            Kind::Unsupported => Self::Unsupported(fault),
            Kind::Cancelled => Self::Cancelled(fault),
            Kind::PluginFault => Self::Other(OtherFault { kind: "plugin-fault".to_owned(), fault }),
            Kind::Other => Self::Other(OtherFault {
                kind: code.unwrap_or_else(|| "host-fault".to_owned()),
                fault: Fault { code: None, ..fault },
            }),
        }
    }
}

fn to_fault(failure: Failure) -> Fault {
    let extras = failure.next_step.map(|value| NamedValue { name: NEXT_STEP.to_owned(), value }).into_iter().collect();
    Fault {
        message: failure.message,
        detail: failure.detail,
        code: failure.code,
        retry: match failure.retry {
            Retry::Never => wit::Retry::Never,
            Retry::AtOnce => wit::Retry::AtOnce,
            Retry::Later => wit::Retry::Later,
        },
        blame: match failure.blame {
            Blame::Caller => wit::Blame::Caller,
            Blame::Target => wit::Blame::Target,
            Blame::Plugin => wit::Blame::Plugin,
            Blame::Host => wit::Blame::Host,
        },
        retry_after_ms: failure.retry_after_ms,
        maybe_done: failure.maybe_done,
        extras,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Kind; 14] = [
        Kind::NotFound,
        Kind::AlreadyExists,
        Kind::Invalid,
        Kind::Unauthenticated,
        Kind::Denied,
        Kind::Conflict,
        Kind::Busy,
        Kind::Unavailable,
        Kind::TimedOut,
        Kind::NoSpace,
        Kind::Corrupt,
        Kind::Offline,
        Kind::Unsupported,
        Kind::Cancelled,
    ];

    #[test]
    fn a_failure_keeps_kind_retry_blame_code_and_next_step_through_a_plugin() {
        for kind in KINDS {
            let mut before = Failure::new(kind, "no").with_code("X1").with_next_step("do this").with_retry(Retry::AtOnce);
            before.retry_after_ms = Some(7);
            before.maybe_done = true;
            before.blame = Blame::Host;
            let after = Failure::from(WitFailure::from(before.clone()));
            assert_eq!(after, before);
        }
    }

    #[test]
    fn a_registered_kind_becomes_the_code_of_other() {
        let before = Failure::host("no", "why");
        assert_eq!(Failure::from(WitFailure::from(before.clone())), before);
    }
}
