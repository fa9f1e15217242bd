//! A batch of small files, links and folders: looked up, read, stored, read back, recorded and, for a move, removed together.

mod look;
mod put;

pub(super) use look::{agrees, copies_for, is_of, is_still, unchanged, unknown};
pub(super) use put::{Made, folder_in_the_way, into, made, trees, wanted, wrong_size};

use std::time::Duration;

use bytes::Bytes;
use capstan_domain::failure::Kind;
use capstan_domain::ids::LocationId;
use capstan_domain::job::PathState;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};

use super::plan::{Run, Task};
use super::{fate, recalled, remove};
use crate::backoff;
use crate::digest;
use crate::item::{Item, ItemKind};
use crate::ledger::{Copied, Settled};
use crate::tree::{Arrival, Stored};

/// A task on its way through the batch.
pub(super) struct Slot {
    pub(super) task: Task,
    /// As it was read; more is known than after the walk.
    pub(super) item: Item,
    pub(super) bytes: Bytes,
    pub(super) blake3: Option<[u8; 32]>,
    pub(super) copies: Vec<Copied>,
    /// Whether anything had to be written.
    pub(super) stored: bool,
    /// An earlier run stored it: what stands at the destination is compared rather than replaced.
    pub(super) known: bool,
}

/// A task and why it needs no further step.
pub(super) type Ended = (Task, Outcome<Settled>);

/// What is tried again, and how long to wait before.
#[derive(Default)]
pub(super) struct Again {
    pub(super) tasks: Vec<Task>,
    pub(super) wait: Duration,
}

pub(super) async fn settle(run: &Run, tasks: Vec<Task>) {
    let mut tasks = tasks;
    let since = run.fate.good();
    for tries in 1..=run.transfer.limits.tries.max(1) {
        if run.fate.has_ended() || run.transfer.control.ready().await.is_err() {
            return;
        }
        let ended = attempt(run, tasks).await;
        let Some(again) = conclude(run, ended, tries, since).await else { return };
        if again.tasks.is_empty() || !again.wait(run, tries).await {
            return;
        }
        tasks = again.tasks;
    }
}

impl Again {
    /// False: the transfer was stopped meanwhile.
    pub(super) async fn wait(&self, run: &Run, tries: u32) -> bool {
        tracing::debug!(files = self.tasks.len(), wait = ?self.wait, tries, "files are tried again");
        tokio::select! {
            () = tokio::time::sleep(self.wait) => true,
            () = run.transfer.control.stopped() => false,
        }
    }
}

/// Records what became of tasks in their `tries`-th try and, for a move, removes the sources. None: the ledger has failed.
pub(super) async fn conclude(run: &Run, ended: Vec<Ended>, tries: u32, since: u64) -> Option<Again> {
    let (mut settled, mut again) = (Vec::new(), Again::default());
    for (task, outcome) in ended {
        match outcome {
            Ok(one) => settled.push(one),
            Err(failure) if fate::is_interruption(&failure) => {}
            Err(failure) if recalled::is_recalled(run, &task, &failure).await => {}
            Err(failure) => match backoff::wait_after(&failure, tries, run.transfer.limits.tries) {
                Some(asked) => {
                    again.wait = again.wait.max(asked);
                    again.tasks.push(task);
                }
                None => settled.push(Settled::failed(task.source, task.item, failure)),
            },
        }
    }
    // Folders that came only for their attributes have no outcome of their own.
    settled.retain(|one| one.failure.is_some() || one.item.kind != (ItemKind::Folder { empty: false }));
    for settled in settled.chunks(run.transfer.limits.batch_files.max(1)) {
        run.record(settled.to_vec(), since).await.ok()?;
        remove::sources(run, settled).await;
    }
    Some(again)
}

/// One try of every task; as many results as tasks.
async fn attempt(run: &Run, tasks: Vec<Task>) -> Vec<Ended> {
    let mut ended = Vec::new();
    let (files, others) = sorted(run, tasks, &mut ended);
    for task in others {
        ended.push(put::without_content(run, task).await);
    }
    let slots = look::unknown(run, files, &mut ended).await;
    let mut slots = look::read(run, slots, &mut ended).await;
    for index in 0..run.transfer.destinations.len() {
        slots = put::into(run, index, slots, &mut ended).await;
    }
    let read_back = run.transfer.read_back();
    for slot in slots {
        let whole = slot.copies.len() == run.transfer.destinations.len();
        let proved = slot.copies.iter().all(|copy| copy.verified.is_some() || !read_back);
        let outcome = if whole && proved {
            Ok(done(run, &slot))
        } else {
            Err(Failure::host("A file has fewer copies than were asked for", &slot.task.item.path))
        };
        ended.push((slot.task, outcome));
    }
    ended
}

/// Files on one side, links and folders on the other. What cannot be copied anywhere has ended.
pub(super) fn sorted(run: &Run, tasks: Vec<Task>, ended: &mut Vec<Ended>) -> (Vec<Task>, Vec<Task>) {
    let mut good = Vec::with_capacity(tasks.len());
    for task in tasks {
        if let ItemKind::Other { what } = task.item.kind {
            let failure =
                Failure::unsupported(format!("{:?} is {what}; only files, folders and links are copied", task.item.path))
                    .with_code("special-file");
            let settled = Settled::skipped(task.source, task.item.clone(), failure);
            ended.push((task, Ok(settled)));
        } else if let Some(failure) = refusal(run, &task) {
            ended.push((task, Err(failure)));
        } else {
            good.push(task);
        }
    }
    good.into_iter().partition(|task| task.item.kind == ItemKind::File)
}

fn done(run: &Run, slot: &Slot) -> Settled {
    Settled {
        source: slot.task.source,
        item: slot.item.clone(),
        state: if slot.stored { PathState::Done } else { PathState::Unchanged },
        bytes: if slot.stored { slot.item.size } else { 0 },
        failure: None,
        blake3: slot.blake3,
        subtrees: Vec::new(),
        copies: slot.copies.clone(),
        moved: run.transfer.options.remove_source,
    }
}

fn refusal(run: &Run, task: &Task) -> Option<Failure> {
    let mut trees = run.transfer.destinations.iter().flat_map(|destination| &destination.trees);
    trees.find_map(|tree| tree.refuses(&task.place))
}

pub(super) fn arrival(
    run: &Run,
    destination: usize,
    task: &Task,
    item: &Item,
    blake3: Option<[u8; 32]>,
    overwrite: bool,
) -> Arrival {
    Arrival {
        path: task.place.clone(),
        size: item.size,
        modified: item.stamp(),
        mode: item.mode,
        uid: item.uid,
        gid: item.gid,
        blake3,
        attempt: attempt_key(run, destination, &task.place),
        overwrite,
        storage_class: run.transfer.options.storage_class.clone(),
    }
}

/// The same for the same file of the same job, in this run and after a restart.
pub(super) fn attempt_key(run: &Run, destination: usize, place: &str) -> String {
    let hash = digest::of(place.as_bytes());
    let short: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{destination}-{short}", run.transfer.options.attempt)
}

pub(super) fn copied(place: (usize, usize), location: Option<LocationId>, stored: Stored, verified: bool) -> Copied {
    Copied {
        destination: place.0,
        tree: place.1,
        location,
        path: stored.item.path,
        key: stored.key,
        size: stored.item.size,
        modified: stored.item.modified,
        inode: stored.item.identity.inode,
        etag: stored.item.identity.etag,
        version: stored.item.identity.version,
        verified: verified.then(Timestamp::now),
    }
}

pub(super) fn differs(place: &str) -> Failure {
    Failure::new(Kind::AlreadyExists, format!("Something else stands at {place:?} already"))
        .with_code("differs")
        .with_next_step("Allow overwriting, or choose another destination.")
}
