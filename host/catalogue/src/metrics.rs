//! What the catalogue counts since the process started, and how it stands now.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use capstan_domain::Outcome;
use capstan_domain::job::{PathOutcome, PathState};

use crate::Catalogue;
use crate::query::{sql, word};

/// Writes of one commit.
pub const BATCH_BUCKETS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 32.0, 128.0, 256.0, 512.0];
/// Seconds of one commit, from its first write to its sync.
pub const LATENCY_BUCKETS: [f64; 10] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];
/// Micro-units of a histogram's sum.
const SUM_UNIT: f64 = 1e6;

/// Counts by upper bound, the last one without a bound.
#[derive(Debug)]
pub struct Histogram<const N: usize> {
    bounds: [f64; N],
    counts: [AtomicU64; N],
    beyond: AtomicU64,
    micros: AtomicU64,
}

impl<const N: usize> Histogram<N> {
    pub fn new(bounds: [f64; N]) -> Self {
        Self { bounds, counts: std::array::from_fn(|_| AtomicU64::new(0)), beyond: AtomicU64::new(0), micros: AtomicU64::new(0) }
    }

    pub(crate) fn observe(&self, value: f64) {
        let at = self.bounds.iter().position(|bound| value <= *bound);
        at.and_then(|at| self.counts.get(at)).unwrap_or(&self.beyond).fetch_add(1, Ordering::Relaxed);
        // A float's `as` saturates; values are small and never negative.
        self.micros.fetch_add((value * SUM_UNIT) as u64, Ordering::Relaxed);
    }

    /// Sum, count, and the count in each bucket with its upper bound.
    pub fn read(&self) -> (f64, u64, Vec<(f64, u64)>) {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        let mut buckets: Vec<(f64, u64)> = self.bounds.iter().copied().zip(counts).collect();
        buckets.push((f64::MAX, self.beyond.load(Ordering::Relaxed)));
        let sum = self.micros.load(Ordering::Relaxed) as f64 / SUM_UNIT;
        (sum, buckets.iter().map(|(_, count)| count).sum(), buckets)
    }
}

#[derive(Debug)]
pub struct Metrics {
    pub commits: AtomicU64,
    /// Commits that failed, and with them all their writes.
    pub commits_failed: AtomicU64,
    /// On PostgreSQL, where the server groups commits, always one.
    pub batch: Histogram<8>,
    pub latency: Histogram<10>,
    /// Jobs that were put back because something was away.
    pub retries: AtomicU64,
    pub bytes: AtomicU64,
    /// By state and, where there was a failure, its kind: both are closed sets.
    outcomes: Mutex<HashMap<(String, String), u64>>,
    ended: Mutex<HashMap<String, u64>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            commits: AtomicU64::new(0),
            commits_failed: AtomicU64::new(0),
            batch: Histogram::new(BATCH_BUCKETS),
            latency: Histogram::new(LATENCY_BUCKETS),
            retries: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            outcomes: Mutex::default(),
            ended: Mutex::default(),
        }
    }
}

impl Metrics {
    pub(crate) fn committed(&self, writes: usize, took: Duration, well: bool) {
        if !well {
            self.commits_failed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.batch.observe(u32::try_from(writes).map_or(f64::MAX, f64::from));
        self.latency.observe(took.as_secs_f64());
    }

    pub(crate) fn settled(&self, outcomes: &[Counted]) {
        let mut counts = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        for (state, kind, bytes) in outcomes {
            *counts.entry((state.clone(), kind.clone())).or_default() += 1;
            self.bytes.fetch_add(*bytes, Ordering::Relaxed);
        }
    }

    pub(crate) fn ended(&self, state: String) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner).entry(state).or_default() += 1;
    }

    /// Paths by state and kind of failure; empty: none.
    pub fn outcomes(&self) -> Vec<((String, String), u64)> {
        sorted(&self.outcomes)
    }

    /// Jobs that ended, by final state.
    pub fn ends(&self) -> Vec<(String, u64)> {
        sorted(&self.ended)
    }
}

fn sorted<K: Clone + Ord>(counts: &Mutex<HashMap<K, u64>>) -> Vec<(K, u64)> {
    let counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
    let mut all: Vec<(K, u64)> = counts.iter().map(|(key, count)| (key.clone(), *count)).collect();
    all.sort();
    all
}

/// State, kind of failure and bytes of one path.
pub(crate) type Counted = (String, String, u64);

pub(crate) fn counted(outcomes: &[PathOutcome]) -> Vec<Counted> {
    let one = |outcome: &PathOutcome| {
        let kind = outcome.failure.as_ref().map(|failure| failure.kind.to_string()).unwrap_or_default();
        let bytes = if outcome.state == PathState::Done { outcome.bytes } else { 0 };
        (word(&outcome.state), kind, bytes)
    };
    outcomes.iter().map(one).collect()
}

/// What the database is asked for when somebody looks.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Jobs that have not ended, by state.
    pub jobs: Vec<(String, u64)>,
    pub entries: u64,
    pub replicas: u64,
}

impl Catalogue {
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// From counts that are kept and from the queue's index: no table is read through.
    pub async fn standing(&self) -> Outcome<Standing> {
        let mut connection = self.read().await?;
        let mut standing = Standing {
            entries: connection.value(sql("SELECT CAST(COALESCE(sum(entry_count), 0) AS BIGINT) FROM trees")).await?,
            replicas: connection.value(sql("SELECT CAST(COALESCE(sum(file_count), 0) AS BIGINT) FROM locations")).await?,
            jobs: Vec::new(),
        };
        let open =
            sql("SELECT state, count(*) FROM jobs WHERE state IN ('queued', 'calculating', 'running', 'paused') GROUP BY state");
        for mut row in connection.all(open).await? {
            standing.jobs.push((row.take()?, row.take()?));
        }
        Ok(standing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_in_the_first_bucket_that_holds_it() {
        let histogram = Histogram::new([1.0, 2.0]);
        for value in [0.5, 1.0, 1.5, 7.0] {
            histogram.observe(value);
        }
        assert_eq!(histogram.read(), (10.0, 4, vec![(1.0, 2), (2.0, 1), (f64::MAX, 1)]));
    }
}
