//! What the VPSA's refusals mean to whoever asked.
//!
//! It answers nearly everything with HTTP 200, a number and a sentence. Few of the numbers are published; where one is not known,
//! the sentence is read for the words that every storage array uses. That decides only how a failure is called, never that
//! something succeeded.

use capstan_sdk::Retry;
use capstan_sdk::failure::{
    Failure, already_exists, busy, denied, invalid, no_space, not_found, timed_out, unauthenticated, unavailable,
};

/// Statuses that are known.
const OK: i64 = 0;
const BAD_KEY: i64 = 5;
const NO_VOLUME: i64 = 10_081;
const NO_SERVER: i64 = 10_086;
/// What the sentence begins with where the VPSA has taken a job that takes longer than the request may.
const SUBMITTED: &str = "the request has been submitted";
/// Characters of the VPSA's own words that are kept.
const MAX_WORDS: usize = 300;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Of HTTP, where it is not 200.
    pub(crate) http: Option<u16>,
    pub(crate) status: i64,
    pub(crate) words: String,
    pub(crate) retry_after_ms: Option<u64>,
}

/// What a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Key,
    Forbidden,
    Absent,
    Taken,
    Busy,
    Full,
    Wrong,
    Unknown,
}

impl Refusal {
    pub(crate) fn new(http: Option<u16>, status: i64, words: &str) -> Self {
        let words = words.chars().filter(|letter| !letter.is_control()).take(MAX_WORDS).collect();
        Self { http, status, words, retry_after_ms: None }
    }

    /// Accepted, and still being done.
    pub(crate) fn is_submitted(&self) -> bool {
        self.http.is_none() && self.status != OK && self.words.to_ascii_lowercase().starts_with(SUBMITTED)
    }

    pub(crate) fn is_absent(&self) -> bool {
        self.http.is_none() && self.sort() == Sort::Absent
    }

    pub(crate) fn is_taken(&self) -> bool {
        self.http.is_none() && self.sort() == Sort::Taken
    }

    /// Nothing was done, and the VPSA itself says so.
    pub(crate) fn is_certain(&self) -> bool {
        self.http.is_none() || matches!(self.http, Some(400..=499))
    }

    fn sort(&self) -> Sort {
        match self.status {
            BAD_KEY => return Sort::Key,
            NO_VOLUME | NO_SERVER => return Sort::Absent,
            _ => {}
        }
        let words = self.words.to_ascii_lowercase();
        let says = |any: &[&str]| any.iter().any(|word| words.contains(word));
        if says(&["access key", "credential", "unauthorized"]) {
            Sort::Key
        } else if says(&["permission", "not allowed", "forbidden"]) {
            Sort::Forbidden
        } else if says(&["not found", "does not exist", "no such", "doesn't exist"]) {
            Sort::Absent
        } else if says(&["already exists", "already in use", "duplicate", "already taken"]) {
            Sort::Taken
        } else if says(&["not enough", "insufficient", "no space", "out of space", "exceeds", "quota"]) {
            Sort::Full
        } else if says(&["busy", "in progress", "try again", "locked"]) {
            Sort::Busy
        } else if says(&["invalid", "must be", "illegal", "missing"]) {
            Sort::Wrong
        } else {
            Sort::Unknown
        }
    }

    /// `subject`: what was asked for, as the user knows it.
    pub(crate) fn failure(&self, subject: &str) -> Failure {
        let failure =
            match self.http {
                Some(http) => by_http(http, subject),
                None => match self.sort() {
                    Sort::Key => unauthenticated("the VPSA does not take the access key")
                        .next_step("Correct \"access-key\" of the target."),
                    Sort::Forbidden => denied(format!("the VPSA does not allow this on {subject}"))
                        .next_step("Check the rights of the user whose access key it is."),
                    Sort::Absent => not_found(format!("the VPSA has no {subject}")),
                    Sort::Taken => already_exists(format!("the VPSA has a {subject} already")),
                    Sort::Busy => busy(format!("the VPSA is busy with {subject}")),
                    Sort::Full => no_space(format!("the VPSA has no room for {subject}"))
                        .next_step("Enlarge the pool, or delete something."),
                    Sort::Wrong => invalid(format!("the VPSA does not accept the request for {subject}: {}", self.words)),
                    Sort::Unknown => {
                        unavailable(format!("the VPSA refuses the request for {subject}: {}", self.words)).retry(Retry::Never)
                    }
                },
            };
        let code = self.http.map_or_else(|| format!("VPSA {}", self.status), |http| format!("HTTP {http}"));
        let failure = failure.code(code).detail(format!("status {}: {}", self.status, self.words));
        match self.retry_after_ms {
            Some(wait) if failure.may_retry() => failure.after_ms(wait),
            _ => failure,
        }
    }
}

fn by_http(status: u16, subject: &str) -> Failure {
    match status {
        301 | 302 | 303 | 307 | 308 => invalid("the VPSA is somewhere else").next_step("Correct \"endpoint\" of the target."),
        401 => unauthenticated("the VPSA does not take the access key").next_step("Correct \"access-key\" of the target."),
        403 => denied(format!("the VPSA does not allow this on {subject}"))
            .next_step("Check the rights of the user whose access key it is."),
        // A volume that is not there comes with HTTP 200: this is no VPSA, or another path.
        404 | 405 | 410 => {
            unavailable("what answers is no VPSA").retry(Retry::Never).next_step("Correct \"endpoint\" of the target.")
        }
        408 | 504 => timed_out("the VPSA did not answer in time"),
        429 | 503 => busy("the VPSA asks to slow down"),
        400..=499 => invalid(format!("the VPSA does not accept the request for {subject}")),
        500..=599 => unavailable("the VPSA has an internal error"),
        status => unavailable(format!("the VPSA answered {status}")).retry(Retry::Never),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: i64, words: &str) -> Failure {
        Refusal::new(None, status, words).failure("drive \"a\"")
    }

    #[test]
    fn known_numbers_decide_and_words_where_there_is_none() {
        assert!(matches!(failure(5, "whatever"), Failure::Unauthenticated(_)));
        assert!(matches!(failure(10_081, ""), Failure::NotFound(_)));
        assert!(matches!(failure(77, "Volume with this name already exists"), Failure::AlreadyExists(_)));
        assert!(matches!(failure(77, "Not enough capacity in pool"), Failure::NoSpace(_)));
        assert!(matches!(failure(77, "The volume is busy"), Failure::Busy(_)));
        let unknown = failure(77, "Etwas anderes");
        assert!(matches!(&unknown, Failure::Unavailable(_)) && !unknown.may_retry());
        assert_eq!(unknown.fault().code.as_deref(), Some("VPSA 77"));
    }

    #[test]
    fn what_was_submitted_is_no_refusal() {
        let submitted = Refusal::new(None, 1, "The request has been submitted and will be completed shortly");
        assert!(submitted.is_submitted());
        assert!(!Refusal::new(None, 0, "The request has been submitted").is_submitted());
        assert!(!Refusal::new(Some(500), 1, "The request has been submitted").is_submitted());
    }

    #[test]
    fn a_page_that_is_not_there_is_no_missing_drive() {
        for status in [404, 405, 500, 502, 503, 504, 429] {
            let refusal = Refusal::new(Some(status), 0, "");
            assert!(!refusal.is_absent());
            assert!(!matches!(refusal.failure("drive \"a\""), Failure::NotFound(_)), "{status}");
        }
        assert!(Refusal::new(Some(404), 0, "").is_certain() && !Refusal::new(Some(502), 0, "").is_certain());
    }
}
