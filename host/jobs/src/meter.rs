//! Rate and estimate out of counters that only grow.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use capstan_domain::job::Progress;

/// The window of the rate.
const WINDOW: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(crate) struct Meter {
    samples: VecDeque<(Instant, u64)>,
}

impl Meter {
    /// Fills in `bytes_per_second`, and `remaining_ms` where the whole is known.
    pub(crate) fn read(&mut self, mut progress: Progress, whole_known: bool, now: Instant) -> Progress {
        self.samples.push_back((now, progress.bytes_processed));
        while self.samples.len() > 2 && self.samples.front().is_some_and(|(at, _)| now.duration_since(*at) > WINDOW) {
            self.samples.pop_front();
        }
        let Some((since, bytes)) = self.samples.front() else { return progress };
        let millis = u64::try_from(now.duration_since(*since).as_millis()).unwrap_or(u64::MAX);
        if let Some(rate) = (progress.bytes_processed.saturating_sub(*bytes) * 1000).checked_div(millis) {
            progress.bytes_per_second = rate;
        }
        let left = progress.bytes_to_process.saturating_sub(progress.bytes_processed);
        if whole_known {
            progress.remaining_ms = (left * 1000).checked_div(progress.bytes_per_second);
        }
        progress
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_covers_the_window_and_the_estimate_needs_the_whole() {
        let (mut meter, start) = (Meter::default(), Instant::now());
        let at = |processed| Progress { bytes_processed: processed, bytes_to_process: 10_000, ..Progress::default() };
        assert_eq!(meter.read(at(0), true, start).bytes_per_second, 0);
        let read = meter.read(at(1_000), true, start + Duration::from_secs(1));
        assert_eq!((read.bytes_per_second, read.remaining_ms), (1_000, Some(9_000)));
        assert_eq!(meter.read(at(2_000), false, start + Duration::from_secs(2)).remaining_ms, None);
        assert_eq!(meter.read(at(2_000), true, start + Duration::from_secs(40)).bytes_per_second, 0);
    }
}
