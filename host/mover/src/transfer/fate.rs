//! Which failures are a path's own, and which end the transfer.

use std::sync::{Mutex, PoisonError};

use capstan_domain::failure::Kind;
use capstan_domain::{Failure, Outcome};

use crate::ledger::QUOTA;

/// Files that fail one after the other, all retries spent, because the other side is not there or is full: then none is tried any
/// more.
pub(super) const GONE_AFTER: u32 = 8;

/// Shared by the workers of one transfer: the first reason to end it.
#[derive(Default)]
pub(super) struct Fate {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ended: Option<Failure>,
    away: u32,
    good: u64,
}

impl Fate {
    pub(super) fn end(&self, failure: Failure) {
        self.lock().ended.get_or_insert(failure);
    }

    pub(super) fn check(&self) -> Outcome<()> {
        self.lock().ended.clone().map_or(Ok(()), Err)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.lock().ended.is_some()
    }

    /// A path was stored or read well: the other side is there.
    pub(super) fn went_well(&self) {
        let mut state = self.lock();
        state.away = 0;
        state.good += 1;
    }

    /// Paths that went well so far.
    pub(super) fn good(&self) -> u64 {
        self.lock().good
    }

    /// Called with the last failure of a path; decides whether it is more than that path's. `since`: what was good when the path was
    /// begun. If any other went well since, the other side is there, and some paths are just more than it can take.
    pub(super) fn weigh(&self, failure: &Failure, since: u64) {
        match failure.kind {
            // Other files may still fit.
            Kind::NoSpace if failure.code.as_deref() == Some(QUOTA) => {}
            Kind::Unauthenticated => self.end(failure.clone()),
            Kind::NotFound if failure.code.as_deref() == Some(LOCATION_GONE) => self.end(failure.clone()),
            Kind::NoSpace | Kind::Unavailable | Kind::TimedOut | Kind::PluginFault | Kind::Busy => {
                let mut state = self.lock();
                if state.good > since {
                    return;
                }
                state.away += 1;
                if state.away >= GONE_AFTER {
                    state.ended.get_or_insert_with(|| failure.clone());
                }
            }
            _ => {}
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Code of the failure when a store finds nothing to store into.
pub(crate) const LOCATION_GONE: &str = "location-gone";

/// Whether a failure is of the transfer rather than of its path: the path then has no outcome, since it was not dealt with.
pub(super) fn is_interruption(failure: &Failure) -> bool {
    failure.kind == Kind::Cancelled
}
