//! Lets seconds of the model pass.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::plan::Scale;

/// Below this, waiting is put off until more has come together: timers are not finer.
const SHORTEST: f64 = 0.005;
/// What a wait that took too long may make up for at most, in seconds.
const CREDIT: f64 = 0.1;

#[derive(Debug)]
pub(crate) struct Clock {
    scale: Scale,
    /// Seconds to be waited yet; below 0: waited too long.
    owed: Mutex<f64>,
}

impl Clock {
    pub(crate) fn new(scale: Scale) -> Self {
        Self { scale, owed: Mutex::new(0.0) }
    }

    /// Seconds that so many of the model take.
    fn real(&self, seconds: f64) -> f64 {
        match self.scale {
            Scale::Times(times) => (seconds / times).max(0.0),
            Scale::None => 0.0,
        }
    }

    /// When so many seconds of the model are over.
    pub(crate) fn after(&self, seconds: f64) -> Instant {
        let now = Instant::now();
        now.checked_add(Duration::from_secs_f64(self.real(seconds))).unwrap_or(now)
    }

    pub(crate) async fn pass(&self, seconds: f64) {
        let owed = |change: f64| {
            let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
            *owed = (*owed + change).max(-CREDIT);
            *owed
        };
        let due = owed(self.real(seconds));
        if due >= SHORTEST {
            let begun = Instant::now();
            tokio::time::sleep(Duration::from_secs_f64(due)).await;
            owed(-begun.elapsed().as_secs_f64());
        }
    }
}
