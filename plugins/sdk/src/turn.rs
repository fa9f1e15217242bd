//! One call at a time, where calls of an instance share what one of them makes: a token, say. Who comes first is served first.
//!
//! Calls are tasks of their own, and none can wake another: a task that waits for nothing but another one traps, so the locks of
//! `futures` are no use across calls. Who waits here is told through the host (see `bell`).

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::time::Instant;

use futures::future::{Either, select};

use crate::bell::{Bell, Ear, pair};
use crate::failure::{Failure, Outcome, cancelled, timed_out};

/// Milliseconds after which who waits looks whether its job was cancelled.
const LOOK_MS: u64 = 250;
/// Milliseconds of one wait in all: less than a call may take, so that who waits in vain can still say so.
const LONGEST_WAIT_MS: u64 = 45_000;

#[derive(Debug, Default)]
pub struct Turns {
    taken: Cell<bool>,
    /// Calls that wait, as they came; a host gives an instance so many at a time.
    waiting: RefCell<VecDeque<(u64, Bell)>>,
    /// Whom the turn was given to that did not take it up yet.
    given: Cell<Option<u64>>,
    next: Cell<u64>,
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
        if !self.taken.replace(true) {
            return Ok(Turn(self));
        }
        let (place, mut ear) = self.queue();
        let mut hearing = pin!(ear.hear());
        for _ in 0..LONGEST_WAIT_MS / LOOK_MS {
            // The waits of a cancelled job end soon.
            if outside::cancelled() {
                return Err(cancelled("the job was cancelled"));
            }
            if let Either::Left(_) = select(hearing.as_mut(), pin!(outside::pause(LOOK_MS))).await {
                break;
            }
        }
        if place.take_up() { Ok(Turn(self)) } else { Err(timed_out("what another call makes does not get ready")) }
    }

    fn queue(&self) -> (Place<'_>, Ear) {
        let (bell, ear) = pair();
        let number = self.next.get();
        self.next.set(number.wrapping_add(1));
        self.waiting.borrow_mut().push_back((number, bell));
        (Place { turns: self, number }, ear)
    }

    /// To the next one that waits, if any does.
    fn pass_on(&self) {
        let next = self.waiting.borrow_mut().pop_front();
        self.given.set(next.as_ref().map(|(number, _)| *number));
        self.taken.set(next.is_some());
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

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.pass_on();
    }
}

/// Of one that waits. Given up when it is dropped, and the turn passed on if it came meanwhile.
struct Place<'a> {
    turns: &'a Turns,
    number: u64,
}

impl Place<'_> {
    fn take_up(&self) -> bool {
        let mine = self.turns.given.get() == Some(self.number);
        if mine {
            self.turns.given.set(None);
        }
        mine
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.take_up() {
            self.turns.pass_on();
        } else {
            self.turns.waiting.borrow_mut().retain(|(number, _)| *number != self.number);
        }
    }
}

#[cfg(target_family = "wasm")]
mod outside {
    pub(super) use crate::job::cancelled;

    pub(super) async fn pause(milliseconds: u64) {
        crate::clock::wait(milliseconds).await;
    }
}

/// Natively nobody cancels, and nobody gives up.
#[cfg(not(target_family = "wasm"))]
mod outside {
    pub(super) fn cancelled() -> bool {
        false
    }

    pub(super) async fn pause(_milliseconds: u64) {
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn turns_go_round_as_calls_came_and_past_those_that_gave_up() {
        let turns = Turns::default();
        let mut context = Context::from_waker(Waker::noop());
        let mut first = Box::pin(turns.take());
        let Poll::Ready(Ok(turn)) = first.as_mut().poll(&mut context) else { unreachable!("nobody has the turn") };
        let mut waiting: Vec<_> = (0..4).map(|_| Box::pin(turns.take())).collect();
        for taking in &mut waiting {
            assert!(taking.as_mut().poll(&mut context).is_pending());
        }
        // One leaves the queue, another one only when its turn has come.
        drop(waiting.remove(1));
        drop(turn);
        drop(waiting.remove(0));
        let Poll::Ready(Ok(turn)) = waiting[0].as_mut().poll(&mut context) else { unreachable!("it is next") };
        assert!(waiting[1].as_mut().poll(&mut context).is_pending());
        drop(turn);
        assert!(turns.taken.get(), "it waits for who was told");
        let Poll::Ready(Ok(turn)) = waiting[1].as_mut().poll(&mut context) else { unreachable!("it is next") };
        drop(turn);
        assert!(!turns.taken.get());
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
