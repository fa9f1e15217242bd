//! What is done when: walks on one side, a bounded number of workers on the other.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use capstan_domain::job::PathState;
use capstan_domain::{Failure, Outcome};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::fate::Fate;
use super::watched::Watched;
use super::{Summary, Transfer, in_line, large, recalled, remove, small};
use crate::item::{Found, Item, ItemKind};
use crate::ledger::{Ledger, Settled};
use crate::names;
use crate::progress::Counters;
use crate::throttle::Throttle;

/// How long a batch waits for more files while the walk is slow.
const LINGER: Duration = Duration::from_millis(100);

/// One path to deal with.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) source: usize,
    pub(super) item: Item,
    /// In the destinations' trees.
    pub(super) place: String,
}

/// What the workers share.
pub(super) struct Run {
    pub(super) transfer: Arc<Transfer>,
    pub(super) throttle: Arc<Throttle>,
    pub(super) fate: Arc<Fate>,
    ledger: Watched,
    /// Per destination: nothing was there when the transfer began, so nothing can be in the way.
    pub(super) fresh: Vec<bool>,
    /// Per destination: the tree that takes files now.
    pub(super) current: Vec<std::sync::atomic::AtomicUsize>,
    /// Files that were asked for from cold storage.
    pub(super) recalled: AtomicU64,
    summary: Mutex<Summary>,
}

pub(super) async fn run(transfer: Arc<Transfer>, throttle: Arc<Throttle>) -> Outcome<Summary> {
    refuse_overlaps(&transfer)?;
    refuse_mixtures(&transfer)?;
    let mut fresh = Vec::new();
    for destination in &transfer.destinations {
        fresh.push(is_fresh(&transfer, destination).await?);
    }
    let current = transfer.destinations.iter().map(|_| std::sync::atomic::AtomicUsize::new(0)).collect();
    let fate = Arc::new(Fate::default());
    let ledger = Watched::new(Arc::clone(&transfer.ledger), Arc::clone(&fate));
    let run = Arc::new(Run {
        transfer,
        throttle,
        fate,
        ledger,
        fresh,
        current,
        recalled: AtomicU64::new(0),
        summary: Mutex::default(),
    });
    let walked = work(&run).await;
    // A stop by the user and a broken ledger are told apart from what they cause.
    run.fate.check()?;
    run.transfer.control.ready().await?;
    walked?;
    if run.transfer.options.remove_source {
        remove::tidy(&run.transfer).await?;
    }
    if let Some(failure) = recalled::waits(&run) {
        return Err(failure);
    }
    Ok(*run.summary.lock().await)
}

/// A tree copied into itself would never end, and one moved onto itself would be lost.
fn refuse_overlaps(transfer: &Transfer) -> Outcome<()> {
    for source in &transfer.sources {
        names::checked(&source.path)?;
        names::checked(&source.place_at)?;
        for tree in transfer.destinations.iter().flat_map(|destination| &destination.trees) {
            if tree.id() == source.tree.id() && names::below(&source.place_at, &source.path).is_some() {
                let message = format!("The destination {:?} lies in the source {:?}", source.place_at, source.path);
                return Err(Failure::invalid(message).with_code("destination-in-source"));
            }
        }
    }
    Ok(())
}

/// What goes from one tree of a destination to its next one goes there in the same way.
fn refuse_mixtures(transfer: &Transfer) -> Outcome<()> {
    let mixed = |destination: &super::Destination| destination.trees.iter().any(|tree| !tree.sequential());
    if (0..).zip(&transfer.destinations).any(|(index, destination)| transfer.is_in_line(index) && mixed(destination)) {
        return Err(Failure::unsupported("A pool of tapes and of other locations cannot be written to").with_code("mixed-pool"));
    }
    Ok(())
}

async fn is_fresh(transfer: &Transfer, destination: &super::Destination) -> Outcome<bool> {
    // Two sources may land in one place: then what the first brought is in the way of the second.
    let [source] = transfer.sources.as_slice() else { return Ok(false) };
    for tree in &destination.trees {
        if !tree.is_empty(&source.place_at).await? {
            return Ok(false);
        }
    }
    Ok(!destination.trees.is_empty())
}

async fn work(run: &Arc<Run>) -> Outcome<()> {
    let mut workers = Workers::default();
    let mut walked = Ok(());
    for index in 0..run.transfer.sources.len() {
        if let Err(failure) = source(run, index, &mut workers).await {
            // One source that cannot be read does not keep the others.
            run.settle_unread(index, &failure).await;
            walked = walked.and(Err(failure));
        }
        if run.fate.has_ended() {
            break;
        }
    }
    workers.round(run).await;
    run.transfer.counters.walked.store(1, Relaxed);
    for workers in [&mut workers.batches, &mut workers.large, &mut workers.rounds] {
        while one_ended(run, workers).await {}
    }
    // With several sources the failed one has its outcome; alone, it is the transfer that failed.
    if run.transfer.sources.len() > 1 { Ok(()) } else { walked }
}

#[derive(Default)]
struct Workers {
    batches: JoinSet<()>,
    large: JoinSet<()>,
    /// Of tapes: the next round, and the one under way.
    lot: in_line::Lot,
    rounds: JoinSet<()>,
}

async fn source(run: &Arc<Run>, index: usize, workers: &mut Workers) -> Outcome<()> {
    let transfer = &run.transfer;
    let Some(source) = transfer.sources.get(index) else { return Ok(()) };
    let (sender, mut found) = mpsc::channel(transfer.limits.walk_queue);
    let (tree, start) = (Arc::clone(&source.tree), source.path.clone());
    let walk = tokio::spawn(async move { tree.walk(&start, sender).await });
    let mut batch = Batch::default();
    loop {
        if run.fate.has_ended() || transfer.control.ready().await.is_err() {
            break;
        }
        let list = match tokio::time::timeout(LINGER, found.recv()).await {
            Ok(Some(list)) => list,
            Ok(None) => break,
            Err(_) => {
                workers.batch(run, &mut batch).await;
                continue;
            }
        };
        for found in list {
            take(run, index, found, &mut batch, workers).await;
        }
    }
    workers.batch(run, &mut batch).await;
    // The receiver is dropped before the walk is waited for: that is what ends a walk early.
    drop(found);
    walk.await.map_err(|error| Failure::host("The walk of the source broke off", error))?
}

async fn take(run: &Arc<Run>, index: usize, found: Found, batch: &mut Batch, workers: &mut Workers) {
    let transfer = &run.transfer;
    let Some(source) = transfer.sources.get(index) else { return };
    match found {
        Found::Failed { path, failure } => {
            Counters::add(&transfer.counters.files_found, 1);
            run.settle_unread_path(index, path, failure).await;
        }
        Found::Item(item) => {
            let Some(below) = names::below(&item.path, &source.path) else { return };
            let task = Task { source: index, place: names::join(&source.place_at, below), item };
            // The root of an empty tree is there already.
            if task.place.is_empty() {
                return;
            }
            match task.item.kind {
                ItemKind::Folder { empty: false } if !run.folders_are_kept() => return,
                ItemKind::Folder { empty: false } => {}
                _ => {
                    Counters::add(&transfer.counters.files_found, 1);
                    Counters::add(&transfer.counters.bytes_found, task.item.size);
                }
            }
            if transfer.writes_in_line() || (task.item.kind == ItemKind::File && source.tree.sequential()) {
                workers.in_line(run, task).await;
            } else if task.item.kind == ItemKind::File && task.item.size > transfer.limits.small_file {
                workers.large(run, task).await;
            } else {
                batch.bytes += task.item.size;
                batch.tasks.push(task);
                if batch.tasks.len() >= transfer.limits.batch_files || batch.bytes >= transfer.limits.batch_bytes {
                    workers.batch(run, batch).await;
                }
            }
        }
    }
}

#[derive(Default)]
struct Batch {
    tasks: Vec<Task>,
    bytes: u64,
}

/// False: none is at work. One that broke off has left paths without an outcome, so that the transfer must not end well (D11).
async fn one_ended(run: &Run, workers: &mut JoinSet<()>) -> bool {
    let ended = workers.join_next().await;
    if let Some(Err(error)) = &ended {
        run.fate.end(Failure::host("The host's own task broke off", error));
    }
    ended.is_some()
}

impl Workers {
    async fn batch(&mut self, run: &Arc<Run>, batch: &mut Batch) {
        let batch = std::mem::take(batch);
        if batch.tasks.is_empty() {
            return;
        }
        while self.batches.len() >= run.transfer.limits.batches.max(1) {
            one_ended(run, &mut self.batches).await;
        }
        if run.fate.has_ended() {
            return;
        }
        let run = Arc::clone(run);
        self.batches.spawn(async move { small::settle(&run, batch.tasks).await });
    }

    async fn in_line(&mut self, run: &Arc<Run>, task: Task) {
        if self.lot.is_closed_to(&task, &run.transfer) {
            self.round(run).await;
        }
        self.lot.push(task);
    }

    /// One round at a time: a tape has one writer, and one reader.
    async fn round(&mut self, run: &Arc<Run>) {
        let tasks = self.lot.take();
        while one_ended(run, &mut self.rounds).await {}
        if tasks.is_empty() || run.fate.has_ended() {
            return;
        }
        let run = Arc::clone(run);
        self.rounds.spawn(async move { in_line::settle(&run, tasks).await });
    }

    async fn large(&mut self, run: &Arc<Run>, task: Task) {
        while self.large.len() >= run.transfer.limits.large_files.max(1) {
            one_ended(run, &mut self.large).await;
        }
        if run.fate.has_ended() {
            return;
        }
        let run = Arc::clone(run);
        self.large.spawn(async move { large::settle(&run, task).await });
    }
}

impl Run {
    pub(super) fn ledger(&self) -> &dyn Ledger {
        &self.ledger
    }

    fn folders_are_kept(&self) -> bool {
        self.transfer.destinations.iter().flat_map(|destination| &destination.trees).any(|tree| tree.keeps_folders())
    }

    /// Records outcomes durably and counts them. A ledger that fails ends the transfer. `since`: as `Fate::weigh` wants it.
    pub(super) async fn record(&self, settled: Vec<Settled>, since: u64) -> Outcome<()> {
        if settled.is_empty() {
            return Ok(());
        }
        let mut counted = Summary::default();
        let mut bytes = 0;
        for settled in &settled {
            match settled.state {
                PathState::Done => counted.done += 1,
                PathState::Unchanged => counted.unchanged += 1,
                PathState::Skipped => counted.skipped += 1,
                PathState::Failed => counted.failed += 1,
            }
            if settled.failure.is_none() {
                bytes += settled.item.size;
                self.fate.went_well();
            }
        }
        // After what went well: that speaks for the other side.
        for failure in settled.iter().filter_map(|settled| settled.failure.as_ref()) {
            self.fate.weigh(failure, since);
        }
        self.ledger().record(settled).await?;
        let counters = &self.transfer.counters;
        Counters::add(&counters.files_processed, counted.done + counted.unchanged + counted.skipped + counted.failed);
        Counters::add(&counters.files_finalized, counted.done + counted.unchanged);
        Counters::add(&counters.bytes_finalized, bytes);
        Counters::add(&counters.files_failed, counted.failed + counted.skipped);
        let mut summary = self.summary.lock().await;
        summary.done += counted.done;
        summary.unchanged += counted.unchanged;
        summary.skipped += counted.skipped;
        summary.failed += counted.failed;
        Ok(())
    }

    /// Replaces the outcome of paths whose removal at the source did not go as planned; each with the state it had.
    pub(super) async fn record_again(&self, settled: Vec<(PathState, Settled)>) -> Outcome<()> {
        if settled.is_empty() {
            return Ok(());
        }
        let count = settled.len() as u64;
        let bytes: u64 = settled.iter().map(|(_, settled)| settled.item.size).sum();
        let unchanged = settled.iter().filter(|(was, _)| *was == PathState::Unchanged).count() as u64;
        let settled: Vec<Settled> = settled.into_iter().map(|(_, settled)| settled).collect();
        let skipped = settled.iter().filter(|settled| settled.state == PathState::Skipped).count() as u64;
        self.ledger().record(settled).await?;
        let counters = &self.transfer.counters;
        counters.files_finalized.fetch_sub(count, Relaxed);
        counters.bytes_finalized.fetch_sub(bytes, Relaxed);
        Counters::add(&counters.files_failed, count);
        let mut summary = self.summary.lock().await;
        summary.unchanged -= unchanged;
        summary.done -= count - unchanged;
        summary.skipped += skipped;
        summary.failed += count - skipped;
        Ok(())
    }

    async fn settle_unread(&self, index: usize, failure: &Failure) {
        let path = self.transfer.sources.get(index).map(|source| source.path.clone()).unwrap_or_default();
        self.settle_unread_path(index, path, failure.clone()).await;
    }

    async fn settle_unread_path(&self, source: usize, path: String, failure: Failure) {
        let item = Item::file(path, 0, capstan_domain::time::Timestamp(0));
        // A ledger that fails has ended the transfer already.
        let _ = self.record(vec![Settled::failed(source, item, failure)], self.fate.good()).await;
    }
}
