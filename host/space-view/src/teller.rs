//! Tells what was done, batch by batch, until the floor above has it.
//!
//! A change takes its place in the queue before it is done, so what was done can always be said. What a process that died had not said,
//! the next view says as [`Change::Unsure`]; files of which copies are elsewhere it finds in the folder of the removed.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::SLOT_WAIT;
use crate::changes::{Change, Changes};
use crate::refusal::{Answer, LATER};
use crate::removed::Removed;

/// Changes that are done and not told yet; the next one waits.
pub const MOST_UNTOLD: usize = 65_536;
/// That are told at a time.
const BATCH: usize = 1024;
/// Between two tries.
const PAUSE: Duration = Duration::from_secs(1);
/// Between two looks whether something was told.
const LOOK: Duration = Duration::from_millis(5);

pub(crate) struct Teller {
    changes: Arc<dyn Changes>,
    removed: Removed,
    slots: Arc<Semaphore>,
    queue: Mutex<VecDeque<Item>>,
    /// Changes that ever came into the queue; counted under its lock.
    come: AtomicU64,
    news: Notify,
}

/// A place in the queue.
pub(crate) struct Slot {
    _permit: OwnedSemaphorePermit,
}

struct Item {
    change: Change,
    /// Lies with the removed until this is told.
    kept: Option<OsString>,
    _slot: Option<Slot>,
}

impl Teller {
    pub(crate) fn new(changes: Arc<dyn Changes>, removed: Removed) -> Self {
        let slots = Arc::new(Semaphore::new(MOST_UNTOLD));
        Self { changes, removed, slots, queue: Mutex::default(), come: AtomicU64::new(0), news: Notify::new() }
    }

    pub(crate) fn changes(&self) -> &Arc<dyn Changes> {
        &self.changes
    }

    pub(crate) fn removed(&self) -> &Removed {
        &self.removed
    }

    /// None: the queue is full.
    pub(crate) fn try_slot(&self) -> Option<Slot> {
        Arc::clone(&self.slots).try_acquire_owned().ok().map(|permit| Slot { _permit: permit })
    }

    pub(crate) async fn slot(&self) -> Answer<Slot> {
        match tokio::time::timeout(SLOT_WAIT, Arc::clone(&self.slots).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Slot { _permit: permit }),
            _ => {
                tracing::warn!("a change through a view was refused: those before it could not be recorded");
                Err(LATER)
            }
        }
    }

    pub(crate) fn tell(&self, slot: Slot, change: Change) {
        self.tell_kept(Some(slot), change, None);
    }

    /// `kept`: the name that a file has among the removed until this is told.
    pub(crate) fn tell_kept(&self, slot: Option<Slot>, change: Change, kept: Option<OsString>) {
        let mut queue = self.queue();
        queue.push_back(Item { change, kept, _slot: slot });
        self.come.fetch_add(1, Ordering::Relaxed);
        drop(queue);
        self.news.notify_one();
    }

    /// Goes on until it is dropped.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            let news = self.news.notified();
            if !self.tell_some().await {
                news.await;
            }
        }
    }

    /// Whether everything was told within the time.
    pub(crate) async fn drained(&self, within: Duration) -> bool {
        let empty = async {
            while !self.queue().is_empty() {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(within, empty).await.is_ok()
    }

    /// Whether everything that had come before this call was told within the time.
    pub(crate) async fn told_so_far(&self, within: Duration) -> bool {
        let counts = || {
            let queue = self.queue();
            (self.come.load(Ordering::Relaxed), queue.len() as u64)
        };
        let (wanted, _) = counts();
        let told = async {
            loop {
                let (come, waiting) = counts();
                if come.saturating_sub(waiting) >= wanted {
                    return;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(within, told).await.is_ok()
    }

    /// Whether there was anything to tell.
    async fn tell_some(&self) -> bool {
        let batch: Vec<Change> = self.queue().iter().take(BATCH).map(|item| item.change.clone()).collect();
        if batch.is_empty() {
            return false;
        }
        if let Err(failure) = self.changes.record(&batch).await {
            tracing::warn!(%failure, changes = batch.len(), "changes through a view could not be recorded; they are told again");
            tokio::time::sleep(PAUSE).await;
            return true;
        }
        let kept: Vec<OsString> = self.queue().iter().take(batch.len()).filter_map(|item| item.kept.clone()).collect();
        kept.iter().for_each(|name| self.removed.let_go(name));
        self.queue().drain(..batch.len());
        true
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Item>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
