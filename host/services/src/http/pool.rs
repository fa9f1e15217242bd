//! The connections of one target: those in use, counted, and those that wait to be used again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use capstan_domain::Outcome;
use capstan_grants::Grants;

use super::link::Link;
use crate::dial::{Basis, ConnectionCounters, Live, Meter, Place, Places, Route};
use crate::limits::Limits;

/// Numbers for the metrics page.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections made.
    pub opened: AtomicU64,
    /// Requests that found a connection ready.
    pub reused: AtomicU64,
    /// Requests sent, retries included.
    pub requests: AtomicU64,
    /// Requests sent again because a kept connection had been closed by the server.
    pub retried: AtomicU64,
    /// Connections cut because their grant was revoked.
    pub cut: AtomicU64,
}

pub(super) struct Pool {
    places: Places,
    live: Live<Meter>,
    state: Mutex<State>,
    limits: Limits,
    pub counters: Counters,
}

#[derive(Default)]
struct State {
    /// The newest last: it is the likeliest to be alive.
    idle: HashMap<Arc<Route>, Vec<Idle>>,
    idle_count: usize,
    reaping: bool,
}

struct Idle {
    link: Link,
    basis: Basis,
    since: Instant,
}

/// A connection in use. Dropped, it is closed; given back, it is kept.
pub(super) struct Lease {
    pub link: Link,
    basis: Basis,
    /// Counts the connection as in use.
    permit: Place,
}

impl Pool {
    pub(super) fn new(limits: Limits, connections: Arc<ConnectionCounters>) -> Arc<Self> {
        Arc::new(Self {
            places: Places::new(limits.connections, &limits, connections),
            live: Live::default(),
            state: Mutex::default(),
            limits,
            counters: Counters::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to use one connection.
    pub(super) async fn permit(&self) -> Outcome<Place> {
        self.places.take().await
    }

    /// A kept connection that is still good.
    pub(super) fn take(&self, route: &Route, permit: Place) -> Result<Lease, Place> {
        loop {
            let idle = {
                let mut state = self.state();
                let Some(idle) = state.idle.get_mut(route).and_then(Vec::pop) else { return Err(permit) };
                state.idle_count = state.idle_count.saturating_sub(1);
                idle
            };
            let Idle { mut link, basis, since } = idle;
            if since.elapsed() < self.limits.keep_alive && link.is_ready() {
                self.counters.reused.fetch_add(1, Ordering::Relaxed);
                return Ok(Lease { link, basis, permit });
            }
        }
    }

    /// Takes a new connection under the pool's eyes.
    pub(super) fn adopt(&self, link: Link, basis: Basis, permit: Place) -> Lease {
        self.counters.opened.fetch_add(1, Ordering::Relaxed);
        self.live.adopt(basis.clone(), link.meter());
        Lease { link, basis, permit }
    }

    /// Keeps the connection for the next request, if it can serve one.
    pub(super) fn give_back(self: &Arc<Self>, lease: Lease) {
        let Lease { mut link, basis, permit } = lease;
        if !link.is_ready() {
            return;
        }
        let reap = {
            let mut state = self.state();
            if state.idle_count >= self.limits.connections {
                state.drop_oldest();
            }
            state.idle.entry(Arc::clone(&basis.route)).or_default().push(Idle { link, basis, since: Instant::now() });
            state.idle_count += 1;
            !std::mem::replace(&mut state.reaping, true)
        };
        // Only now may the next waiter run: it finds the connection.
        drop(permit);
        if reap && let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(reap_idle(Arc::downgrade(self), self.limits.keep_alive));
        }
    }

    /// Closes what the grants no longer cover, at once and in the middle of a transfer.
    pub(super) fn enforce(&self, grants: &Grants) {
        let mut state = self.state();
        for list in state.idle.values_mut() {
            list.retain(|idle| idle.basis.holds(grants));
        }
        state.recount();
        drop(state);
        let cut = self.live.enforce(grants);
        self.counters.cut.fetch_add(cut, Ordering::Relaxed);
        self.places.counters().cut.fetch_add(cut, Ordering::Relaxed);
    }

    /// Connections that exist, used or not.
    pub(super) fn live(&self) -> usize {
        self.live.count()
    }
}

impl State {
    fn recount(&mut self) {
        self.idle.retain(|_, list| !list.is_empty());
        self.idle_count = self.idle.values().map(Vec::len).sum();
    }

    fn drop_oldest(&mut self) {
        let oldest = self
            .idle
            .iter()
            .filter_map(|(route, list)| Some((list.first()?.since, Arc::clone(route))))
            .min_by_key(|(since, _)| *since);
        if let Some((_, route)) = oldest
            && let Some(list) = self.idle.get_mut(&route)
        {
            list.remove(0);
        }
        self.recount();
    }
}

/// Closes connections that nobody wants any more; ends when none is left.
async fn reap_idle(pool: Weak<Pool>, keep_alive: std::time::Duration) {
    loop {
        tokio::time::sleep(keep_alive).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut state = pool.state();
        for list in state.idle.values_mut() {
            list.retain(|idle| idle.since.elapsed() < keep_alive);
        }
        state.recount();
        if state.idle_count == 0 {
            state.reaping = false;
            return;
        }
    }
}
