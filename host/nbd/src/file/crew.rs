//! Threads beside a connection's own, for what may have to wait for the disk. None is started before there is something to wait
//! for.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::limits;
use crate::transmission::Request;

/// A request that may take its time, with what it writes.
pub(super) struct Errand {
    pub(super) request: Request,
    pub(super) payload: Vec<u8>,
}

impl Errand {
    fn bytes(&self) -> usize {
        self.payload.len().max(self.request.length as usize).min(limits::REQUEST_BYTES as usize)
    }
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Errand>,
    /// Waiting and under way.
    errands: usize,
    bytes: usize,
    idle: usize,
    threads: usize,
    closed: bool,
}

#[derive(Default)]
pub(super) struct Crew {
    state: Mutex<State>,
    to_do: Condvar,
    done: Condvar,
}

impl Crew {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room, and hands it over. True: one more thread is wanted for it.
    pub(super) fn hand_over(&self, errand: Errand) -> bool {
        let bytes = errand.bytes();
        let full = |state: &mut State| {
            state.errands >= limits::IN_FLIGHT || (state.errands > 0 && state.bytes + bytes > limits::IN_FLIGHT_BYTES)
        };
        let mut state = self.done.wait_while(self.state(), full).unwrap_or_else(PoisonError::into_inner);
        state.errands += 1;
        state.bytes += bytes;
        state.waiting.push_back(errand);
        let wanted = state.idle < state.waiting.len() && state.threads < limits::THREADS;
        if wanted {
            state.threads += 1;
        }
        self.to_do.notify_one();
        wanted
    }

    /// The thread that was wanted could not be started.
    pub(super) fn one_less(&self) -> bool {
        let mut state = self.state();
        state.threads -= 1;
        state.threads > 0
    }

    /// What to do next; none: the connection is at its end.
    pub(super) fn next(&self) -> Option<Errand> {
        let mut state = self.state();
        loop {
            if let Some(errand) = state.waiting.pop_front() {
                return Some(errand);
            }
            if state.closed {
                return None;
            }
            state.idle += 1;
            state = self.to_do.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    pub(super) fn finished(&self, errand: &Errand) {
        let mut state = self.state();
        state.errands -= 1;
        state.bytes -= errand.bytes();
        drop(state);
        self.done.notify_all();
    }

    /// Lets the threads go when they have done what is waiting.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.to_do.notify_all();
    }
}
