//! The bandwidth of a site, shared by all steps that move bytes of a space.

use std::sync::{Arc, Mutex, PoisonError};

use capstan_mover::throttle::Throttle;

/// Bytes a second of one megabit a second.
const MEGABIT: u64 = 125_000;

#[derive(Default)]
pub(crate) struct Pace(Mutex<Option<(Option<u64>, Arc<Throttle>)>>);

impl Pace {
    /// `bandwidth`: megabits a second; none: unlimited. The same throttle for as long as that does not change.
    pub(crate) fn throttle(&self, bandwidth: Option<u64>) -> Arc<Throttle> {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((same, throttle)) = &*current
            && *same == bandwidth
        {
            return Arc::clone(throttle);
        }
        let throttle = Arc::new(Throttle::new(bandwidth.map(|megabits| megabits.saturating_mul(MEGABIT))));
        *current = Some((bandwidth, Arc::clone(&throttle)));
        throttle
    }
}
