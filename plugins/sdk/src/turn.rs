//! One call at a time, where calls of an instance share what one of them makes: a token, say.
//!
//! Calls are tasks of their own, and none can wake another: a task that waits for nothing but another one traps, so the locks of
//! `futures` are no use across calls. Who waits here looks again after a moment that the host ends.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::time::Instant;

use crate::failure::{Failure, Outcome, cancelled, timed_out};
use crate::{clock, job};

/// Milliseconds before the second look; they double from look to look, so that many who wait for long cost little.
const FIRST_LOOK_MS: u64 = 10;
const LONGEST_LOOK_MS: u64 = 500;
/// Milliseconds of one wait in all: less than a call may take, so that who waits in vain can still say so.
const LONGEST_WAIT_MS: u64 = 45_000;

#[derive(Debug, Default)]
pub struct Turns {
    taken: Cell<bool>,
    /// When what is shared could last not be made, and why.
    failed: RefCell<Option<(Instant, Failure)>>,
}

/// Given back when it is dropped, also with a call that is cut.
#[derive(Debug)]
#[must_use]
pub struct Turn<'a>(&'a Turns);

impl Turns {
    /// Waits for the turn. Look at what is shared again afterwards: another call may have made it meanwhile.
    pub async fn take(&self) -> Outcome<Turn<'_>> {
        let mut waited_ms = 0;
        for look in 0.. {
            if !self.taken.replace(true) {
                return Ok(Turn(self));
            }
            // The waits of a cancelled job end at once.
            if job::cancelled() {
                return Err(cancelled("the job was cancelled"));
            }
            if waited_ms >= LONGEST_WAIT_MS {
                break;
            }
            let next_ms = next_look_ms(look);
            clock::wait(next_ms).await;
            waited_ms += next_ms;
        }
        Err(timed_out("what another call makes does not get ready"))
    }

    /// What is shared: as `look` finds it, or as `make` makes it, for which one call at a time has the turn. Who waited for a call that
    /// failed shares its failure: a service that hangs would hold them up one after the other. The next call tries anew.
    pub async fn shared<T>(&self, look: impl Fn() -> Option<T>, make: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        if let Some(there) = look() {
            return Ok(there);
        }
        let since = Instant::now();
        let _turn = self.take().await?;
        if let Some(there) = look() {
            return Ok(there);
        }
        if let Some(failure) = self.failed(since) {
            return Err(failure);
        }
        make.await.inspect_err(|failure| self.fail(failure))
    }

    fn fail(&self, failure: &Failure) {
        // That one job was cancelled is nothing to the calls of others.
        if !matches!(failure, Failure::Cancelled(_)) {
            self.failed.replace(Some((Instant::now(), failure.clone())));
        }
    }

    fn failed(&self, since: Instant) -> Option<Failure> {
        self.failed.borrow().as_ref().filter(|(moment, _)| *moment >= since).map(|(_, failure)| failure.clone())
    }
}

fn next_look_ms(looks: u32) -> u64 {
    FIRST_LOOK_MS.saturating_mul(1 << looks.min(20)).min(LONGEST_LOOK_MS)
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.taken.set(false);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn who_waits_long_looks_seldom() {
        assert_eq!([0, 1, 2, 5, 6, 100, u32::MAX].map(next_look_ms), [10, 20, 40, 320, 500, 500, 500]);
    }

    #[test]
    fn who_waited_for_a_call_that_failed_shares_its_failure_and_the_next_call_does_not() {
        let turns = Turns::default();
        let before = Instant::now();
        turns.fail(&timed_out("it hangs"));
        std::thread::sleep(std::time::Duration::from_millis(2));
        assert!(turns.failed(before).is_some() && turns.failed(Instant::now()).is_none());
        let turns = Turns::default();
        turns.fail(&cancelled("the job was cancelled"));
        assert!(turns.failed(before).is_none());
    }

    #[test]
    fn what_is_there_needs_no_turn() {
        let turns = Turns::default();
        turns.taken.set(true);
        let mut looking = pin!(turns.shared(|| Some(7), async { Err(timed_out("it is not asked")) }));
        let ready = looking.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(ready, Poll::Ready(Ok(7))));
    }

    #[test]
    fn a_turn_is_given_back_however_its_call_ends() {
        let turns = Turns::default();
        for _ in 0..2 {
            let mut taking = pin!(turns.take());
            let Poll::Ready(Ok(turn)) = taking.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
                unreachable!("nobody has the turn");
            };
            assert!(turns.taken.get());
            drop(turn);
            assert!(!turns.taken.get());
        }
    }
}
