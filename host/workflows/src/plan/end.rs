//! What the end of a task amounts to, and what goes on down its chain.

use capstan_domain::workflow::{PathResult, Results, TaskEvent, TaskPath};

/// The event that the end of a task is, and the paths that its successor takes up: those that were processed. A task errs as soon as a
/// path failed or was skipped, so that nothing is left out unseen. A task that broke down as a whole is `TaskEvent::Failed`, hands on
/// nothing, and never comes here.
pub fn end_of<'p>(results: impl IntoIterator<Item = (&'p TaskPath, PathResult)>) -> (TaskEvent, Vec<TaskPath>) {
    let mut counts = Results::default();
    let mut handed_on = Vec::new();
    for (path, result) in results {
        counts.add(result);
        if result == PathResult::Processed {
            handed_on.push(path.clone());
        }
    }
    (counts.event(), handed_on)
}
