//! Where the protocol crate's background work runs: in the component task of the call that opened the connection, which outlives the call's
//! answer for as long as its store does.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use capstan_sdk::{clock, spawn_local};
use smb2::runtime::{BoxFuture, Runtime};

/// How late a timer may be. Every request has one, and nearly none runs out: so they share one wait of the host's.
const TICK_MS: u64 = 500;
/// Stands for "never" where the sum would not fit.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

thread_local! {
    static TIMERS: RefCell<BTreeMap<(Instant, u64), Waker>> = const { RefCell::new(BTreeMap::new()) };
    static NEXT: Cell<u64> = const { Cell::new(0) };
    static TICKING: Cell<bool> = const { Cell::new(false) };
}

/// Tasks and timers of the component.
#[derive(Debug)]
pub(crate) struct Executor;

impl Runtime for Executor {
    fn spawn(&self, future: BoxFuture) {
        spawn_local(future);
    }

    fn sleep(&self, duration: Duration) -> BoxFuture {
        let number = NEXT.get();
        NEXT.set(number.wrapping_add(1));
        Box::pin(Timer { at: (Instant::now() + duration.min(LONGEST), number) })
    }
}

struct Timer {
    /// The moment, and a number so that two of the same moment are two.
    at: (Instant, u64),
}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.at.0 {
            return Poll::Ready(());
        }
        TIMERS.with_borrow_mut(|timers| timers.insert(self.at, context.waker().clone()));
        if !TICKING.replace(true) {
            spawn_local(tick());
        }
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        TIMERS.with_borrow_mut(|timers| timers.remove(&self.at));
    }
}

/// Wakes whoever's time has come, as long as somebody waits.
async fn tick() {
    loop {
        let begun = Instant::now();
        clock::wait(TICK_MS).await;
        let due = TIMERS.with_borrow_mut(|timers| due(timers, Instant::now()));
        due.into_iter().for_each(Waker::wake);
        // The job of the call this runs in was cancelled, and no wait of it lasts any more: the next request's call goes on.
        let cut_short = begun.elapsed() < Duration::from_millis(TICK_MS / 2);
        if cut_short || TIMERS.with_borrow(BTreeMap::is_empty) {
            TICKING.set(false);
            return;
        }
    }
}

fn due<T>(timers: &mut BTreeMap<(Instant, u64), T>, now: Instant) -> Vec<T> {
    let later = timers.split_off(&(now, u64::MAX));
    std::mem::replace(timers, later).into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_whose_time_has_come_are_woken_and_the_others_stay() {
        let now = Instant::now();
        let mut timers: BTreeMap<_, _> = [(now, 1), (now + Duration::from_secs(1), 2), (now, 3)].map(|at| (at, at.1)).into();
        assert_eq!(due(&mut timers, now), [1, 3]);
        assert_eq!(timers.into_values().collect::<Vec<_>>(), [2]);
    }
}
