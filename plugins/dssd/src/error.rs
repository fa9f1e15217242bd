//! The dashboard's refusals as failures.
//!
//! It answers 400 to nearly everything that the cluster refuses; what it was stands in `code`, an errno as text, and `component`
//! says whether a pool was meant.

use capstan_sdk::failure::{
    Failure, already_exists, busy, denied, invalid, no_space, not_found, timed_out, unauthenticated, unavailable, unsupported,
};
use capstan_sdk::http::retry_after_ms;
use capstan_sdk::{Blame, Retry};
use serde_json::Value;

/// Characters of the dashboard's own words that are kept.
const MAX_WORDS: usize = 300;

/// Errno as the dashboard spells it.
pub(crate) const ABSENT: &str = "2";
pub(crate) const BUSY: &str = "16";
pub(crate) const EXISTS: &str = "17";
pub(crate) const INVALID: &str = "22";
/// Of a rollback while somebody writes to the image.
pub(crate) const READ_ONLY: &str = "30";

/// What an answer that is no success says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: Option<String>,
    component: String,
    words: String,
    retry_after_ms: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(status: u16, headers: &[(String, String)], body: &[u8]) -> Self {
        let said: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        Self { retry_after_ms: retry_after_ms(headers), ..Self::of(status, &said) }
    }

    /// Of a task that ended badly.
    pub(crate) fn of_exception(exception: &Value) -> Self {
        let status = exception.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
        Self::of(status.unwrap_or(500), exception)
    }

    fn of(status: u16, said: &Value) -> Self {
        let text = |name: &str| match said.get(name) {
            Some(Value::String(text)) => Some(clipped(text)),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        let component = text("component").unwrap_or_default();
        Self { status, code: text("code"), component, words: text("detail").unwrap_or_default(), retry_after_ms: None }
    }

    pub(crate) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// There is no such image or snapshot.
    pub(crate) fn is_absent(&self) -> bool {
        self.component != "pool" && (self.status == 404 || self.is(ABSENT))
    }

    /// `subject`: what was asked for, as the user knows it.
    pub(crate) fn failure(&self, subject: &str) -> Failure {
        let failure = match (self.status, self.code.as_deref()) {
            (401, _) => {
                unauthenticated("the dashboard does not take its own token").next_step("Check \"dashboard\" of the target.")
            }
            (403, _) => denied(format!("the dashboard's user may not do this with {subject}"))
                .next_step("Give the user the role block-manager, or one that may change rbd-image and read pool."),
            (301..=308, _) => elsewhere(),
            (_, Some(ABSENT)) if self.component == "pool" => {
                not_found("the cluster has no such pool").next_step("Correct \"pool\" of the target.")
            }
            (404, _) | (_, Some(ABSENT)) => not_found(format!("there is no {subject}")),
            (_, Some(EXISTS)) => already_exists(format!("there is a {subject} already")),
            (_, Some(BUSY | READ_ONLY)) => busy(format!("{subject} is in use by somebody else"))
                .next_step("Let go of it where it is used; who crashed with it lets go after half a minute."),
            (_, Some("1" | "13")) => denied(format!("the cluster does not allow this with {subject}")).blame(Blame::Target),
            (_, Some("28")) => no_space("the cluster is full").next_step("Delete something, or give the cluster more room."),
            (_, Some("122")) => no_space("the pool's quota is used up").next_step("Raise the quota, or make room in the pool."),
            (_, Some("110")) => timed_out(format!("the cluster did not answer in time for {subject}")),
            (400, Some(INVALID)) => invalid(format!("the cluster does not take this for {subject}")),
            (415, _) => unsupported("the dashboard speaks another version of its interface")
                .next_step("This plugin knows the interface of Ceph 16."),
            (408 | 504, _) => timed_out("the dashboard did not answer in time"),
            (429, _) => busy("the dashboard asks to slow down"),
            (500.., _) => {
                unavailable(format!("the dashboard failed at {subject}")).next_step("Look into the log of the Ceph manager.")
            }
            (status, _) => {
                unavailable(format!("the dashboard answered {status} to what was asked of {subject}")).retry(Retry::Never)
            }
        };
        self.dress(failure)
    }

    /// Adds what the answer tells besides.
    pub(crate) fn dress(&self, failure: Failure) -> Failure {
        let code = match &self.code {
            Some(code) if code.bytes().all(|byte| byte.is_ascii_digit()) => format!("errno {code}"),
            Some(code) => code.clone(),
            None => format!("HTTP {}", self.status),
        };
        let failure = failure.code(code).detail(format!("status {}: {}", self.status, self.words));
        match self.retry_after_ms {
            Some(wait) if failure.may_retry() => failure.after_ms(wait),
            _ => failure,
        }
    }
}

/// A manager that stands by leads to the active one. Redirects are not followed: they would take the token along.
pub(crate) fn elsewhere() -> Failure {
    unavailable("this Ceph manager is not the active one: its dashboard sends elsewhere")
        .retry(Retry::Never)
        .next_step("Let \"dashboard\" lead to the active manager, as a load balancer does.")
}

fn clipped(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(MAX_WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str) -> Refusal {
        Refusal::new(status, &[], body.as_bytes())
    }

    #[test]
    fn what_the_cluster_refused_is_told_by_its_errno() {
        let of = |code: &str| {
            let body = format!(r#"{{"detail": "[errno {code}] why", "code": "{code}", "component": "rbd", "status": 400}}"#);
            refusal(400, &body).failure("drive \"a\"")
        };
        assert!(matches!(of("2"), Failure::NotFound(_)) && matches!(of("17"), Failure::AlreadyExists(_)));
        assert!(matches!(of("16"), Failure::Busy(_)) && matches!(of("30"), Failure::Busy(_)));
        assert!(matches!(of("22"), Failure::Invalid(_)) && matches!(of("28"), Failure::NoSpace(_)));
        assert_eq!(of("16").fault().code.as_deref(), Some("errno 16"));
        assert!(of("16").may_retry() && !of("17").may_retry() && !of("39").may_retry());
        let pool = r#"{"detail": "no pool", "code": "2", "component": "pool"}"#;
        assert!(!refusal(400, pool).is_absent(), "that is no missing image");
        assert!(refusal(400, pool).failure("drive").fault().message.contains("pool"));
    }

    #[test]
    fn a_number_and_a_text_are_the_same_code() {
        let absent = refusal(404, r#"{"detail": "(404, 'Image not found')", "code": 404, "component": null, "status": 404}"#);
        assert!(absent.is_absent() && absent.is("404"));
        assert!(Refusal::of_exception(&serde_json::json!({ "code": "17", "status": 400 })).is(EXISTS));
    }

    #[test]
    fn every_refusal_says_whether_asking_again_helps() {
        for (status, retry) in [
            (303, false),
            (400, false),
            (401, false),
            (403, false),
            (404, false),
            (415, false),
            (429, true),
            (500, true),
            (503, true),
        ] {
            let failure = refusal(status, "<html>").failure("drive");
            assert_eq!(failure.may_retry(), retry, "{status}");
            assert_eq!(failure.fault().code, Some(format!("HTTP {status}")));
        }
    }
}
