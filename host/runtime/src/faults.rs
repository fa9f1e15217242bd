//! From a broken store to a failure that says what broke it; and the count of crashes that decides over a version.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use capstan_domain::failure::{Failure, Kind};
use wasmtime::Trap;

use crate::limits::Limits;
use crate::state::{Refused, StoreState};

/// What ended a store, in words for the user; the trace and the guest's last output are for the log.
pub(crate) fn broken(error: &wasmtime::Error, state: &StoreState, limits: &Limits) -> Failure {
    let trap = error.downcast_ref::<Trap>();
    let (code, message) = match (state.meter.refused, trap) {
        (Some(Refused::Cpu), _) | (_, Some(Trap::Interrupt)) => {
            ("cpu-budget", format!("The plugin ran for {:?} without finishing anything and was stopped.", limits.cpu_budget))
        }
        (Some(Refused::Memory), _) => {
            ("memory-limit", format!("The plugin crashed: it wanted more than {} bytes of memory.", limits.memory_bytes))
        }
        (Some(Refused::Table), _) => {
            ("table-limit", format!("The plugin crashed: it wanted more than {} table elements.", limits.table_elements))
        }
        (None, Some(Trap::StackOverflow)) => ("stack-overflow", "The plugin crashed: its stack overflowed.".to_owned()),
        (None, Some(trap)) => ("trap", format!("The plugin crashed: {trap}.")),
        (None, None) => ("contract-broken", "The plugin broke its contract with the host.".to_owned()),
    };
    let mut detail = format!("{error:#}");
    if let Some(tail) = state.output.tail() {
        detail.push_str("\nlast output of the plugin:\n");
        detail.push_str(&tail);
    }
    Failure::new(Kind::PluginFault, message)
        .with_code(code)
        .with_detail(detail)
        .with_next_step("The call can be made again. If it keeps happening, report it to the plugin's vendor with the log.")
}

/// Crashes of one version, and how many are too many.
pub(crate) struct Ledger {
    crashes: Mutex<VecDeque<Instant>>,
    trial: Mutex<Option<Instant>>,
}

/// What a crash means for the version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Bearable,
    /// Too many so soon after activation.
    FailedTrial,
    /// The restart budget is used up.
    Exhausted,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self { crashes: Mutex::default(), trial: Mutex::default() }
    }

    /// A fresh start: nothing is held against the version, and it is watched closely for a while.
    pub(crate) fn begin_trial(&self, window: Duration) {
        self.crashes.lock().unwrap_or_else(PoisonError::into_inner).clear();
        *self.trial.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + window);
    }

    /// Was it activated so recently that a crash speaks against the version rather than against its day?
    pub(crate) fn on_trial(&self) -> bool {
        self.trial.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|end| Instant::now() < end)
    }

    pub(crate) fn crashed(&self, limits: &Limits) -> Verdict {
        let now = Instant::now();
        let mut crashes = self.crashes.lock().unwrap_or_else(PoisonError::into_inner);
        crashes.push_back(now);
        while crashes.front().is_some_and(|first| now.duration_since(*first) > limits.restart_window) {
            crashes.pop_front();
        }
        // Bounded: what is beyond the budget has been acted upon.
        while crashes.len() > limits.restart_budget.max(limits.health_faults) {
            crashes.pop_front();
        }
        if crashes.len() >= limits.restart_budget {
            Verdict::Exhausted
        } else if self.on_trial() && crashes.len() >= limits.health_faults {
            Verdict::FailedTrial
        } else {
            Verdict::Bearable
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crashes_add_up_within_the_window_only_and_sooner_on_trial() {
        let limits =
            Limits { restart_budget: 3, health_faults: 2, restart_window: Duration::from_millis(200), ..Limits::default() };
        let ledger = Ledger::new();
        assert_eq!(ledger.crashed(&limits), Verdict::Bearable);
        assert_eq!(ledger.crashed(&limits), Verdict::Bearable);
        assert_eq!(ledger.crashed(&limits), Verdict::Exhausted);
        std::thread::sleep(Duration::from_millis(250));
        assert_eq!(ledger.crashed(&limits), Verdict::Bearable);
        ledger.begin_trial(Duration::from_secs(60));
        assert_eq!(ledger.crashed(&limits), Verdict::Bearable);
        assert_eq!(ledger.crashed(&limits), Verdict::FailedTrial);
    }
}
