//! Waiting before asking again: doubled each time, never longer than a bound, and no shorter than the target asked for.

use std::time::Duration;

use capstan_domain::failure::Retry;
use capstan_domain::{Failure, Outcome};

use crate::control::{Control, stopped};

/// First wait.
const FIRST: Duration = Duration::from_millis(100);
/// Longest wait.
const LONGEST: Duration = Duration::from_secs(20);

/// Before each new look for what was stored and cannot be found. Some stores answer a put before all of their parts show it (a Swift
/// cluster whose replicas differ, a gateway that reads its directory anew); what is not there after these is gone.
pub const UNSEEN: [Duration; 3] = [FIRST, Duration::from_millis(400), Duration::from_millis(1_600)];

/// How long to wait after this failure of the `tries`-th try (from 1). None: give up.
pub fn wait_after(failure: &Failure, tries: u32, most: u32) -> Option<Duration> {
    if tries >= most {
        return None;
    }
    match failure.retry {
        Retry::Never => None,
        // At once, but not in a busy loop.
        Retry::AtOnce => Some(FIRST / 10 * tries),
        Retry::Later => {
            let doubled = FIRST.saturating_mul(1 << (tries - 1).min(16));
            let asked = Duration::from_millis(failure.retry_after_ms.unwrap_or(0));
            Some(doubled.max(asked).min(LONGEST))
        }
    }
}

/// Asks, and asks again while the failure says that it may help, `most` times in all. A stop ends the wait, not a call.
pub async fn patiently<T, F>(control: &Control, most: u32, mut call: impl FnMut() -> F) -> Outcome<T>
where
    F: Future<Output = Outcome<T>>,
{
    let mut tries = 1;
    loop {
        let failure = match call().await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        let Some(wait) = wait_after(&failure, tries, most) else { return Err(failure) };
        tracing::debug!(%failure, ?wait, tries, "a call is made again");
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = control.stopped() => return Err(stopped()),
        }
        tries += 1;
    }
}

#[cfg(test)]
mod tests {
    use capstan_domain::failure::Kind;

    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_heed_the_target() {
        let mut busy = Failure::new(Kind::Busy, "slow down");
        assert_eq!(wait_after(&busy, 1, 5), Some(FIRST));
        assert_eq!(wait_after(&busy, 3, 5), Some(FIRST * 4));
        assert_eq!(wait_after(&busy, 5, 5), None);
        assert_eq!(wait_after(&busy, 40, 50), Some(LONGEST));
        busy.retry_after_ms = Some(1_000);
        assert_eq!(wait_after(&busy, 1, 5), Some(Duration::from_secs(1)));
        assert_eq!(wait_after(&Failure::invalid("no"), 1, 5), None);
    }
}
