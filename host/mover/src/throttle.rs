//! The bandwidth limit: a token bucket that all streams of a transfer draw from.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// How much unused time may be caught up at once.
const BURST: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub struct Throttle {
    bytes_per_second: Option<u64>,
    /// When the bytes granted so far will have been paid for.
    paid_until: Mutex<Option<Instant>>,
}

impl Throttle {
    /// None: unlimited. Zero counts as one byte a second, not as unlimited.
    pub fn new(bytes_per_second: Option<u64>) -> Self {
        Self { bytes_per_second: bytes_per_second.map(|rate| rate.max(1)), paid_until: Mutex::new(None) }
    }

    pub fn is_limited(&self) -> bool {
        self.bytes_per_second.is_some()
    }

    /// Waits until so many bytes may pass.
    pub async fn take(&self, bytes: u64) {
        let Some(rate) = self.bytes_per_second else { return };
        let cost = Duration::from_secs_f64(bytes as f64 / rate as f64);
        let until = {
            let mut paid_until = self.paid_until.lock().await;
            let now = Instant::now();
            let from = paid_until.unwrap_or(now).max(now.checked_sub(BURST).unwrap_or(now));
            let until = from + cost;
            *paid_until = Some(until);
            until
        };
        tokio::time::sleep_until(until).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn streams_together_keep_to_the_rate() {
        let throttle = Arc::new(Throttle::new(Some(1_000_000)));
        let start = Instant::now();
        let streams = (0..4).map(|_| {
            let throttle = Arc::clone(&throttle);
            tokio::spawn(async move {
                for _ in 0..10 {
                    throttle.take(10_000).await;
                }
            })
        });
        for stream in streams.collect::<Vec<_>>() {
            stream.await.expect("stream");
        }
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(180) && took < Duration::from_secs(2), "400 kB at 1 MB/s took {took:?}");
    }
}
