//! Whether a fault strikes now: it is armed from outside, and goes off as often as it was told.

use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    Once,
    Always,
    /// After so many pieces or requests that go through; then once.
    After(u32),
}

/// A fault that waits for its turn, and how often it had one.
#[derive(Debug)]
pub(super) struct Trigger<F>(Mutex<State<F>>);

#[derive(Debug)]
struct State<F> {
    armed: Option<(F, Times)>,
    struck: u64,
}

impl<F: Copy> Trigger<F> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State { armed: None, struck: 0 }))
    }

    pub(super) fn arm(&self, fault: F, times: Times) {
        self.lock().armed = Some((fault, times));
    }

    pub(super) fn calm(&self) {
        self.lock().armed = None;
    }

    pub(super) fn struck(&self) -> u64 {
        self.lock().struck
    }

    /// The armed fault, if it is one that can strike here and its turn has come.
    pub(super) fn pull(&self, fits: impl FnOnce(F) -> bool) -> Option<F> {
        let mut state = self.lock();
        let (fault, times) = state.armed?;
        if !fits(fault) {
            return None;
        }
        state.armed = match times {
            Times::Always => Some((fault, times)),
            Times::Once | Times::After(0) => None,
            Times::After(left) => {
                state.armed = Some((fault, Times::After(left - 1)));
                return None;
            }
        };
        state.struck += 1;
        Some(fault)
    }

    fn lock(&self) -> MutexGuard<'_, State<F>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
