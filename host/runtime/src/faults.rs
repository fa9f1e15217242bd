//! From a broken store to a failure that says what broke it; and the record of faults that decides over a version.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
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

/// What one version did: its crashes, and how many of its calls spoke against it.
pub(crate) struct Ledger {
    crashes: Mutex<VecDeque<Instant>>,
    trial: Mutex<Option<Trial>>,
    calls: AtomicU64,
    faults: AtomicU64,
}

/// The time in which a new version is watched, and what the version before did in its own.
struct Trial {
    end: Instant,
    before: Record,
}

/// Faults among calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    pub calls: u64,
    pub faults: u64,
}

impl Record {
    /// Did this version fail more than `times` as often as the one before? A version that never served never failed.
    fn is_worse(self, before: Self, times: u32) -> bool {
        let (ours, theirs) = (u128::from(self.faults), u128::from(before.faults));
        // A crash in its start is a fault of a version that made no call yet.
        let (calls, theirs_of) = (u128::from(self.calls.max(self.faults)), u128::from(before.calls.max(1)));
        ours * theirs_of > u128::from(times) * theirs * calls
    }
}

/// What a fault means for the version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Bearable,
    /// Too many so soon after activation, and more than the version before had.
    FailedTrial,
    /// The restart budget is used up.
    Exhausted,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self { crashes: Mutex::default(), trial: Mutex::default(), calls: AtomicU64::new(0), faults: AtomicU64::new(0) }
    }

    /// A fresh start: nothing is held against the version, and for a while it is watched closely beside what was before it.
    pub(crate) fn begin_trial(&self, window: Duration, before: Record) {
        lock(&self.crashes).clear();
        self.calls.store(0, Ordering::Relaxed);
        self.faults.store(0, Ordering::Relaxed);
        *lock(&self.trial) = Some(Trial { end: Instant::now() + window, before });
    }

    /// Was it activated so recently that a fault speaks against the version rather than against its day?
    pub(crate) fn on_trial(&self) -> bool {
        lock(&self.trial).as_ref().is_some_and(|trial| Instant::now() < trial.end)
    }

    pub(crate) fn record(&self) -> Record {
        Record { calls: self.calls.load(Ordering::Relaxed), faults: self.faults.load(Ordering::Relaxed) }
    }

    pub(crate) fn called(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// A call's answer spoke against the plugin.
    pub(crate) fn blamed(&self, limits: &Limits) -> Verdict {
        self.faults.fetch_add(1, Ordering::Relaxed);
        self.weigh(limits)
    }

    /// A store was lost.
    pub(crate) fn crashed(&self, limits: &Limits) -> Verdict {
        self.faults.fetch_add(1, Ordering::Relaxed);
        let now = Instant::now();
        let mut crashes = lock(&self.crashes);
        crashes.push_back(now);
        while crashes.front().is_some_and(|first| now.duration_since(*first) > limits.restart_window) {
            crashes.pop_front();
        }
        // Bounded: what is beyond the budget has been acted upon.
        while crashes.len() > limits.restart_budget {
            crashes.pop_front();
        }
        let exhausted = crashes.len() >= limits.restart_budget;
        drop(crashes);
        if exhausted { Verdict::Exhausted } else { self.weigh(limits) }
    }

    fn weigh(&self, limits: &Limits) -> Verdict {
        let now = self.record();
        let failed = lock(&self.trial).as_ref().is_some_and(|trial| {
            Instant::now() < trial.end
                && now.faults >= limits.health_faults as u64
                && now.is_worse(trial.before, limits.health_worse)
        });
        if failed { Verdict::FailedTrial } else { Verdict::Bearable }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        ledger.begin_trial(Duration::from_secs(60), Record::default());
        assert_eq!(ledger.crashed(&limits), Verdict::Bearable);
        assert_eq!(ledger.crashed(&limits), Verdict::FailedTrial);
    }

    #[test]
    fn a_version_on_trial_is_measured_by_what_the_one_before_did() {
        let limits = Limits { health_faults: 3, health_worse: 2, ..Limits::default() };
        let after = |before: Record, good: u64, faults: usize| {
            let ledger = Ledger::new();
            ledger.begin_trial(Duration::from_secs(60), before);
            (0..good).for_each(|_| ledger.called());
            let verdicts = (0..faults).map(|_| {
                ledger.called();
                ledger.blamed(&limits)
            });
            verdicts.last().unwrap()
        };
        let (clean, shaky) = (Record { calls: 1000, faults: 0 }, Record { calls: 100, faults: 20 });
        assert_eq!(after(clean, 0, 2), Verdict::Bearable);
        assert_eq!(after(clean, 1000, 3), Verdict::FailedTrial);
        assert_eq!(after(Record::default(), 0, 3), Verdict::FailedTrial);
        // As bad as the one before: going back would mend nothing.
        assert_eq!(after(shaky, 80, 20), Verdict::Bearable);
        assert_eq!(after(shaky, 20, 40), Verdict::FailedTrial);
        // Off trial, faults are counted and change nothing.
        let ledger = Ledger::new();
        assert!((0..100).all(|_| ledger.blamed(&limits) == Verdict::Bearable));
    }
}
