//! The job on whose behalf calls into targets are made: who asks, whether it still wants the answer, how far the call is.
//!
//! A job's work runs inside `JobContext::scope`. A connection that is asked for in there carries the context into each of its calls,
//! on whichever task they are made, so that nothing between the job and the plugin has to hand it on.

use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::Shared;

thread_local! {
    static CURRENT: RefCell<Option<JobContext>> = const { RefCell::new(None) };
}

/// Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct JobContext(Arc<Inner>);

struct Inner {
    id: String,
    cancelled: AtomicBool,
    /// Taken when the job is cancelled: its drop wakes whoever waits.
    holding: Mutex<Option<oneshot::Sender<()>>>,
    released: Shared<oneshot::Receiver<()>>,
    /// What a plugin said last; the one before is of no use to anybody.
    report: Mutex<Option<Report>>,
}

/// How far a call is, in the plugin's own unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub done: u64,
    pub total: Option<u64>,
    pub note: Option<String>,
}

impl JobContext {
    pub fn new(id: impl Into<String>) -> Self {
        let (holding, released) = oneshot::channel();
        Self(Arc::new(Inner {
            id: id.into(),
            cancelled: AtomicBool::new(false),
            holding: Mutex::new(Some(holding)),
            released: released.shared(),
            report: Mutex::default(),
        }))
    }

    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// For good: calls that look are told, calls that wait are woken.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Release);
        drop(lock(&self.0.holding).take());
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Acquire)
    }

    /// Ends when the job is cancelled.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + 'static {
        self.0.released.clone().map(drop)
    }

    pub fn report(&self, report: Report) {
        *lock(&self.0.report) = Some(report);
    }

    /// The latest report, if there was one since this was asked last.
    pub fn take_report(&self) -> Option<Report> {
        lock(&self.0.report).take()
    }

    /// The context of the work that runs just now.
    pub fn current() -> Option<Self> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// Runs `work` on behalf of this job: `current` answers this context in it. Tasks that it spawns are outside.
    pub async fn scope<F: Future>(&self, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|waker| {
            let _entered = Entered(CURRENT.replace(Some(self.clone())));
            work.as_mut().poll(waker)
        })
        .await
    }
}

/// Puts back what was current before, also when the work panics.
struct Entered(Option<JobContext>);

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

impl fmt::Debug for JobContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobContext").field("id", &self.0.id).field("cancelled", &self.is_cancelled()).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures::future::join;

    use super::*;

    fn at_once<T>(work: impl Future<Output = T>) -> T {
        work.now_or_never().unwrap()
    }

    #[test]
    fn a_scope_is_seen_inside_only_and_ends_where_another_begins() {
        let (outer, inner) = (JobContext::new("1"), JobContext::new("2"));
        let seen = || JobContext::current().map(|context| context.id().to_owned());
        at_once(async {
            assert_eq!(seen(), None);
            let nested = async {
                assert_eq!(seen().as_deref(), Some("1"));
                inner.scope(async { assert_eq!(seen().as_deref(), Some("2")) }).await;
                assert_eq!(seen().as_deref(), Some("1"));
            };
            outer.scope(nested).await;
            assert_eq!(seen(), None);
        });
    }

    #[test]
    fn a_cancel_wakes_all_who_wait_and_is_told_to_who_comes_later() {
        let context = JobContext::new("1");
        let waiters = join(context.cancelled(), context.cancelled());
        assert!(!context.is_cancelled() && context.cancelled().now_or_never().is_none());
        context.clone().cancel();
        at_once(waiters);
        at_once(context.cancelled());
        assert!(context.is_cancelled());
    }

    #[test]
    fn the_latest_report_is_told_once() {
        let context = JobContext::new("1");
        let report = |done| Report { done, total: Some(9), note: None };
        context.report(report(1));
        context.report(report(2));
        assert_eq!(context.take_report(), Some(report(2)));
        assert_eq!(context.take_report(), None);
    }
}
