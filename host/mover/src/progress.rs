//! Counters of a running transfer, read from outside at any time.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use capstan_domain::job::Progress;

#[derive(Debug, Default)]
pub struct Counters {
    pub files_found: AtomicU64,
    pub bytes_found: AtomicU64,
    /// Set once the walks have ended: from then on the counts found are the whole.
    pub walked: AtomicU64,
    pub files_processed: AtomicU64,
    /// Bytes read from sources so far.
    pub bytes_processed: AtomicU64,
    /// Durable, verified where asked for, and recorded.
    pub files_finalized: AtomicU64,
    pub bytes_finalized: AtomicU64,
    /// Failed or skipped.
    pub files_failed: AtomicU64,
    /// Microseconds in which a sequential tree was not written because its next bytes had not been read yet.
    pub waited_us: AtomicU64,
}

impl Counters {
    /// Rate and estimate are the reader's, who knows when it looked last.
    pub fn snapshot(&self) -> Progress {
        let found = self.bytes_found.load(Relaxed);
        let finalized = self.bytes_finalized.load(Relaxed);
        Progress {
            files_to_process: self.files_found.load(Relaxed),
            bytes_to_process: found,
            files_processed: self.files_processed.load(Relaxed),
            // What was read twice for a retry counts once.
            bytes_processed: self.bytes_processed.load(Relaxed).min(found).max(finalized),
            files_finalized: self.files_finalized.load(Relaxed),
            bytes_finalized: finalized,
            files_failed: self.files_failed.load(Relaxed),
            bytes_per_second: 0,
            remaining_ms: None,
        }
    }

    pub fn walk_ended(&self) -> bool {
        self.walked.load(Relaxed) == 1
    }

    pub(crate) fn add(counter: &AtomicU64, amount: u64) {
        counter.fetch_add(amount, Relaxed);
    }
}
