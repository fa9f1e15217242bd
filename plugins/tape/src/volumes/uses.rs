//! Who uses which drive, and since when: what decides whose cartridge makes room for another one.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

thread_local! {
    static USES: RefCell<BTreeMap<String, Use>> = const { RefCell::new(BTreeMap::new()) };
    static PATIENCE: std::cell::Cell<Patience> = const { std::cell::Cell::new(Patience::WITH_OTHERS) };
}

/// How long a cartridge stays in a drive while others wait for one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// After its last call: whoever works with it comes back sooner.
    pub(crate) hold: Duration,
    /// In all; then it goes as soon as no call is under way.
    pub(crate) lease: Duration,
    /// After the last call where somebody loaded it by hand and did not unload it.
    pub(crate) by_hand: Duration,
}

impl Patience {
    const WITH_OTHERS: Self =
        Self { hold: Duration::from_secs(20), lease: Duration::from_secs(600), by_hand: Duration::from_secs(900) };

    #[cfg(test)]
    pub(crate) fn set(self) {
        PATIENCE.set(self);
    }
}

#[derive(Clone, Copy, Debug)]
struct Use {
    calls: u32,
    since: Instant,
    last: Instant,
    by_hand: bool,
}

impl Use {
    fn new() -> Self {
        let now = Instant::now();
        Self { calls: 0, since: now, last: now, by_hand: false }
    }

    /// How long nobody has used it, if its cartridge may go.
    fn idle(&self, now: Instant, patience: Patience) -> Option<Duration> {
        let (idle, held) = (now.saturating_duration_since(self.last), now.saturating_duration_since(self.since));
        let may_go = match self.by_hand {
            true => idle >= patience.by_hand,
            false => idle >= patience.hold || held >= patience.lease,
        };
        (may_go && self.calls == 0).then_some(idle)
    }
}

/// Drives of which something is known.
const DRIVES: usize = 128;

fn with<T>(drive: &str, work: impl FnOnce(&mut Use) -> T) -> T {
    USES.with_borrow_mut(|uses| match uses.len() < DRIVES || uses.contains_key(drive) {
        true => work(uses.entry(drive.to_owned()).or_insert_with(Use::new)),
        false => work(&mut Use::new()),
    })
}

/// A call that uses a drive, until it is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct Using(String);

impl Using {
    pub(crate) fn of(drive: &str) -> Self {
        with(drive, |of| of.calls = of.calls.saturating_add(1));
        Self(drive.to_owned())
    }
}

impl Drop for Using {
    fn drop(&mut self) {
        with(&self.0, |of| (of.calls, of.last) = (of.calls.saturating_sub(1), Instant::now()));
    }
}

/// Another cartridge is in; `by_hand`: as somebody asked for it, and not a file on it.
pub(crate) fn loaded(drive: &str, by_hand: bool) {
    with(drive, |of| *of = Use { by_hand, since: Instant::now(), ..*of });
}

/// Of these drives that which was idle longest, if its cartridge may go. One that was not used since this instance began counts from when it
/// was first asked for.
pub(crate) fn idle_longest<'a>(drives: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (now, patience) = (Instant::now(), PATIENCE.get());
    let idle = drives.filter_map(|drive| Some((with(drive, |of| of.idle(now, patience))?, drive)));
    idle.max_by_key(|(idle, _)| *idle).map(|(_, drive)| drive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cartridge_goes_when_nobody_came_back_or_its_time_is_over_and_no_call_is_under_way() {
        let patience = Patience::WITH_OTHERS;
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let of = Use { calls: 0, since: begun, last: begun, by_hand: false };
        assert_eq!((of.idle(after(19), patience), of.idle(after(20), patience)), (None, Some(Duration::from_secs(20))));
        let busy = Use { last: after(595), ..of };
        assert_eq!((busy.idle(after(599), patience), busy.idle(after(600), patience)), (None, Some(Duration::from_secs(5))));
        assert_eq!(Use { calls: 1, ..of }.idle(after(9_999), patience), None);
        let by_hand = Use { by_hand: true, ..of };
        assert!(by_hand.idle(after(899), patience).is_none() && by_hand.idle(after(900), patience).is_some());
    }

    #[test]
    fn the_drive_that_was_idle_longest_makes_room() {
        Patience { hold: Duration::ZERO, ..Patience::WITH_OTHERS }.set();
        for drive in ["a", "b"] {
            drop(Using::of(drive));
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(idle_longest(["b", "a"].into_iter()), Some("a"));
        let _using = Using::of("a");
        assert_eq!(idle_longest(["b", "a"].into_iter()), Some("b"));
    }
}
