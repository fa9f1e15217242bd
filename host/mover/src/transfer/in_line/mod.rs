//! Tapes, and whatever else is a sequential tree: files go onto it one behind the other and are read in the order they lie in.
//!
//! The walk's tasks are gathered into rounds, and the rounds of a transfer run one after the other, so that a tape has one writer and
//! one reader. The next files are read ahead into a bounded spool, so that the drive streams. Onto a tape a round goes in this order,
//! and a process may die after each line:
//!
//! | # | step | found after a restart | what the next run does |
//! |---|---|---|---|
//! | 1 | what stands there already looked at, sources read into the spool | nothing | begins the round again |
//! | 2 | some of the round's files appended | none of them, or any: nothing is promised before the sync | looks at each path: a file of the same size and second is read and compared, and adopted if it is the very content; else it is written, behind the rest |
//! | 3 | one sync for the round | its files, not in the ledger | as 2: all are adopted, nothing is written again |
//! | 4 | all read back in the order they lie in, and matched | as 3 | as 3 |
//! | 5 | ledger: replicas and outcomes, a durable transaction for each batch | the recorded ones, and for a move their sources | the recorded are unchanged (a look), the others as 3 |
//! | 6 | move: the sources of the batch looked at once more and removed | as 5 | as 5 |
//!
//! So nothing is recorded that is not durable and, where that is asked for, was not read back. A round ends at its bounds, with the
//! walk, when the tape is full, and at a pause or a stop: what is on the tape by then is synced, read back and recorded even so, since
//! the room it took does not come back. Until then a stopped transfer runs on. A sync that fails fails all files that it was to make
//! durable, and the transfer (D7). A file that is not there after a good sync was written by a session that is lost; it is written again.
//!
//! Where a task has other destinations beside tapes, those are served first, and a file is settled when all its copies are there.

mod aside;
mod look;
mod lot;
mod prove;
mod recall;
mod spool;
mod write;

use std::sync::Arc;

use capstan_domain::job::PathState;
use capstan_domain::{Failure, Outcome};
pub(super) use lot::Lot;

use super::Transfer;
use super::plan::{Run, Task};
use super::small::{self, Ended};
use crate::digest;
use crate::item::{Item, ItemKind};
use crate::ledger::{Copied, Settled};
use crate::measured::Digest;

/// A task on its way through a round.
struct Entry {
    task: Task,
    /// As it was read; as the walk found it until then.
    item: Item,
    /// None until it was read, and for what has no content.
    digest: Option<Digest>,
    copies: Vec<Copied>,
    /// Whether anything had to be written.
    stored: bool,
    /// An earlier run stored it: what stands at the destination is compared rather than replaced.
    known: bool,
}

/// Settles the tasks of one round.
pub(super) async fn settle(run: &Arc<Run>, tasks: Vec<Task>) {
    let (mut tasks, mut tries) = (tasks, 1);
    let since = run.fate.good();
    while !tasks.is_empty() {
        // A pause holds the rest of a round back until it ends.
        if run.fate.has_ended() || run.transfer.control.ready().await.is_err() {
            return;
        }
        let round = if run.transfer.writes_in_line() {
            archive(run, tasks, tries, since).await
        } else {
            recall::settle(run, tasks, tries, since).await
        };
        let Some(Round { again, left }) = round else { return };
        tasks = left;
        if !again.tasks.is_empty() {
            if !again.wait(run, tries).await {
                return;
            }
            tries += 1;
            tasks.extend(again.tasks);
        }
    }
}

/// What is not settled yet.
struct Round {
    again: small::Again,
    /// Not begun, because of a pause or a stop.
    left: Vec<Task>,
}

/// None: the ledger has failed.
async fn archive(run: &Arc<Run>, tasks: Vec<Task>, tries: u32, since: u64) -> Option<Round> {
    let (mut ended, mut left) = (Vec::new(), Vec::new());
    let mut entries = entries(run, tasks, &mut ended).await;
    let (in_line, others): (Vec<usize>, Vec<usize>) =
        (0..run.transfer.destinations.len()).partition(|index| run.transfer.is_in_line(*index));
    if !others.is_empty() {
        entries = aside::store(run, &others, entries, &mut ended, &mut left).await;
    }
    for index in in_line {
        entries = write::into(run, index, entries, &mut ended, &mut left).await;
    }
    ended.extend(entries.into_iter().map(|entry| entry.end(run)));
    let again = small::conclude(run, ended, tries, since).await?;
    Some(Round { again, left: left.into_iter().map(|entry| entry.task).collect() })
}

/// What is to be done; the others have ended, refused or unchanged.
async fn entries(run: &Run, tasks: Vec<Task>, ended: &mut Vec<Ended>) -> Vec<Entry> {
    let (files, others) = small::sorted(run, tasks, ended);
    // Folders before what is in them.
    let mut entries: Vec<Entry> = others.into_iter().map(|task| Entry::new(task, false)).collect();
    for files in files.chunks(run.transfer.limits.batch_files.max(1)) {
        let unknown = small::unknown(run, files.to_vec(), ended).await;
        entries.extend(unknown.into_iter().map(|(task, known)| Entry::new(task, known)));
    }
    entries
}

impl Entry {
    fn new(task: Task, known: bool) -> Self {
        let item = task.item.clone();
        Self { task, item, digest: None, copies: Vec::new(), stored: false, known }
    }

    fn is_file(&self) -> bool {
        self.item.kind == ItemKind::File
    }

    /// Takes over what was read; another content than one of its copies has is a failure.
    fn learn(&mut self, item: Item, digest: Digest) -> Outcome<()> {
        let same = self.digest.as_ref().is_none_or(|before| *before == digest);
        self.item = item;
        self.digest = Some(digest);
        if same { Ok(()) } else { Err(crate::local::changed(&self.task.item.path)) }
    }

    /// After the last destination.
    fn end(self, run: &Run) -> Ended {
        let whole = self.copies.len() == run.transfer.destinations.len();
        let proved = self.copies.iter().all(|copy| copy.verified.is_some() || !run.transfer.read_back());
        if self.is_file() && !(whole && proved) {
            let failure = Failure::host("A file has fewer copies than were asked for", &self.task.item.path);
            return (self.task, Err(failure));
        }
        let (blake3, subtrees) = self.digest.map_or((None, Vec::new()), |digest| {
            let subtrees = digest::to_bytes(&digest.subtrees);
            (Some(digest.root), subtrees)
        });
        let settled = Settled {
            source: self.task.source,
            state: if self.stored { PathState::Done } else { PathState::Unchanged },
            bytes: if self.stored { self.item.size } else { 0 },
            failure: None,
            blake3,
            subtrees,
            copies: self.copies,
            // Folders of a move go when all that was in them has gone.
            moved: run.transfer.options.remove_source && !matches!(self.item.kind, ItemKind::Folder { .. }),
            item: self.item,
        };
        (self.task, Ok(settled))
    }
}

impl Transfer {
    /// Whether what goes to this destination is appended.
    pub(super) fn is_in_line(&self, destination: usize) -> bool {
        self.destinations.get(destination).is_some_and(|to| to.trees.iter().any(|tree| tree.sequential()))
    }

    pub(super) fn writes_in_line(&self) -> bool {
        (0..self.destinations.len()).any(|index| self.is_in_line(index))
    }
}

/// Whether a round is to go on; if not, what is under way is brought to its end.
fn goes_on(run: &Run) -> bool {
    run.transfer.control.command() == crate::Command::Run && !run.fate.has_ended()
}
