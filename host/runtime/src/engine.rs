//! The one engine: what every component is compiled for, how much of everything there is, and the clock of epochs.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use capstan_domain::Outcome;
use capstan_domain::failure::Failure;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::limits::Limits;

/// Bytes of one core instance's own data; a component with more is refused when it is compiled.
const INSTANCE_BYTES: usize = 1 << 20;
/// Fibers for each store. A call in flight may hold one.
const STACKS_PER_STORE: u32 = 16;
/// Core instances, memories and tables that pools hold for each store on average.
const CORE_INSTANCES_PER_STORE: u32 = 8;

pub(crate) fn start(limits: &Limits) -> Outcome<Engine> {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(limits.stores)
        .total_core_instances(limits.stores.saturating_mul(CORE_INSTANCES_PER_STORE))
        .total_memories(limits.stores.saturating_mul(2))
        .total_tables(limits.stores.saturating_mul(CORE_INSTANCES_PER_STORE))
        .total_stacks(limits.stores.saturating_mul(STACKS_PER_STORE))
        .max_core_instances_per_component(limits.core_instances)
        .max_memories_per_component(limits.memories)
        .max_tables_per_component(limits.tables)
        .max_component_instance_size(INSTANCE_BYTES)
        .max_core_instance_size(INSTANCE_BYTES)
        .max_memory_size(limits.memory_bytes)
        .table_elements(limits.table_elements);
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .wasm_component_model_async(true)
        .epoch_interruption(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    let engine =
        Engine::new(&config).map_err(|error| Failure::host("The WebAssembly engine does not start.", format!("{error:#}")))?;
    tick(&engine, limits.epoch)?;
    Ok(engine)
}

/// Epochs pass on a thread of their own: a busy executor must not stop the clock that interrupts guests. It ends with the engine.
fn tick(engine: &Engine, epoch: Duration) -> Outcome<()> {
    let engine = engine.weak();
    let run = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(epoch);
        }
    };
    std::thread::Builder::new()
        .name("capstan-epoch".to_owned())
        .spawn(run)
        .map(drop)
        .map_err(|error| Failure::host("The epoch clock does not start.", error))
}

/// What compiled code depends on: version, settings and processor. A cache entry of another fingerprint is never looked at.
pub(crate) fn fingerprint(engine: &Engine) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
