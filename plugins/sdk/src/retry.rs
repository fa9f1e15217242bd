//! Asking again, with back-off, inside one call.
//!
//! The host asks again by itself wherever a failure says that it helps. A plugin does so only where giving up would lose work
//! the host cannot see: the hundredth part of a copy inside the target.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::failure::Outcome;
use crate::{Retry, clock, job};

/// How often and how long.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Times the call is made in all.
    pub attempts: u32,
    /// The wait before the second one; doubles from there.
    pub first_wait_ms: u64,
    pub longest_wait_ms: u64,
    /// Once it went on for so long the call is not made again: it is part of one of the host's, which has an end.
    pub patience_ms: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self { attempts: 4, first_wait_ms: 200, longest_wait_ms: 5_000, patience_ms: u64::MAX }
    }
}

impl Policy {
    /// The wait after the given number of failures; what the target asked for counts, up to the longest.
    pub fn wait_ms(&self, failures: u32, asked_ms: Option<u64>) -> u64 {
        let doubled = self.first_wait_ms.saturating_mul(1_u64 << failures.saturating_sub(1).min(20));
        asked_ms.unwrap_or(0).max(doubled).min(self.longest_wait_ms)
    }
}

/// Makes the call until it succeeds, fails for good, or the policy is used up. Only for calls that may be made twice.
pub async fn with<T, F: Future<Output = Outcome<T>>>(policy: Policy, mut call: impl FnMut() -> F) -> Outcome<T> {
    let (started, patience) = (Instant::now(), Duration::from_millis(policy.patience_ms));
    let mut failures = 0;
    loop {
        let failure = match call().await {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        failures += 1;
        let fault = failure.fault();
        let over = failures >= policy.attempts || started.elapsed() >= patience;
        if fault.retry == Retry::Never || over || job::cancelled() {
            return Err(failure);
        }
        if fault.retry == Retry::Later || failures > 1 {
            clock::wait(policy.wait_ms(failures, fault.retry_after_ms)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let policy = Policy::default();
        assert_eq!([1, 2, 3, 9].map(|failures| policy.wait_ms(failures, None)), [200, 400, 800, 5_000]);
    }

    #[test]
    fn what_the_target_asks_for_counts_but_not_for_ever() {
        let policy = Policy::default();
        assert_eq!(policy.wait_ms(1, Some(1_500)), 1_500);
        assert_eq!(policy.wait_ms(1, Some(3_600_000)), 5_000);
    }
}
