//! What the end of a task amounts to, and what goes on down its chain.

use serde::{Deserialize, Serialize};

use super::TaskPath;
use crate::task_state::TaskEvent;

/// What became of one path of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathResult {
    /// Done, or found as it should be.
    Processed,
    /// Left out because it could not be done now, such as a file in use.
    Skipped,
    /// Left out because the call asked for that: missing under `abort_missing`, a conflict under `ignore`.
    Aborted,
    Failed,
}

/// The event that the end of a task is, and the paths that its successor takes up: those that were processed. A task errs as soon as a
/// path failed or was skipped, so that nothing is left out unseen. A task that broke down as a whole is `TaskEvent::Failed`, hands on
/// nothing, and never comes here.
pub fn end_of<'p>(results: impl IntoIterator<Item = (&'p TaskPath, PathResult)>) -> (TaskEvent, Vec<TaskPath>) {
    let mut event = TaskEvent::Emptied;
    let mut handed_on = Vec::new();
    for (path, result) in results {
        match result {
            PathResult::Processed => handed_on.push(path.clone()),
            PathResult::Aborted => {}
            PathResult::Skipped | PathResult::Failed => event = TaskEvent::Erred,
        }
        if event == TaskEvent::Emptied {
            event = TaskEvent::Succeeded;
        }
    }
    (event, handed_on)
}
