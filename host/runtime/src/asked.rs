//! Whoever waits for a call's answer, and what becomes of the call when they leave.

use std::sync::Arc;
use std::time::{Duration, Instant};

use capstan_domain::Outcome;
use capstan_domain::failure::Failure;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::error::Elapsed;

use crate::cancelled::TIDYING;
use crate::incarnation::Incarnation;
use crate::metrics::count;
use crate::worker::{Awaited, Worker};

/// A call in a long-lived store, and whoever waits for its answer. Given up before its deadline, it goes on in the guest, so somebody
/// must still see to it that it ends.
pub(crate) struct Asked<V: Send + 'static> {
    pub answer: Option<oneshot::Receiver<Outcome<V>>>,
    pub deadline: Instant,
    pub of: Arc<Incarnation>,
    pub worker: Arc<Worker>,
    pub awaited: Option<Awaited>,
}

impl<V: Send + 'static> Asked<V> {
    pub(crate) async fn answered(
        &mut self,
        patience: Duration,
    ) -> Result<Result<Outcome<V>, oneshot::error::RecvError>, Elapsed> {
        let answered = match &mut self.answer {
            Some(answer) => tokio::time::timeout(patience, answer).await,
            None => std::future::pending().await,
        };
        self.answer = None;
        answered
    }
}

impl<V: Send + 'static> Drop for Asked<V> {
    fn drop(&mut self) {
        let Some(mut answer) = self.answer.take() else { return };
        if !matches!(answer.try_recv(), Err(oneshot::error::TryRecvError::Empty)) {
            return;
        }
        let (deadline, of, worker) = (self.deadline, Arc::clone(&self.of), Arc::clone(&self.worker));
        let awaited = self.awaited.take();
        self.of.machine.guests.spawn(async move {
            if tokio::time::timeout_at(deadline.into(), answer).await.is_err() {
                count(&of.machine.metrics.deadlines);
                of.retire(&worker);
                worker.overdue();
            }
            drop(awaited);
        });
    }
}

/// A store that lives for one call: ended in its first step, or a task, which is given up when its caller is, unless it was let go.
pub(crate) struct Running {
    pub task: Option<JoinHandle<Option<Failure>>>,
    pub ended: Option<Failure>,
}

impl Running {
    pub(crate) async fn why(&mut self) -> Failure {
        let why = match &mut self.task {
            Some(task) => task.await.ok().flatten(),
            None => self.ended.take(),
        };
        why.unwrap_or_else(|| Failure::host("The call was lost.", "the store ended without an answer"))
    }

    /// Nobody waits for it any more; it has a while to take away what it left.
    pub(crate) fn tidies(&mut self, guests: &Handle) {
        if let Some(mut task) = self.task.take() {
            guests.spawn(async move {
                if tokio::time::timeout(TIDYING, &mut task).await.is_err() {
                    task.abort();
                }
            });
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
