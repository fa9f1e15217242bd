//! Every bound of the runtime, by name. Each says whether who meets it waits or is refused.

use std::time::Duration;

use capstan_domain::{Failure, Outcome};
use serde::{Deserialize, Deserializer};

/// A setting each, under these names in kebab case; the defaults suit a host with a few dozen targets.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// Bytes of a component's file. Refuses.
    pub component_bytes: usize,
    /// Compiles at a time; 0: one less than there are cores. More wait.
    pub compile_threads: usize,
    /// Compiles waiting for a thread. Refuses.
    pub compile_queue: usize,
    /// Wall clock of instantiation and `describe` at the load gate. Refuses the component.
    #[serde(rename = "describe-ms", deserialize_with = "milliseconds")]
    pub describe_deadline: Duration,
    /// Threads that run guests; 0: one for each core.
    #[serde(rename = "threads")]
    pub guest_threads: usize,
    /// Stores of all targets together. Waits up to `queue_wait`, then refuses.
    pub stores: u32,
    /// Long-lived stores of a target whose session is shared.
    pub stores_per_target: usize,
    /// Calls in flight in one long-lived store. Waits up to `queue_wait`, then refuses.
    pub calls_per_store: usize,
    /// Stores of their own for large transfers of one target. Waits up to `queue_wait`, then refuses.
    pub transfers_per_target: usize,
    /// Calls of one target that may wait for a place. Refuses as `busy`.
    pub queue_depth: usize,
    /// How long a call waits for a place.
    #[serde(rename = "queue-wait-ms", deserialize_with = "milliseconds")]
    pub queue_wait: Duration,
    /// Wall clock of a call that moves little. The call fails.
    #[serde(rename = "call-ms", deserialize_with = "milliseconds")]
    pub call_deadline: Duration,
    /// A transfer may take `call_deadline` and this many bytes a second more. The transfer fails.
    pub slowest_bytes_per_second: u64,
    /// What a call to a tape library may take on top: a robot fetches, a drive winds back, threads, looks for a place. The call fails.
    #[serde(rename = "mechanics-ms", deserialize_with = "milliseconds")]
    pub mechanics: Duration,
    /// Puts and gets from this size on take a store of their own. Bytes.
    pub large_bytes: u64,
    /// CPU time without any call of the store coming to an end. The store is dropped.
    #[serde(rename = "cpu-ms", deserialize_with = "milliseconds")]
    pub cpu_budget: Duration,
    /// Length of an epoch: how long a guest runs before others get their turn.
    #[serde(rename = "epoch-ms", deserialize_with = "milliseconds")]
    pub epoch: Duration,
    /// Bytes of all memories of a store together. A growth beyond it fails in the guest.
    pub memory_bytes: usize,
    /// Elements of all tables of a store together. A growth beyond it fails in the guest.
    pub table_elements: usize,
    /// Core instances of a component. Refuses.
    pub core_instances: u32,
    /// Memories of a component. Refuses.
    pub memories: u32,
    /// Tables of a component. Refuses.
    pub tables: u32,
    /// A long-lived store is replaced after this many calls.
    pub recycle_calls: u64,
    /// A long-lived store is replaced once its memories passed this. Bytes.
    pub recycle_memory_bytes: usize,
    /// First pause after a second crash in a row; it doubles with each. Calls are refused meanwhile.
    #[serde(rename = "restart-pause-ms", deserialize_with = "milliseconds")]
    pub restart_pause: Duration,
    /// Longest of these pauses.
    #[serde(rename = "restart-pause-most-ms", deserialize_with = "milliseconds")]
    pub restart_pause_most: Duration,
    /// Crashes of a version within `restart_window` before it is quarantined.
    pub restart_budget: usize,
    #[serde(rename = "restart-window-ms", deserialize_with = "milliseconds")]
    pub restart_window: Duration,
    /// After activation: the time within which a version is rolled back that fails too often.
    #[serde(rename = "health-window-ms", deserialize_with = "milliseconds")]
    pub health_window: Duration,
    /// Crashes, and calls whose failure is the plugin's fault, before a version on trial is compared with the one before.
    pub health_faults: usize,
    /// So many times the share of faults the version before had, and more, is too often.
    pub health_worse: u32,
    /// How long running calls may go on with a version, or a configuration, that was replaced. Then their stores are dropped.
    #[serde(rename = "drain-ms", deserialize_with = "milliseconds")]
    pub drain_deadline: Duration,
    /// Lines of standard output and error a store may write a second; more are dropped.
    pub output_lines_per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: usize = 1 << 20;
        Self {
            component_bytes: 64 * MIB,
            compile_threads: 0,
            compile_queue: 64,
            describe_deadline: Duration::from_secs(5),
            guest_threads: 0,
            stores: 256,
            stores_per_target: 2,
            calls_per_store: 64,
            transfers_per_target: 32,
            queue_depth: 4096,
            queue_wait: Duration::from_secs(30),
            call_deadline: Duration::from_secs(60),
            slowest_bytes_per_second: 128 << 10,
            mechanics: Duration::from_secs(900),
            large_bytes: 32 << 20,
            cpu_budget: Duration::from_secs(10),
            epoch: Duration::from_millis(10),
            memory_bytes: 256 * MIB,
            table_elements: 200_000,
            core_instances: 32,
            memories: 4,
            tables: 16,
            recycle_calls: 1_000_000,
            recycle_memory_bytes: 128 * MIB,
            restart_pause: Duration::from_millis(100),
            restart_pause_most: Duration::from_secs(30),
            restart_budget: 10,
            restart_window: Duration::from_secs(60),
            health_window: Duration::from_secs(60),
            health_faults: 3,
            health_worse: 2,
            drain_deadline: Duration::from_secs(30),
            output_lines_per_second: 100,
        }
    }
}

impl Limits {
    /// A bound of which nothing would ever pass is a slip of the pen, and would look like a host that hangs.
    pub(crate) fn check(&self) -> Outcome<()> {
        let bounds = [
            ("component-bytes", self.component_bytes as u64),
            ("compile-queue", self.compile_queue as u64),
            ("stores", u64::from(self.stores)),
            ("stores-per-target", self.stores_per_target as u64),
            ("calls-per-store", self.calls_per_store as u64),
            ("transfers-per-target", self.transfers_per_target as u64),
            ("slowest-bytes-per-second", self.slowest_bytes_per_second),
            ("epoch-ms", u64::try_from(self.epoch.as_millis()).unwrap_or(u64::MAX)),
            ("memory-bytes", self.memory_bytes as u64),
            ("core-instances", u64::from(self.core_instances)),
            ("recycle-calls", self.recycle_calls),
        ];
        match bounds.iter().find(|(_, bound)| *bound == 0) {
            None => Ok(()),
            Some((name, _)) => Err(Failure::invalid(format!("The limit {name} is 0: nothing would ever pass."))
                .with_code("limit-zero")
                .with_next_step(format!("Give guests.{name} at least 1, or leave it out."))),
        }
    }

    pub(crate) fn compile_threads(&self) -> usize {
        if self.compile_threads > 0 { self.compile_threads } else { cores().saturating_sub(1).max(1) }
    }

    pub(crate) fn guest_threads(&self) -> usize {
        if self.guest_threads > 0 { self.guest_threads } else { cores() }
    }

    /// Wall clock of a call that moves `bytes`.
    pub(crate) fn deadline(&self, bytes: u64) -> Duration {
        self.call_deadline + Duration::from_secs(bytes / self.slowest_bytes_per_second.max(1))
    }

    /// Epochs of CPU time that `cpu_budget` is.
    pub(crate) fn cpu_epochs(&self) -> u64 {
        u64::try_from(self.cpu_budget.as_millis() / self.epoch.as_millis().max(1)).unwrap_or(u64::MAX).max(1)
    }
}

/// Durations are written as whole milliseconds, and their names end so.
fn milliseconds<'de, D: Deserializer<'de>>(given: D) -> Result<Duration, D::Error> {
    u64::deserialize(given).map(Duration::from_millis)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_a_setting_and_what_is_left_out_has_its_default() {
        let given = serde_json::json!({ "cpu-ms": 7, "threads": 3, "queue-depth": 5, "health-worse": 4, "mechanics-ms": 9 });
        let limits: Limits = serde_json::from_value(given).unwrap();
        assert_eq!((limits.cpu_budget, limits.guest_threads), (Duration::from_millis(7), 3));
        assert_eq!((limits.queue_depth, limits.health_worse, limits.mechanics), (5, 4, Duration::from_millis(9)));
        assert_eq!(limits.call_deadline, Limits::default().call_deadline);
        assert!(serde_json::from_value::<Limits>(serde_json::json!({ "cpu-mss": 7 })).is_err());
    }

    #[test]
    fn a_limit_that_nothing_passes_is_refused_by_name() {
        Limits::default().check().unwrap();
        let failure = Limits { calls_per_store: 0, ..Limits::default() }.check().unwrap_err();
        assert!(failure.message.contains("calls-per-store"), "{failure}");
    }

    #[test]
    fn a_transfer_gets_time_for_its_bytes() {
        let limits = Limits::default();
        assert_eq!(limits.deadline(0), limits.call_deadline);
        assert!(limits.deadline(1 << 30) > Duration::from_secs(3600));
        assert_eq!(limits.cpu_epochs(), 1000);
    }
}
