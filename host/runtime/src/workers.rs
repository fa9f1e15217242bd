//! The long-lived stores of an incarnation: which one takes the next call, and when another is started.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use capstan_domain::Outcome;
use capstan_domain::failure::{Blame, Failure, Kind};

use crate::incarnation::{Incarnation, RESTART_PAUSE};
use crate::metrics::count;
use crate::worker::Worker;

#[derive(Default)]
pub(crate) struct Workers {
    pub alive: Vec<Arc<Worker>>,
    /// The one that has, or had, an exclusive session: the next one waits for its end.
    last: Option<Arc<Worker>>,
    not_before: Option<Instant>,
}

impl Workers {
    /// A worker with room; started if there is none, or if all have work and there may be more.
    pub(crate) fn with_room(&mut self, of: &Incarnation) -> Outcome<Arc<Worker>> {
        let limits = &of.machine.limits;
        let most = if of.prepared.exclusive { 1 } else { limits.stores_per_target.max(1) };
        let before = self.alive.len();
        self.alive.retain(|worker| worker.is_alive());
        let died = before - self.alive.len();
        if died > 0 {
            let crashes = of.crashes.fetch_add(u32::try_from(died).unwrap_or(u32::MAX), Ordering::Relaxed).saturating_add(1);
            // The first crash is forgiven at once; from the second in a row on, the pause doubles.
            if crashes >= 2 {
                let pause = limits.restart_pause.saturating_mul(1 << (crashes - 2).min(16)).min(limits.restart_pause_most);
                self.not_before = Some(Instant::now() + pause);
            }
        }
        if !of.prepared.exclusive {
            let young = self.alive.len();
            self.alive.retain(|worker| !worker.is_spent(limits));
            for _ in self.alive.len()..young {
                count(&of.machine.metrics.recycled);
            }
        }
        let least = self.alive.iter().min_by_key(|worker| worker.load()).cloned();
        if let Some(worker) = &least
            && (worker.load() == 0 || self.alive.len() >= most)
        {
            return Ok(Arc::clone(worker));
        }
        let now = Instant::now();
        if let Some(wait) = self.not_before.and_then(|not_before| not_before.checked_duration_since(now)) {
            return least.ok_or_else(|| {
                let mut failure = Failure::new(Kind::Unavailable, "The plugin crashed repeatedly and is started again shortly.")
                    .with_blame(Blame::Plugin)
                    .with_code(RESTART_PAUSE);
                failure.retry_after_ms = u64::try_from(wait.as_millis()).ok();
                failure
            });
        }
        if died > 0 {
            count(&of.machine.metrics.restarts);
        }
        let before = self.last.take();
        let worker = Worker::start(&of.machine, &of.prepared, &of.services, before);
        self.last = of.prepared.exclusive.then(|| Arc::clone(&worker));
        self.alive.push(Arc::clone(&worker));
        Ok(worker)
    }
}
