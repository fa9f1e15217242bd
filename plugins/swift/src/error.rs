//! Swift's statuses as failures.
//!
//! Swift itself says all in the status and repeats it in words; Ceph's gateway adds a code. What a status means depends on the call:
//! 412 is a condition that failed only where there was one, 409 on a read is a large object with segments missing.

use capstan_sdk::failure::{
    Failure, busy, conflict, corrupt, denied, invalid, no_space, not_found, timed_out, unauthenticated, unavailable, unsupported,
};
use capstan_sdk::http::{header, retry_after_ms};
use capstan_sdk::{Blame, Retry};
use serde::Deserialize;

use crate::call::Call;

/// Characters of the target's own words that are kept.
const MAX_WORDS: usize = 300;

/// What an answer that is no success says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// Ceph's: "NoSuchKey".
    pub(crate) code: Option<String>,
    /// Without the tags of HTML.
    pub(crate) words: String,
    retry_after_ms: Option<u64>,
    request: Option<String>,
}

#[derive(Deserialize)]
struct Coded {
    #[serde(rename = "Code")]
    code: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, headers: &[(String, String)], body: &[u8]) -> Self {
        let words = words(body);
        let is_code = (8..64).contains(&words.len()) && words.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let code = match serde_json::from_slice::<Coded>(body) {
            Ok(coded) => Some(coded.code),
            Err(_) => is_code.then(|| words.clone()),
        };
        Self {
            status,
            code,
            words,
            retry_after_ms: retry_after_ms(headers),
            request: header(headers, "x-trans-id").map(str::to_owned),
        }
    }

    /// A line of a bulk operation's answer: "409 Conflict".
    pub(crate) fn of_line(line: &str) -> Self {
        let status = line.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(500);
        Self { status, words: line.chars().take(MAX_WORDS).collect(), ..Self::default() }
    }

    /// The failure of a call.
    pub(crate) fn failure(&self, call: &Call<'_>) -> Failure {
        let what = call.subject();
        let reading = matches!(call.method, "GET" | "HEAD") && call.object.is_some();
        let failure = match self.status {
            404 if self.code.as_deref() == Some("NoSuchBucket") => {
                let container = call.container.unwrap_or_default();
                not_found(format!("there is no container {container:?}"))
            }
            409 if reading => corrupt(format!("{what} is a large object with segments missing")),
            412 if call.is_conditional() => conflict(format!("{what} is not in the expected state")),
            _ => self.by_status(&what),
        };
        self.dress(failure)
    }

    /// The failure of something that is no call of the storage.
    pub(crate) fn unnamed(&self, what: &str) -> Failure {
        self.dress(self.by_status(what))
    }

    /// The failure of an authentication that says nothing of the credentials: never one that could be taken for an object's.
    pub(crate) fn of_login(&self) -> Failure {
        let failure = match self.status {
            301 | 302 | 303 | 307 | 308 => {
                invalid("the authentication is somewhere else").next_step("Correct \"auth-url\" of the target.")
            }
            400..408 | 409..429 => invalid(format!("the authentication answers {} to what it is asked", self.status))
                .next_step("Check \"auth-url\" and \"auth-version\" of the target, and what stands between."),
            408 | 504 => timed_out("the authentication did not answer in time"),
            429 | 498 => busy("the authentication asks to slow down"),
            503 if self.retry_after_ms.is_some() => busy("the authentication asks to slow down"),
            500.. => unavailable("the authentication has an internal error"),
            status => unavailable(format!("the authentication answered {status}")).retry(Retry::Never),
        };
        self.dress(failure)
    }

    /// Adds what the answer tells besides.
    pub(crate) fn dress(&self, failure: Failure) -> Failure {
        let code = self.code.clone().unwrap_or_else(|| format!("HTTP {}", self.status));
        let request = self.request.as_deref().unwrap_or("-");
        let failure = failure.code(code).detail(format!("status {}, request {request}: {}", self.status, self.words));
        match self.retry_after_ms {
            Some(wait) if failure.may_retry() => failure.after_ms(wait),
            _ => failure,
        }
    }

    fn is_quota(&self) -> bool {
        self.code.as_deref() == Some("QuotaExceeded") || self.words.to_ascii_lowercase().contains("quota")
    }

    fn by_status(&self, what: &str) -> Failure {
        match self.status {
            403 | 413 if self.is_quota() => no_space("the target's quota is used up")
                .next_step("Raise the quota of the account or the container, or delete something."),
            301 | 302 | 303 | 307 | 308 => invalid(format!("the {what} is somewhere else"))
                .next_step("Correct \"auth-url\" or \"storage-url\" of the target."),
            // Names and metadata that are longer than the service allows come so.
            400 => invalid(format!("the target does not accept the request for {what}: {}", self.words)),
            401 => unauthenticated(format!("the target does not take its own token for {what}"))
                .next_step("Check that \"storage-url\", \"region\" and \"interface\" lead to the service the token is for."),
            403 => denied(format!("the target does not allow this on {what}"))
                .next_step("Check the user's role in the project, or the access list of the container."),
            404 | 410 => not_found(format!("there is no {what}")),
            405 | 501 => unsupported(format!("the target does not allow this on {what}")),
            408 => timed_out("the target waited too long for data").retry(Retry::AtOnce),
            409 => conflict(format!("{what} is not empty, or being changed")),
            411 => invalid(format!("the target wants another form of request for {what}")).blame(Blame::Plugin),
            412 => invalid(format!("the target cannot have {what}: {}", self.words)),
            413 => invalid(format!("{what} is larger than the target allows")),
            416 => invalid(format!("the range lies beyond the end of {what}")),
            422 => corrupt(format!("the data of {what} did not arrive as it was sent")).retry(Retry::AtOnce),
            429 | 498 => busy("the target asks to slow down"),
            499 => unavailable(format!("the data of {what} did not arrive whole")).retry(Retry::AtOnce),
            503 if self.retry_after_ms.is_some() => busy("the target asks to slow down"),
            500 | 502 | 503 => unavailable("the target has an internal error, or too few of its servers answer"),
            504 => timed_out("the target did not answer in time"),
            507 => no_space("the target is full").next_step("Delete something, or give the cluster more room."),
            status => unavailable(format!("the target answered {status}")).retry(Retry::Never),
        }
    }
}

/// The text of an answer: HTML without its tags, on one line.
fn words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut words = String::new();
    let mut inside = false;
    for character in text.chars() {
        match character {
            '<' => inside = true,
            '>' => {
                inside = false;
                words.push(' ');
            }
            _ if inside => {}
            other if other.is_control() => words.push(' '),
            other => words.push(other),
        }
        if words.len() >= MAX_WORDS {
            break;
        }
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, headers: &[(&str, &str)], body: &str) -> Refusal {
        let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Refusal::new(status, &headers, body.as_bytes())
    }

    fn put(status: u16, body: &str) -> Failure {
        refusal(status, &[("X-Trans-Id", "tx1")], body).failure(&Call::object("PUT", "c", "k"))
    }

    #[test]
    fn words_come_without_tags_and_codes_from_ceph_in_both_forms() {
        let swift = refusal(404, &[], "<html><h1>Not Found</h1><p>The resource could not be found.</p></html>");
        assert_eq!((swift.words.as_str(), swift.code), ("Not Found The resource could not be found.", None));
        assert_eq!(refusal(404, &[], "NoSuchBucket").code.as_deref(), Some("NoSuchBucket"));
        assert_eq!(refusal(400, &[], r#"{"Code":"InvalidBucketName","Message":""}"#).code.as_deref(), Some("InvalidBucketName"));
    }

    #[test]
    fn a_quota_is_told_from_an_object_that_is_too_large() {
        assert!(matches!(
            put(413, "<html><h1>Request Entity Too Large</h1><p>Upload exceeds quota.</p></html>"),
            Failure::NoSpace(_)
        ));
        assert!(matches!(put(413, "Your request is too large."), Failure::Invalid(_)));
        assert!(matches!(put(403, "QuotaExceeded"), Failure::NoSpace(_)) && matches!(put(403, ""), Failure::Denied(_)));
    }

    #[test]
    fn whoever_is_too_fast_is_told_when_to_come_back() {
        for status in [429, 498, 503] {
            let failure = refusal(status, &[("Retry-After", "2")], "").failure(&Call::object("PUT", "c", "k"));
            assert!(matches!(failure, Failure::Busy(_)), "{status}");
            assert_eq!(failure.fault().retry_after_ms, Some(2_000), "{status}");
        }
        assert!(matches!(put(503, ""), Failure::Unavailable(_)));
    }

    #[test]
    fn what_a_status_means_depends_on_the_call() {
        let conditional = Call::object("PUT", "c", "k").header("if-none-match", "*");
        assert!(matches!(refusal(412, &[], "").failure(&conditional), Failure::Conflict(_)));
        assert!(matches!(put(412, "Invalid UTF8 or contains NULL"), Failure::Invalid(_)));
        assert!(matches!(refusal(409, &[], "").failure(&Call::object("GET", "c", "k")), Failure::Corrupt(_)));
        assert!(matches!(refusal(409, &[], "").failure(&Call::container("DELETE", "c")), Failure::Conflict(_)));
        let absent = refusal(404, &[], "NoSuchBucket").failure(&Call::object("PUT", "c", "k"));
        assert_eq!(absent.fault().message, "there is no container \"c\"");
    }

    #[test]
    fn every_refusal_says_whether_asking_again_helps() {
        for (status, retry) in [
            (400, false),
            (401, false),
            (403, false),
            (404, false),
            (405, false),
            (408, true),
            (422, true),
            (429, true),
            (499, true),
            (500, true),
            (502, true),
            (503, true),
            (504, true),
            (507, false),
            (418, false),
        ] {
            let failure = put(status, "");
            assert_eq!(failure.may_retry(), retry, "{status}");
            assert_eq!(failure.fault().code, Some(format!("HTTP {status}")));
            assert!(failure.fault().detail.as_deref().is_some_and(|detail| detail.contains("tx1")));
        }
    }

    #[test]
    fn a_line_of_a_bulk_answer_is_a_refusal() {
        assert_eq!(Refusal::of_line("409 Conflict").status, 409);
        assert_eq!(Refusal::of_line("nonsense").status, 500);
    }
}
