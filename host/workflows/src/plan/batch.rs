//! How many paths go into one task.

use capstan_domain::workflow::TaskPath;

use crate::limits::MOST_PATHS;

/// A gigabyte, as sites count `file_batch_gb`.
const GIGABYTE: u64 = 1_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSize {
    /// At least 1, at most `limits::MOST_PATHS`.
    paths: usize,
    bytes: u64,
}

impl BatchSize {
    /// Of a site's `file_batch_size` and `file_batch_gb`; zero of either does not bound.
    pub fn of_site(file_batch_size: u64, file_batch_gb: u64) -> Self {
        let unbounded_if_zero = |bound: u64| if bound == 0 { u64::MAX } else { bound };
        Self {
            paths: usize::try_from(unbounded_if_zero(file_batch_size)).unwrap_or(MOST_PATHS).min(MOST_PATHS),
            bytes: unbounded_if_zero(file_batch_gb.saturating_mul(GIGABYTE)),
        }
    }
}

/// Paths that wait until there are enough of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Batch {
    paths: Vec<TaskPath>,
    bytes: u64,
}

impl Batch {
    /// The batches that are full now: none, the one before this path, this one, or both. A path larger than a batch is one by itself.
    pub(super) fn add(&mut self, path: TaskPath, size: BatchSize) -> Vec<Vec<TaskPath>> {
        let mut full = Vec::new();
        if !self.paths.is_empty() && self.bytes.saturating_add(path.size) > size.bytes {
            full.push(self.take());
        }
        self.bytes = self.bytes.saturating_add(path.size);
        self.paths.push(path);
        if self.paths.len() >= size.paths || self.bytes >= size.bytes {
            full.push(self.take());
        }
        full
    }

    pub(super) fn take(&mut self) -> Vec<TaskPath> {
        self.bytes = 0;
        std::mem::take(&mut self.paths)
    }
}
