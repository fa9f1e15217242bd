//! What the runtime counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use capstan_services::ConnectionCounters;
use capstan_services::stream::StreamCounters;

/// Counters since the start, and gauges of now. Read them with `Ordering::Relaxed`.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Calls made into plugins.
    pub calls: AtomicU64,
    /// Calls that answered a failure, whosever fault it was.
    pub failures: AtomicU64,
    /// Stores dropped because the guest trapped or overran a limit.
    pub traps: AtomicU64,
    /// Calls whose answer spoke against the plugin: a lie, or a failure it takes the blame for.
    pub plugin_faults: AtomicU64,
    /// Calls that passed their deadline.
    pub deadlines: AtomicU64,
    /// Long-lived stores started.
    pub starts: AtomicU64,
    /// Long-lived stores started in place of one that died.
    pub restarts: AtomicU64,
    /// Long-lived stores replaced because of their age or their memory.
    pub recycled: AtomicU64,
    /// Stores made for one call.
    pub fresh_stores: AtomicU64,
    /// Streams that plugins handed over: read natively (`unwrapped`), or through a store (`piped`).
    pub streams: Arc<StreamCounters>,
    /// Connections of targets, over HTTP or plain.
    pub connections: Arc<ConnectionCounters>,
    /// Calls refused because no place came free in time.
    pub busy: AtomicU64,
    /// Stores that exist: gauge.
    pub stores: AtomicI64,
    /// Entries of stores' resource tables that outlived the call they were made for: gauge.
    pub table_entries: AtomicI64,
    /// Calls waiting for a place: gauge.
    pub waiting: AtomicI64,
    /// Calls in flight: gauge.
    pub in_flight: AtomicI64,
    /// Components compiled; loads served by the compile cache instead.
    pub compiles: AtomicU64,
    pub cache_hits: AtomicU64,
    pub swaps: AtomicU64,
    pub rollbacks: AtomicU64,
    pub quarantines: AtomicU64,
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// One more on a gauge, for as long as it lives.
pub(crate) struct Held<M: AsRef<Metrics>> {
    metrics: M,
    gauge: fn(&Metrics) -> &AtomicI64,
}

impl<M: AsRef<Metrics>> Held<M> {
    pub(crate) fn new(metrics: M, gauge: fn(&Metrics) -> &AtomicI64) -> Self {
        gauge(metrics.as_ref()).fetch_add(1, Ordering::Relaxed);
        Self { metrics, gauge }
    }
}

impl<M: AsRef<Metrics>> Drop for Held<M> {
    fn drop(&mut self) {
        (self.gauge)(self.metrics.as_ref()).fetch_sub(1, Ordering::Relaxed);
    }
}
