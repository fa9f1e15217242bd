//! One call at a time, where calls of an instance share what one of them makes: a token, say.
//!
//! Calls are tasks of their own, and none can wake another: a task that waits for nothing but another one traps, so the locks of
//! `futures` are no use across calls. Who waits here looks again after a moment that the host ends.

use std::cell::Cell;

use crate::failure::{Outcome, cancelled, timed_out};
use crate::{clock, job};

/// Milliseconds before the second look; they double from look to look, so that many who wait for long cost little.
const FIRST_LOOK_MS: u64 = 10;
const LONGEST_LOOK_MS: u64 = 500;
/// Milliseconds of one wait in all: less than a call may take, so that who waits in vain can still say so.
const LONGEST_WAIT_MS: u64 = 45_000;

#[derive(Debug, Default)]
pub struct Turns {
    taken: Cell<bool>,
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
