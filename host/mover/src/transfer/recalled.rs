//! Files that lie in cold storage: asked for, and left to a later run of the same transfer, while the others go on.
//!
//! Such a path has no outcome yet. When everything else is settled the transfer ends with a failure that says it waits; the next run
//! finds the others unchanged. If the process dies, the next run asks again, which is the same as asking once.

use std::sync::atomic::Ordering::Relaxed;

use capstan_domain::Failure;
use capstan_domain::failure::Kind;

use super::plan::{Run, Task};

/// Code of the failure of a transfer that waits for cold files.
pub const RECALLED: &str = "recalled";

/// Whether this is why the file could not be read; then it was asked for.
pub(super) async fn is_recalled(run: &Run, task: &Task, failure: &Failure) -> bool {
    let Some(source) = run.transfer.sources.get(task.source).filter(|_| failure.kind == Kind::Offline) else { return false };
    match source.tree.recall(&task.item, &run.transfer.options.attempt).await {
        Ok(true) => {
            run.recalled.fetch_add(1, Relaxed);
            true
        }
        Ok(false) => false,
        Err(failure) => {
            tracing::warn!(path = %task.item.path, %failure, "a cold file could not be asked for");
            false
        }
    }
}

/// Why a transfer that is otherwise through has not ended; none: nothing is cold.
pub(super) fn waits(run: &Run) -> Option<Failure> {
    let files = run.recalled.load(Relaxed);
    (files > 0).then(|| {
        Failure::new(Kind::Offline, format!("{files} files lie in cold storage and were asked for; the rest is done"))
            .with_code(RECALLED)
            .with_next_step("Nothing: the task goes on by itself when they can be read.")
    })
}
