//! What a store holds beside the guest: its services, an empty WASI context, and the meter of what it uses.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use capstan_bindings::latest::types;
use capstan_services::{Services, TargetServices};
use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiter, Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::machine::Machine;
use crate::metrics::Metrics;
use crate::output::Output;

pub(crate) struct StoreState {
    pub services: Services,
    pub meter: Meter,
    pub output: Output,
    left: Left,
    wasi: WasiCtx,
    wasi_table: ResourceTable,
}

/// A store for the guest of one target, with every limit set. It runs nothing yet.
pub(crate) fn new_store(machine: &Machine, services: Arc<TargetServices>, usage: Arc<Usage>) -> Store<StoreState> {
    let limits = &machine.limits;
    let output = Output::new(services.log().speaker().clone(), limits.output_lines_per_second);
    // No directory, no environment, no arguments, standard input at its end: the standard library links, and finds nothing.
    let wasi = WasiCtx::builder().stdout(output.clone()).stderr(output.clone()).build();
    let meter = Meter {
        usage,
        memory_limit: limits.memory_bytes,
        table_limit: limits.table_elements,
        tables_used: 0,
        refused: None,
        cpu_epochs: limits.cpu_epochs(),
    };
    machine.metrics.stores.fetch_add(1, Ordering::Relaxed);
    let left = Left { metrics: Arc::clone(&machine.metrics), entries: 0 };
    let state = StoreState { services: Services::new(services), meter, output, left, wasi, wasi_table: ResourceTable::new() };
    let mut store = Store::new(&machine.engine, state);
    store.limiter(|state| &mut state.meter);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut context| {
        let meter = &mut context.data_mut().meter;
        if meter.usage.busy_epochs.fetch_add(1, Ordering::Relaxed) >= meter.cpu_epochs {
            meter.refused = Some(Refused::Cpu);
            return Ok(UpdateDeadline::Interrupt);
        }
        Ok(UpdateDeadline::Yield(1))
    });
    store
}

impl StoreState {
    /// A call has ended: what it leaves in the table is counted, since nobody will ever take it out.
    pub(crate) fn called(&mut self) {
        self.meter.progress();
        let entries = match self.services.table.is_empty() {
            true => 0,
            false => i64::try_from(self.services.table.iter_mut().count()).unwrap_or(i64::MAX),
        };
        self.left.metrics.table_entries.fetch_add(entries - self.left.entries, Ordering::Relaxed);
        self.left.entries = entries;
    }
}

/// What a store counts towards the gauges, for as long as it lives.
struct Left {
    metrics: Arc<Metrics>,
    entries: i64,
}

impl Drop for Left {
    fn drop(&mut self) {
        self.metrics.stores.fetch_sub(1, Ordering::Relaxed);
        self.metrics.table_entries.fetch_sub(self.entries, Ordering::Relaxed);
    }
}

impl WasiView for StoreState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.wasi_table }
    }
}

impl types::Host for StoreState {}

/// Seen from outside of the store, while it runs.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    /// Bytes of all memories now; memories only grow.
    pub memory_bytes: AtomicUsize,
    /// Epochs the guest ran through since a call last began or ended.
    pub busy_epochs: AtomicU64,
}

/// The limit a guest met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Memory,
    Table,
    Cpu,
}

pub(crate) struct Meter {
    usage: Arc<Usage>,
    memory_limit: usize,
    table_limit: usize,
    tables_used: usize,
    /// The last limit that said no: the likely reason of a trap that follows.
    pub refused: Option<Refused>,
    cpu_epochs: u64,
}

impl Meter {
    /// A call began or came to an end, so the guest does work somebody waits for.
    pub(crate) fn progress(&self) {
        self.usage.busy_epochs.store(0, Ordering::Relaxed);
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let used = self.usage.memory_bytes.load(Ordering::Relaxed).saturating_sub(current).saturating_add(desired);
        if used > self.memory_limit {
            self.refused = Some(Refused::Memory);
            return Ok(false);
        }
        self.usage.memory_bytes.store(used, Ordering::Relaxed);
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let used = self.tables_used.saturating_sub(current).saturating_add(desired);
        if used > self.table_limit {
            self.refused = Some(Refused::Table);
            return Ok(false);
        }
        self.tables_used = used;
        Ok(true)
    }
}
