//! A long-lived store: a task that owns it and makes the calls that are sent to it, many at a time, until it is no longer wanted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use capstan_domain::failure::{Blame, Failure, Kind};
use capstan_services::TargetServices;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::{Notify, mpsc, watch};

use crate::call::Task;
use crate::limits::Limits;
use crate::machine::Machine;
use crate::metrics::count;
use crate::prepared::Prepared;
use crate::state::Usage;

pub(crate) struct Worker {
    queue: mpsc::Sender<Task>,
    load: AtomicUsize,
    calls: AtomicU64,
    usage: Arc<Usage>,
    end: watch::Receiver<Option<Failure>>,
    kill: Arc<Notify>,
}

/// A call counted into a worker's load.
pub(crate) struct Load(Arc<Worker>);

impl Drop for Load {
    fn drop(&mut self) {
        self.0.load.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Worker {
    /// Starts the task; the store is made, and the guest instantiated, there.
    pub(crate) fn start(machine: &Arc<Machine>, prepared: &Arc<Prepared>, services: &Arc<TargetServices>) -> Arc<Self> {
        count(&machine.metrics.starts);
        // A call has its place before it is sent, so the queue never fills up.
        let (queue, tasks) = mpsc::channel(machine.limits.calls_per_store.max(1));
        let (ended, end) = watch::channel(None);
        let kill = Arc::new(Notify::new());
        let usage = Arc::new(Usage::default());
        let worker = Self {
            queue,
            load: AtomicUsize::new(0),
            calls: AtomicU64::new(0),
            usage: Arc::clone(&usage),
            end,
            kill: Arc::clone(&kill),
        };
        let (machine, prepared, services) = (Arc::clone(machine), Arc::clone(prepared), Arc::clone(services));
        let guests = machine.guests.clone();
        guests.spawn(async move {
            let stop = async move {
                kill.notified().await;
                given_up()
            };
            let failure = machine.live(&prepared, services, usage, serve(tasks), stop.boxed()).await;
            // Told last: who waits for this may count on the store being gone.
            let _ = ended.send(Some(failure.unwrap_or_else(given_up)));
        });
        Arc::new(worker)
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.end.borrow().is_none() && !self.queue.is_closed()
    }

    /// Has it served enough, or grown too large?
    pub(crate) fn is_spent(&self, limits: &Limits) -> bool {
        self.calls.load(Ordering::Relaxed) >= limits.recycle_calls
            || self.usage.memory_bytes.load(Ordering::Relaxed) > limits.recycle_memory_bytes
    }

    pub(crate) fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    pub(crate) fn begin(self: &Arc<Self>) -> Load {
        self.load.fetch_add(1, Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Relaxed);
        Load(Arc::clone(self))
    }

    /// Sends a call. It comes back when the worker is gone, or going, and never saw it.
    pub(crate) fn submit(&self, task: Task) -> Result<(), Task> {
        self.queue.try_send(task).map_err(mpsc::error::TrySendError::into_inner)
    }

    /// Why the store ended. Only to be asked once a call was lost.
    pub(crate) async fn end(&self) -> Failure {
        let mut end = self.end.clone();
        match end.wait_for(Option::is_some).await {
            Ok(failure) => failure.clone().unwrap_or_else(given_up),
            Err(_) => given_up(),
        }
    }

    /// Drops the store with whatever runs in it.
    pub(crate) fn kill(&self) {
        self.kill.notify_one();
    }
}

fn given_up() -> Failure {
    Failure::new(Kind::PluginFault, "The plugin's store was given up while the call ran.")
        .with_blame(Blame::Host)
        .with_code("store-dropped")
}

/// Makes calls as they come, until nobody can send any more and the last has ended.
fn serve(mut tasks: mpsc::Receiver<Task>) -> Task {
    Box::new(move |accessor, seat| {
        async move {
            let mut running = FuturesUnordered::new();
            let mut open = true;
            while open || !running.is_empty() {
                tokio::select! {
                    task = tasks.recv(), if open => match task {
                        Some(task) => running.push(task(accessor, seat)),
                        None => open = false,
                    },
                    Some(ended) = running.next(), if !running.is_empty() => ended?,
                }
            }
            Ok(())
        }
        .boxed()
    })
}
