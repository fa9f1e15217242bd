//! So many a minute: for records that a stranger can cause, so that a flood of them fills no disk.

use std::sync::atomic::{AtomicI64, Ordering};

use capstan_domain::time::Timestamp;

/// Counts above this are not told apart.
const COUNT_MAX: i64 = 1_000_000;

pub(crate) struct PerMinute {
    most: i64,
    /// The minute since 1970, and how many were taken in it: minute × `COUNT_MAX` + count.
    state: AtomicI64,
}

impl PerMinute {
    pub(crate) fn new(most: i64) -> Self {
        Self { most: most.min(COUNT_MAX - 1), state: AtomicI64::new(0) }
    }

    /// Whether there is one left in this minute.
    pub(crate) fn take(&self) -> bool {
        self.take_at(Timestamp::now().millis() / 60_000)
    }

    fn take_at(&self, minute: i64) -> bool {
        let next = |seen: i64| match (seen / COUNT_MAX == minute, seen % COUNT_MAX < self.most) {
            (false, _) => Some(minute * COUNT_MAX + 1),
            (true, true) => Some(seen + 1),
            (true, false) => None,
        };
        self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_a_minute_and_no_more() {
        let budget = PerMinute::new(2);
        assert_eq!([1, 1, 1, 2, 2, 2].map(|minute| budget.take_at(minute)), [true, true, false, true, true, false]);
    }
}
