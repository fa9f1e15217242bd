//! How many connections a target may have in use at once, and who waits for one.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use capstan_domain::failure::Blame;
use capstan_domain::{Failure, Kind, Outcome};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::Limits;

/// Connections of all targets together, for the metrics page.
#[derive(Debug, Default)]
pub struct ConnectionCounters {
    /// In use now: gauge.
    pub in_use: AtomicI64,
    /// Calls that wait for one now: gauge.
    pub waiting: AtomicI64,
    /// Calls refused because none came free in time.
    pub refused: AtomicU64,
    /// Connections cut because their grant was revoked.
    pub cut: AtomicU64,
}

#[derive(Debug)]
pub(crate) struct Places {
    permits: Arc<Semaphore>,
    connections: usize,
    waiting: AtomicUsize,
    waiters: usize,
    wait: Duration,
    counters: Arc<ConnectionCounters>,
}

/// The right to one connection. Counts as in use until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    counters: Arc<ConnectionCounters>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.counters.in_use.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Places {
    /// For so many `connections`; who waits, and for how long, is in the limits.
    pub(crate) fn new(connections: usize, limits: &Limits, counters: Arc<ConnectionCounters>) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(connections)),
            connections,
            waiting: AtomicUsize::new(0),
            waiters: limits.connection_waiters,
            wait: limits.connection_wait,
            counters,
        }
    }

    pub(crate) async fn take(&self) -> Outcome<Place> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(self.held(permit));
        }
        let waiting = Waiting { places: self };
        self.counters.waiting.fetch_add(1, Ordering::Relaxed);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.waiters {
            return Err(self.busy(format!("{} calls already wait for a connection", self.waiters)));
        }
        let permit = tokio::time::timeout(self.wait, Arc::clone(&self.permits).acquire_owned()).await;
        drop(waiting);
        match permit {
            Ok(Ok(permit)) => Ok(self.held(permit)),
            Ok(Err(_)) | Err(_) => Err(self.busy(format!("all {} connections of the target are in use", self.connections))),
        }
    }

    pub(crate) fn counters(&self) -> &ConnectionCounters {
        &self.counters
    }

    fn held(&self, permit: OwnedSemaphorePermit) -> Place {
        self.counters.in_use.fetch_add(1, Ordering::Relaxed);
        Place { _permit: permit, counters: Arc::clone(&self.counters) }
    }

    fn busy(&self, message: String) -> Failure {
        self.counters.refused.fetch_add(1, Ordering::Relaxed);
        Failure::new(Kind::Busy, message).with_blame(Blame::Host)
    }
}

struct Waiting<'a> {
    places: &'a Places,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.places.waiting.fetch_sub(1, Ordering::Relaxed);
        self.places.counters.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
