//! Files from a tape to places that are none: read one after the other in the order they lie in, and stored as any other file is,
//! while the next ones are read. What is stored is recorded at once, so that a process that dies need not read the tape again.

use std::sync::Arc;

use super::super::plan::{Run, Task};
use super::super::small::{self, Again};
use super::spool::Spool;
use super::{Round, aside, entries};

/// None: the ledger has failed.
pub(super) async fn settle(run: &Arc<Run>, tasks: Vec<Task>, tries: u32, since: u64) -> Option<Round> {
    let mut ended = Vec::new();
    let entries = entries(run, tasks, &mut ended).await;
    let mut again = small::conclude(run, std::mem::take(&mut ended), tries, since).await?;
    let destinations: Vec<usize> = (0..run.transfer.destinations.len()).collect();
    let mut spool = Spool::begin(run, entries).await;
    while let Some(bite) = aside::next(run, &mut spool).await {
        let stored = aside::deliver(run, &destinations, bite, &mut ended).await;
        ended.extend(stored.into_iter().map(|entry| entry.end(run)));
        let Again { tasks, wait } = small::conclude(run, std::mem::take(&mut ended), tries, since).await?;
        again.tasks.extend(tasks);
        again.wait = again.wait.max(wait);
    }
    let left = spool.end(&mut ended).await.into_iter().map(|entry| entry.task).collect();
    let Again { tasks, wait } = small::conclude(run, ended, tries, since).await?;
    again.tasks.extend(tasks);
    again.wait = again.wait.max(wait);
    Some(Round { again, left })
}
