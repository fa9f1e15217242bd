//! Failures with the retry and the blame that usually go with their kind.
//!
//! A backend starts from a constructor and corrects what it knows better: `busy("…").code("SlowDown").after_ms(1500)`.

use crate::bindings::capstan::host::types::{Blame, OtherFault, Retry};
pub use crate::bindings::capstan::host::types::{Failure, Fault};
use crate::text::percent;

/// Bytes from which on a secret is looked for in texts: shorter ones are parts of words.
const SHORTEST_SECRET: usize = 4;

pub type Outcome<T> = Result<T, Failure>;

fn fault(message: impl Into<String>, retry: Retry, blame: Blame) -> Fault {
    Fault {
        message: message.into(),
        detail: None,
        code: None,
        retry,
        blame,
        retry_after_ms: None,
        maybe_done: false,
        extras: Vec::new(),
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident => $case:ident, $retry:ident, $blame:ident;)*) => {
        $($(#[$doc])* pub fn $name(message: impl Into<String>) -> Failure {
            Failure::$case(fault(message, Retry::$retry, Blame::$blame))
        })*
    };
}

kinds! {
    not_found => NotFound, Never, Caller;
    already_exists => AlreadyExists, Never, Caller;
    /// The request itself is wrong: a name, a range, a size, a configuration.
    invalid => Invalid, Never, Caller;
    unauthenticated => Unauthenticated, Never, Caller;
    denied => Denied, Never, Caller;
    /// A precondition or a version did not match.
    conflict => Conflict, Never, Caller;
    /// Throttled or locked.
    busy => Busy, Later, Target;
    unavailable => Unavailable, Later, Target;
    timed_out => TimedOut, Later, Target;
    no_space => NoSpace, Never, Target;
    corrupt => Corrupt, Never, Target;
    offline => Offline, Later, Target;
    unsupported => Unsupported, Never, Caller;
    cancelled => Cancelled, Never, Caller;
}

/// A kind registered in `wit/ERRORS.md`.
pub fn other(kind: &str, message: impl Into<String>) -> Failure {
    Failure::Other(OtherFault { kind: kind.to_owned(), fault: fault(message, Retry::Never, Blame::Target) })
}

/// The target answered something its protocol does not allow.
pub fn malformed(message: impl Into<String>, detail: impl Into<String>) -> Failure {
    unavailable(message).code("malformed-answer").detail(detail)
}

/// Of a change that was asked for: it may have been made although its answer was lost or is unclear.
pub fn unclear(failure: Failure) -> Failure {
    if matches!(failure, Failure::Unavailable(_) | Failure::TimedOut(_)) { failure.maybe_done() } else { failure }
}

impl Failure {
    pub fn fault(&self) -> &Fault {
        match self {
            Self::NotFound(fault)
            | Self::AlreadyExists(fault)
            | Self::Invalid(fault)
            | Self::Unauthenticated(fault)
            | Self::Denied(fault)
            | Self::Conflict(fault)
            | Self::Busy(fault)
            | Self::Unavailable(fault)
            | Self::TimedOut(fault)
            | Self::NoSpace(fault)
            | Self::Corrupt(fault)
            | Self::Offline(fault)
            | Self::Unsupported(fault)
            | Self::Cancelled(fault) => fault,
            Self::Other(other) => &other.fault,
        }
    }

    pub fn fault_mut(&mut self) -> &mut Fault {
        match self {
            Self::NotFound(fault)
            | Self::AlreadyExists(fault)
            | Self::Invalid(fault)
            | Self::Unauthenticated(fault)
            | Self::Denied(fault)
            | Self::Conflict(fault)
            | Self::Busy(fault)
            | Self::Unavailable(fault)
            | Self::TimedOut(fault)
            | Self::NoSpace(fault)
            | Self::Corrupt(fault)
            | Self::Offline(fault)
            | Self::Unsupported(fault)
            | Self::Cancelled(fault) => fault,
            Self::Other(other) => &mut other.fault,
        }
    }

    /// The target's own code.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.fault_mut().code = Some(code.into());
        self
    }

    /// For the log, never for the user.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.fault_mut().detail = Some(detail.into());
        self
    }

    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.fault_mut().retry = retry;
        self
    }

    #[must_use]
    pub fn blame(mut self, blame: Blame) -> Self {
        self.fault_mut().blame = blame;
        self
    }

    /// Asking again helps, after so long.
    #[must_use]
    pub fn after_ms(mut self, milliseconds: u64) -> Self {
        let fault = self.fault_mut();
        fault.retry = Retry::Later;
        fault.retry_after_ms = Some(milliseconds);
        self
    }

    /// The change may have been made although the answer was lost.
    #[must_use]
    pub fn maybe_done(mut self) -> Self {
        self.fault_mut().maybe_done = true;
        self
    }

    /// What the reader can do about it; the host shows it beside the message.
    #[must_use]
    pub fn next_step(mut self, step: impl Into<String>) -> Self {
        self.fault_mut().extras.push(crate::named("next-step", step));
        self
    }

    /// Takes a secret out of every text, as it stands, percent-encoded, and as JSON writes it: a service may repeat what it was
    /// sent.
    #[must_use]
    pub fn without(mut self, secret: &str) -> Self {
        if secret.len() < SHORTEST_SECRET {
            return self;
        }
        let mut encoded = String::new();
        percent(secret, false, &mut encoded);
        let quoted = serde_json::to_string(secret).unwrap_or_default();
        let escaped = quoted.get(1..quoted.len().saturating_sub(1)).filter(|inner| !inner.is_empty()).unwrap_or(secret);
        let fault = self.fault_mut();
        let texts = [Some(&mut fault.message), fault.detail.as_mut(), fault.code.as_mut()];
        for text in texts.into_iter().flatten().chain(fault.extras.iter_mut().map(|extra| &mut extra.value)) {
            for form in [secret, &encoded, escaped] {
                if text.contains(form) {
                    *text = text.replace(form, "…");
                }
            }
        }
        self
    }

    pub fn may_retry(&self) -> bool {
        self.fault().retry != Retry::Never
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_throttled_target_is_to_be_asked_later() {
        let failure = busy("slow down").code("SlowDown").after_ms(1500);
        assert_eq!(failure.fault().retry, Retry::Later);
        assert_eq!(failure.fault().retry_after_ms, Some(1500));
        assert!(failure.may_retry());
    }

    #[test]
    fn a_secret_that_a_service_repeats_is_told_nobody() {
        let failure = invalid("no: a/b=hush").detail("sent a%2Fb%3Dhush").code("a/b=hush").next_step("Set a/b=hush.");
        let told = format!("{:?}", failure.without("a/b=hush"));
        assert!(!told.contains("hush") && told.contains("no: …"), "{told}");
        let escaped = invalid(r#"{"password":"pass\"word"}"#).without("pass\"word");
        assert_eq!(escaped.fault().message, r#"{"password":"…"}"#);
        assert_eq!(invalid("as it is").without("is").fault().message, "as it is");
    }

    #[test]
    fn what_is_absent_is_the_callers_matter_and_stays_absent() {
        let failure = not_found("no such key");
        assert_eq!((failure.fault().retry, failure.fault().blame), (Retry::Never, Blame::Caller));
    }
}
