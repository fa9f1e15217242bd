//! What became of a path, as a task records it.

use capstan_domain::Failure;
use capstan_domain::failure::Kind;
use capstan_domain::workflow::{PathResult, TaskResult};

/// Codes of failures that say: not now, but perhaps later. Nothing was changed.
const LATER: [&str; 5] = ["file-in-use", "is-a-stub", "source-changed", "asked-for", "recall-given-up"];

pub(crate) fn processed(position: u64) -> TaskResult {
    TaskResult { position, result: PathResult::Processed, code: None, message: None }
}

/// The call asked for leaving such a path out.
pub(crate) fn aborted(position: u64, failure: &Failure) -> TaskResult {
    told(position, PathResult::Aborted, failure)
}

/// Skipped where it could only not be done now, else failed.
pub(crate) fn failed(position: u64, failure: &Failure) -> TaskResult {
    let later = failure.code.as_deref().is_some_and(|code| LATER.contains(&code));
    told(position, if later { PathResult::Skipped } else { PathResult::Failed }, failure)
}

fn told(position: u64, result: PathResult, failure: &Failure) -> TaskResult {
    if let Some(detail) = &failure.detail {
        tracing::debug!(%failure, detail, "a path of a step came to nothing");
    }
    let code = failure.code.clone().unwrap_or_else(|| failure.kind.to_string());
    TaskResult { position, result, code: Some(code), message: Some(failure.message.clone()) }
}

/// Whether the other side is away, or does not let us in: what the next file would find too.
pub(crate) fn is_away(failure: &Failure) -> bool {
    matches!(failure.kind, Kind::Unavailable | Kind::TimedOut | Kind::Unauthenticated | Kind::PluginFault)
        || failure.code.as_deref() == Some("location-gone")
}
