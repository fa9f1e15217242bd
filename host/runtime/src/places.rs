//! Places for calls: a call waits for one, up to a bound, and no more calls wait than there may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use capstan_domain::Outcome;
use capstan_domain::failure::{Blame, Failure, Kind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::incarnation::Incarnation;
use crate::machine::Machine;
use crate::metrics::{Held, Metrics, count};

impl Incarnation {
    pub(crate) async fn place(&self, places: &Arc<Semaphore>) -> Outcome<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(places).try_acquire_owned() {
            return Ok(permit);
        }
        let limits = &self.machine.limits;
        let _place = Waiting::enter(&self.waiting, limits.queue_depth).ok_or_else(|| self.busy())?;
        let _waiting = Held::new(Gauge(Arc::clone(&self.machine)), |metrics: &Metrics| &metrics.waiting);
        match tokio::time::timeout(limits.queue_wait, Arc::clone(places).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(self.busy()),
        }
    }

    fn busy(&self) -> Failure {
        count(&self.machine.metrics.busy);
        Failure::new(Kind::Busy, "Too many calls wait for the target.")
            .with_blame(Blame::Host)
            .with_code("target-queue-full")
            .with_next_step("Try again later, or raise the limits `calls-per-store` or `stores-per-target`.")
    }
}

/// Counts a call among those that wait, if there is room.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize, most: usize) -> Option<Self> {
        let waiting = Self(count);
        (count.fetch_add(1, Ordering::Relaxed) < most).then_some(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The metrics, for a gauge that outlives a borrow.
pub(crate) struct Gauge(pub(crate) Arc<Machine>);

impl AsRef<Metrics> for Gauge {
    fn as_ref(&self) -> &Metrics {
        &self.0.metrics
    }
}
