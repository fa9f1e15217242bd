//! Handles of folders of the raw tree that are in use, so that a path is not walked for every question.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Handles that are kept; the one that was not used for the longest time goes.
const MOST_KEPT: usize = 256;

#[derive(Default)]
pub(crate) struct Folders {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    kept: HashMap<u64, (Arc<OwnedFd>, u64)>,
    uses: u64,
}

impl Folders {
    pub(crate) fn get(&self, number: u64) -> Option<Arc<OwnedFd>> {
        let mut state = self.lock();
        state.uses += 1;
        let now = state.uses;
        let (handle, used) = state.kept.get_mut(&number)?;
        *used = now;
        Some(Arc::clone(handle))
    }

    pub(crate) fn keep(&self, number: u64, handle: &Arc<OwnedFd>) {
        let mut state = self.lock();
        state.uses += 1;
        let now = state.uses;
        if state.kept.len() >= MOST_KEPT
            && let Some(oldest) = state.kept.iter().min_by_key(|(_, (_, used))| *used).map(|(number, _)| *number)
        {
            state.kept.remove(&oldest);
        }
        state.kept.insert(number, (Arc::clone(handle), now));
    }

    pub(crate) fn drop(&self, number: u64) {
        self.lock().kept.remove(&number);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
