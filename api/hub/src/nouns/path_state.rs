//! What became of one path of a job.

use serde::Serialize;
use utoipa::ToSchema;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = path_state)]
pub enum PathState {
    /// Not looked at yet, or being worked on.
    Pending,
    /// Done.
    Processed,
    /// There was nothing to do.
    Skipped,
    /// Given up, because something else failed before it or the job was cancelled.
    Aborted,
    Failed,
}

/// The words that a query names them by.
pub(crate) const PATH_STATES: &[(&str, PathState)] = &[
    ("pending", PathState::Pending),
    ("processed", PathState::Processed),
    ("skipped", PathState::Skipped),
    ("aborted", PathState::Aborted),
    ("failed", PathState::Failed),
];
