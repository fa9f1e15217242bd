//! Whether a target is reached, as its calls tell: the first failure that says it is away, and when that was, until a call succeeds.
//!
//! What is kept here is shown to people and decides nothing: every call asks the target anew.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use capstan_domain::Outcome;
use capstan_domain::failure::{Blame, Failure, Kind, Retry};
use capstan_domain::time::Timestamp;

/// Since when, and why as the newest call told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreached {
    pub since: Timestamp,
    pub failure: Failure,
}

#[derive(Default)]
pub(crate) struct Reach {
    /// A call has told something.
    told: AtomicBool,
    away: AtomicBool,
    unreached: Mutex<Option<Unreached>>,
}

impl Reach {
    /// What a call came to. A failure that speaks of one file or one name says nothing of the target.
    pub(crate) fn heard<T>(&self, outcome: &Outcome<T>) {
        match outcome {
            Ok(_) => self.reached(),
            Err(failure) if is_of_target(failure) => self.missed(failure),
            Err(_) => {}
        }
    }

    /// Nobody has asked it yet, or it was away and may have come back. A refused password is not tried again and again, that locks
    /// accounts; nor is a plugin that fails by itself, that would use up its restarts.
    pub(crate) fn is_worth_a_look(&self) -> bool {
        match self.unreached() {
            Some(Unreached { failure, .. }) => failure.retry != Retry::Never && failure.blame != Blame::Plugin,
            None => !self.told.load(Ordering::Acquire),
        }
    }

    /// What a probe came to: it is of the target, so whatever it could not do is the target's.
    pub(crate) fn probed<T>(&self, outcome: &Outcome<T>) {
        match outcome {
            Err(failure) if !matches!(failure.blame, Blame::Host) && failure.kind != Kind::Cancelled => self.missed(failure),
            _ => self.heard(outcome),
        }
    }

    /// Another configuration has to be tried before anything is known of it.
    pub(crate) fn forget(&self) {
        self.reached();
        self.told.store(false, Ordering::Release);
    }

    /// Another version has to be tried before what was the plugin's own fault is said of it.
    pub(crate) fn replaced(&self) {
        if self.unreached().is_some_and(|unreached| unreached.failure.blame == Blame::Plugin) {
            self.forget();
        }
    }

    fn reached(&self) {
        if self.away.swap(false, Ordering::AcqRel) {
            *self.lock() = None;
        }
        // Every good call comes here: a flag that stands is only read.
        if !self.told.load(Ordering::Acquire) {
            self.told.store(true, Ordering::Release);
        }
    }

    pub(crate) fn unreached(&self) -> Option<Unreached> {
        if self.away.load(Ordering::Acquire) { self.lock().clone() } else { None }
    }

    fn missed(&self, failure: &Failure) {
        let mut unreached = self.lock();
        let since = unreached.as_ref().map_or_else(Timestamp::now, |before| before.since);
        *unreached = Some(Unreached { since, failure: failure.clone() });
        self.away.store(true, Ordering::Release);
        self.told.store(true, Ordering::Release);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Unreached>> {
        self.unreached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_of_target(failure: &Failure) -> bool {
    matches!(failure.kind, Kind::Unavailable | Kind::TimedOut | Kind::Unauthenticated)
        && !matches!(failure.blame, Blame::Host | Blame::Plugin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(kind: Kind) -> Outcome<()> {
        Err(Failure::new(kind, "x"))
    }

    #[test]
    fn the_first_failure_tells_since_when_and_the_newest_why() {
        let reach = Reach::default();
        reach.heard(&failed(Kind::Unavailable));
        let first = reach.unreached().unwrap();
        reach.heard(&failed(Kind::Unauthenticated));
        let second = reach.unreached().unwrap();
        assert_eq!((second.since, second.failure.kind), (first.since, Kind::Unauthenticated));
        reach.heard(&Ok(()));
        assert_eq!(reach.unreached(), None);
    }

    #[test]
    fn what_is_away_or_was_never_asked_is_worth_a_look_and_a_refused_password_is_not() {
        let reach = Reach::default();
        assert!(reach.is_worth_a_look());
        reach.heard(&Ok(()));
        assert!(!reach.is_worth_a_look());
        reach.heard(&failed(Kind::Unavailable));
        assert!(reach.is_worth_a_look());
        reach.heard(&failed(Kind::Unauthenticated));
        assert!(!reach.is_worth_a_look());
        reach.forget();
        assert!(reach.is_worth_a_look(), "another configuration has to be tried");
    }

    #[test]
    fn a_plugin_that_fails_by_itself_is_not_looked_at_again_before_it_is_replaced() {
        let reach = Reach::default();
        reach.probed(&failed(Kind::PluginFault));
        assert!(reach.unreached().is_some() && !reach.is_worth_a_look());
        reach.replaced();
        assert!(reach.unreached().is_none() && reach.is_worth_a_look());
        reach.heard(&failed(Kind::Unavailable));
        reach.replaced();
        assert!(reach.unreached().is_some(), "a server that is away is away for every version");
    }

    #[test]
    fn a_missing_file_says_nothing_of_the_target_and_a_probe_that_finds_no_share_does() {
        let reach = Reach::default();
        for kind in [Kind::NotFound, Kind::Denied, Kind::Conflict, Kind::NoSpace, Kind::Busy] {
            reach.heard(&failed(kind));
        }
        reach.heard(&Err::<(), _>(Failure::host("x", "the host's own")));
        assert_eq!(reach.unreached(), None);
        reach.probed(&failed(Kind::NotFound));
        assert!(reach.unreached().is_some());
    }
}
