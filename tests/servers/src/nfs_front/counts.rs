//! What a front has seen of a client.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use super::lock;

const READDIR: u32 = 16;
const READDIRPLUS: u32 = 17;

#[derive(Debug, Default)]
pub(super) struct Counts {
    calls: HashMap<u32, usize>,
    /// Handles of the directories that were listed.
    listed: HashSet<Vec<u8>>,
    /// By procedure.
    most_under_way: HashMap<u32, usize>,
    open: usize,
    most_open: usize,
}

impl Counts {
    /// `under_way`: calls of this procedure on its connection, this one included. `directory`: the handle its arguments begin with.
    pub(super) fn call(&mut self, procedure: u32, under_way: usize, directory: Option<&[u8]>) {
        *self.calls.entry(procedure).or_default() += 1;
        let most = self.most_under_way.entry(procedure).or_default();
        *most = under_way.max(*most);
        if let Some(directory) = directory.filter(|_| matches!(procedure, READDIR | READDIRPLUS)) {
            self.listed.insert(directory.to_vec());
        }
    }

    pub(super) fn calls(&self, procedure: u32) -> usize {
        self.calls.get(&procedure).copied().unwrap_or(0)
    }

    pub(super) fn all_calls(&self) -> usize {
        self.calls.values().sum()
    }

    pub(super) fn directories_listed(&self) -> usize {
        self.listed.len()
    }

    pub(super) fn most_under_way(&self, procedure: u32) -> usize {
        self.most_under_way.get(&procedure).copied().unwrap_or(0)
    }

    pub(super) fn connections(&self) -> usize {
        self.open
    }

    pub(super) fn most_connections(&self) -> usize {
        self.most_open
    }

    /// What is open stays counted.
    pub(super) fn reset(&mut self) {
        *self = Self { open: self.open, most_open: self.open, ..Self::default() };
    }
}

/// A connection, as long as it is open.
pub(super) struct Open(Arc<Mutex<Counts>>);

impl Open {
    pub(super) fn begin(counts: &Arc<Mutex<Counts>>) -> Self {
        let mut counted = lock(counts);
        counted.open += 1;
        counted.most_open = counted.most_open.max(counted.open);
        drop(counted);
        Self(Arc::clone(counts))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        lock(&self.0).open -= 1;
    }
}
