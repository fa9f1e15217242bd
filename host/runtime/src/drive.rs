//! A long-lived store's future, and who takes its next step.
//!
//! It belongs to a task on the guests' threads, and every wake-up goes there. A caller that brings a call may take one step itself,
//! so that a guest which answers at once costs no change of threads, twice; the step ends at the latest with the guest's epoch, and
//! what is left is the task's.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures::future::BoxFuture;

pub(crate) struct Drive(Mutex<Slot>);

struct Slot {
    /// None while somebody takes a step, and when it has ended.
    future: Option<BoxFuture<'static, ()>>,
    ended: bool,
    /// A step was wanted while another was taken.
    missed: bool,
    /// Of the task; none before it ran for the first time, which it does by itself.
    task: Option<Waker>,
}

impl Drive {
    pub(crate) fn new(future: BoxFuture<'static, ()>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Slot { future: Some(future), ended: false, missed: false, task: None })))
    }

    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The task: ends when the future has.
    pub(crate) async fn run(self: Arc<Self>) {
        poll_fn(|context| {
            let mut slot = self.lock();
            if !slot.task.as_ref().is_some_and(|task| task.will_wake(context.waker())) {
                slot.task = Some(context.waker().clone());
            }
            drop(slot);
            self.step()
        })
        .await;
    }

    /// Takes one step, unless somebody else is at it: then another one follows by itself.
    pub(crate) fn step(&self) -> Poll<()> {
        let (future, task) = {
            let mut slot = self.lock();
            if slot.ended {
                return Poll::Ready(());
            }
            let Some(task) = slot.task.clone() else { return Poll::Pending };
            let Some(future) = slot.future.take() else {
                slot.missed = true;
                return Poll::Pending;
            };
            (future, task)
        };
        let mut taken = Taken { drive: self, future: Some(future) };
        let stepped = match &mut taken.future {
            Some(future) => future.as_mut().poll(&mut Context::from_waker(&task)),
            None => Poll::Ready(()),
        };
        if stepped.is_ready() {
            taken.future = None;
        }
        stepped
    }

    /// Has the task take a step.
    pub(crate) fn wake(&self) {
        let task = self.lock().task.clone();
        if let Some(task) = task {
            task.wake();
        }
    }
}

/// The future on its way back into the slot; without it, because it ended or broke off, the slot has ended.
struct Taken<'a> {
    drive: &'a Drive,
    future: Option<BoxFuture<'static, ()>>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let future = self.future.take().filter(|_| !std::thread::panicking());
        let mut slot = self.drive.lock();
        slot.ended = future.is_none();
        slot.future = future;
        let again = std::mem::take(&mut slot.missed) || slot.ended;
        let task = slot.task.clone().filter(|_| again);
        drop(slot);
        if let Some(task) = task {
            task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use futures::FutureExt;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_step_wanted_while_another_is_taken_is_not_lost() {
        let steps = Arc::new(AtomicUsize::new(0));
        let (entered, seen) = mpsc::channel();
        let (go_on, held) = mpsc::channel::<()>();
        let counted = Arc::clone(&steps);
        let future = poll_fn(move |_| match counted.fetch_add(1, Ordering::SeqCst) {
            0 => Poll::Pending,
            1 => {
                entered.send(()).unwrap();
                held.recv().unwrap();
                Poll::Pending
            }
            _ => Poll::Ready(()),
        });
        let drive = Drive::new(future.boxed());
        assert!(drive.step().is_pending());
        assert_eq!(steps.load(Ordering::SeqCst), 0, "the first step is the task's");
        let task = tokio::spawn(Arc::clone(&drive).run());
        while steps.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let caller = Arc::clone(&drive);
        let caller = std::thread::spawn(move || caller.step());
        seen.recv().unwrap();
        assert!(drive.step().is_pending());
        go_on.send(()).unwrap();
        assert!(caller.join().unwrap().is_pending());
        task.await.unwrap();
        assert!(drive.step().is_ready());
    }
}
