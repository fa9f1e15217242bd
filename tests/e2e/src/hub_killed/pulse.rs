//! Whether the host lives, for those who work beside it, and what they found wrong.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

/// No call of a file system that is there may take longer.
const PATIENCE: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_millis(2);

#[derive(Debug, Default)]
pub(super) struct Pulse {
    /// Odd: it is dead, or its view is not there yet. Another number in every life.
    lives: AtomicU64,
    resting: AtomicBool,
    over: AtomicBool,
    at_work: AtomicUsize,
    fault: Mutex<Option<String>>,
}

/// One of the host's lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life(u64);

impl Pulse {
    /// To be said before it is killed.
    pub(super) fn dies(&self) {
        self.lives.fetch_or(1, Ordering::SeqCst);
    }

    /// To be said when its view stands.
    pub(super) fn lives(&self) {
        let lives = self.lives.load(Ordering::SeqCst);
        self.lives.store(lives.wrapping_add(1) & !1, Ordering::SeqCst);
    }

    pub(super) fn life(&self) -> Option<Life> {
        let lives = self.lives.load(Ordering::SeqCst);
        lives.is_multiple_of(2).then_some(Life(lives))
    }

    /// Whether it did not die since.
    pub(super) fn is_in(&self, life: Life) -> bool {
        self.life() == Some(life)
    }

    /// Waits for its next life; none when there is none.
    pub(super) fn next_life(&self) -> Option<Life> {
        while !self.over.load(Ordering::SeqCst) {
            if let Some(life) = self.life() {
                return Some(life);
            }
            sleep(LOOK);
        }
        None
    }

    /// Does the work, again and again, until the end.
    pub(super) fn go_on(&self, mut work: impl FnMut(Life)) {
        while !self.over.load(Ordering::SeqCst) {
            self.at_work.fetch_add(1, Ordering::SeqCst);
            let life = self.life().filter(|_| !self.resting.load(Ordering::SeqCst));
            if let Some(life) = life {
                work(life);
            }
            self.at_work.fetch_sub(1, Ordering::SeqCst);
            if life.is_none() {
                sleep(LOOK);
            }
        }
    }

    /// Waits until nobody is at work.
    pub(super) fn rest(&self) -> anyhow::Result<()> {
        self.resting.store(true, Ordering::SeqCst);
        let begun = Instant::now();
        while self.at_work.load(Ordering::SeqCst) > 0 {
            ensure!(begun.elapsed() < PATIENCE, "a call of the view does not come back, though the host lives");
            sleep(LOOK);
        }
        self.check()
    }

    pub(super) fn resume(&self) {
        self.resting.store(false, Ordering::SeqCst);
    }

    pub(super) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// The first is kept.
    pub(super) fn fault(&self, what: String) {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(what);
    }

    pub(super) fn check(&self) -> anyhow::Result<()> {
        match &*self.fault.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(fault) => bail!("under load: {fault}"),
            None => Ok(()),
        }
    }
}
