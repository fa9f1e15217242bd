//! A failure of the host as a sentence for people, and when to ask again: what all dialects tell alike.

use capstan_domain::Failure;

/// What happened, to what, and what can be done.
pub(crate) fn sentence(failure: &Failure) -> String {
    let told = failure.to_string();
    match &failure.next_step {
        Some(next) => format!("{}. To go on: {next}", told.trim_end_matches('.')),
        None => told,
    }
}

/// When to ask again, if nothing else is said.
const USUAL_PAUSE_SECONDS: u64 = 1;

pub(crate) fn pause_seconds(failure: &Failure) -> u64 {
    failure.retry_after_ms.map_or(USUAL_PAUSE_SECONDS, |millis| millis.div_ceil(1_000).max(1))
}
