//! What ends a connection, as a failure that says who has to act.

use capstan_iscsi::{Error, LoginStatus, Refused};
use capstan_sdk::failure::{busy, denied, invalid, malformed, unauthenticated, unavailable};
use capstan_sdk::{Blame, Failure, Retry};

use crate::login::Words;

/// The code of a connection that broke, here and in the host.
pub const LOST: &str = "connection-lost";

/// The connection is gone; `peer`: who was at its other end.
pub fn lost(peer: &str) -> Failure {
    unavailable(format!("{peer} closed the connection")).code(LOST).retry(Retry::AtOnce)
}

/// The plugin asked its own library for something that cannot be.
pub(crate) fn refused(why: Refused) -> Failure {
    invalid(format!("iSCSI cannot say this: {why}")).blame(Blame::Plugin)
}

impl Words {
    pub(crate) fn broken(&self, error: Error) -> Failure {
        let peer = self.peer;
        match &error {
            Error::LoginRefused(status) => self.entry_refused(*status),
            Error::Authentication(_) => self.not_let_in().detail(error.to_string()),
            Error::Redirected { address, .. } => {
                unavailable(format!("{peer} is somewhere else now")).code("iscsi-redirect").detail(format!("at {address}"))
            }
            Error::Negotiation(_) => invalid(format!("{peer} cannot be talked to as the target is configured"))
                .detail(error.to_string())
                .next_step("Check \"digests\" of the target."),
            Error::Digest(_) => {
                unavailable(format!("what {peer} says arrived damaged")).code("iscsi-digest").detail(error.to_string())
            }
            Error::Closed => lost(peer),
            Error::Malformed(_) | Error::Protocol(_) | Error::TooMuch(_) | Error::Rejected(_) => {
                malformed(format!("what answers for {peer} does not follow iSCSI"), error.to_string())
            }
        }
    }

    /// Status classes and details: RFC 7143, section 11.13.5.
    fn entry_refused(&self, status: LoginStatus) -> Failure {
        let peer = self.peer;
        let failure = if status.is_authentication() {
            self.not_let_in()
        } else if status.is_transient() {
            busy(format!("{peer} takes no more connections"))
        } else if (status.class, status.detail) == (2, 2) {
            denied(format!("{peer} is not for this host")).next_step(self.admission)
        } else {
            let failure = unavailable(format!("{peer} refuses the connection: {}", status.name()));
            match self.target {
                Some(step) => failure.retry(Retry::Never).next_step(step),
                None => failure,
            }
        };
        failure.code(format!("iscsi login {:02x}/{:02x}", status.class, status.detail))
    }

    pub(crate) fn not_let_in(&self) -> Failure {
        unauthenticated(format!("{} does not let this host in", self.peer)).next_step(self.secrets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: Words = Words { peer: "the array", secrets: "secrets", admission: "admission", target: None };

    #[test]
    fn a_login_that_is_refused_says_who_has_to_act() {
        let failure = |class, detail| WORDS.broken(Error::LoginRefused(LoginStatus { class, detail }));
        assert!(matches!(failure(2, 1), Failure::Unauthenticated(_)));
        assert!(matches!(failure(2, 2), Failure::Denied(_)));
        assert!(matches!(failure(3, 2), Failure::Busy(_)));
        assert_eq!(failure(3, 1).fault().code.as_deref(), Some("iscsi login 03/01"));
        assert_eq!(failure(2, 2).fault().message, "the array is not for this host");
    }

    #[test]
    fn a_target_that_is_not_there_is_asked_for_again_unless_its_name_was_configured() {
        let absent = || Error::LoginRefused(LoginStatus { class: 2, detail: 3 });
        assert!(matches!(WORDS.broken(absent()), Failure::Unavailable(_)) && WORDS.broken(absent()).may_retry());
        assert!(!Words { target: Some("Check it."), ..WORDS }.broken(absent()).may_retry());
    }

    #[test]
    fn damage_may_pass_and_a_disagreement_does_not() {
        assert!(WORDS.broken(Error::Digest("data")).may_retry());
        assert!(!WORDS.broken(Error::Negotiation("HeaderDigest".to_owned())).may_retry());
    }
}
