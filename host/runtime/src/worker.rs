//! A long-lived store: a task that owns it and makes the calls that are sent to it, many at a time, until it is no longer wanted.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Poll;

use capstan_domain::failure::{Blame, Failure, Kind};
use capstan_services::TargetServices;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::{Notify, watch};

use crate::call::Task;
use crate::drive::Drive;
use crate::limits::Limits;
use crate::machine::Machine;
use crate::metrics::count;
use crate::prepared::Prepared;
use crate::state::Usage;

pub(crate) struct Worker {
    queue: Arc<Queue>,
    /// The task has it; here it is only lent a hand.
    drive: Weak<Drive>,
    machine: Arc<Machine>,
    load: AtomicUsize,
    /// Calls whose time is not over.
    awaited: AtomicUsize,
    /// A call had its time, so no new ones come.
    deserted: AtomicBool,
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

/// A call whose time is not over.
pub(crate) struct Awaited(Arc<Worker>);

impl Drop for Awaited {
    fn drop(&mut self) {
        if self.0.awaited.fetch_sub(1, Ordering::SeqCst) == 1 && self.0.deserted.load(Ordering::SeqCst) {
            self.0.kill();
        }
    }
}

impl Worker {
    /// Starts the task; the store is made, and the guest instantiated, there. Where a session is exclusive, `after` is the worker that
    /// had it: this one's store is not made before that one's is gone.
    pub(crate) fn start(
        machine: &Arc<Machine>,
        prepared: &Arc<Prepared>,
        services: &Arc<TargetServices>,
        after: Option<Arc<Self>>,
    ) -> Arc<Self> {
        count(&machine.metrics.starts);
        let queue = Arc::new(Queue::new(machine.limits.calls_per_store.max(1)));
        let (ended, end) = watch::channel(None);
        let kill = Arc::new(Notify::new());
        let usage = Arc::new(Usage::default());
        let work = serve(Arc::clone(&queue));
        let live = {
            let (machine, prepared, services) = (Arc::clone(machine), Arc::clone(prepared), Arc::clone(services));
            let (kill, usage) = (Arc::clone(&kill), Arc::clone(&usage));
            async move {
                if let Some(before) = after {
                    before.end().await;
                }
                let stop = async move {
                    kill.notified().await;
                    given_up()
                };
                let failure = machine.live(&prepared, services, usage, work, stop.boxed()).await;
                // Told last: who waits for this may count on the store being gone.
                let _ = ended.send(Some(failure.unwrap_or_else(given_up)));
            }
        };
        let drive = Drive::new(live.boxed());
        let worker = Self {
            queue,
            drive: Arc::downgrade(&drive),
            machine: Arc::clone(machine),
            load: AtomicUsize::new(0),
            awaited: AtomicUsize::new(0),
            deserted: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            usage,
            end,
            kill,
        };
        machine.guests.spawn(drive.run());
        Arc::new(worker)
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.queue.lock().open
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

    /// Sends a call, and takes its first step where the caller's thread may. It comes back when the worker is gone, or going, and never
    /// saw it.
    pub(crate) fn submit(&self, task: Task) -> Result<(), Task> {
        self.queue.push(task)?;
        if let Some(drive) = self.drive.upgrade() {
            match self.machine.lends_a_hand() {
                Some(_as_a_guest) => {
                    let _ = drive.step();
                }
                None => drive.wake(),
            }
        }
        Ok(())
    }

    /// Why the store ended. Only to be asked once a call was lost, or the worker was told to end.
    pub(crate) async fn end(&self) -> Failure {
        let mut end = self.end.clone();
        match end.wait_for(Option::is_some).await {
            Ok(failure) => failure.clone().unwrap_or_else(given_up),
            Err(_) => given_up(),
        }
    }

    /// Takes no more calls; the store goes when those it has are done.
    pub(crate) fn close(&self) {
        self.queue.lock().wanted = false;
        if let Some(drive) = self.drive.upgrade() {
            drive.wake();
        }
    }

    /// For as long as somebody sees to a call's end.
    pub(crate) fn await_one(self: &Arc<Self>) -> Awaited {
        self.awaited.fetch_add(1, Ordering::SeqCst);
        Awaited(Arc::clone(self))
    }

    /// A call had its time. The store ends with the last one that has not, so that what an overdue one holds, connections and what a
    /// server has open for them, is given back.
    pub(crate) fn overdue(&self) {
        self.deserted.store(true, Ordering::SeqCst);
    }

    /// Drops the store with whatever runs in it.
    pub(crate) fn kill(&self) {
        self.kill.notify_one();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.close();
    }
}

fn given_up() -> Failure {
    Failure::new(Kind::PluginFault, "The plugin's store was given up while the call ran.")
        .with_blame(Blame::Host)
        .with_code("store-dropped")
}

/// Calls on their way into a store.
struct Queue {
    waiting: Mutex<Waiting>,
    /// A call has its place before it is sent, so this many are never reached but while a worker is leaving.
    most: usize,
}

struct Waiting {
    tasks: VecDeque<Task>,
    /// Somebody may still send calls.
    wanted: bool,
    /// Somebody takes them.
    open: bool,
}

impl Queue {
    fn new(most: usize) -> Self {
        Self { waiting: Mutex::new(Waiting { tasks: VecDeque::new(), wanted: true, open: true }), most }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, task: Task) -> Result<(), Task> {
        let mut waiting = self.lock();
        if !waiting.open || !waiting.wanted || waiting.tasks.len() >= self.most {
            return Err(task);
        }
        waiting.tasks.push_back(task);
        Ok(())
    }

    /// What waits, and whether more may come.
    fn take(&self) -> (VecDeque<Task>, bool) {
        let mut waiting = self.lock();
        (std::mem::take(&mut waiting.tasks), waiting.wanted)
    }
}

/// The store's end of the queue: without it no call can come in, and those that wait learn that they are lost.
struct Taker(Arc<Queue>);

impl Drop for Taker {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.open = false;
        let lost = std::mem::take(&mut waiting.tasks);
        // A call that is dropped tells its caller, and gives back its place.
        drop(waiting);
        drop(lost);
    }
}

/// Makes calls as they come, until nobody can send any more and the last has ended. Who sends one sees to it that this is polled.
fn serve(queue: Arc<Queue>) -> Task {
    let taker = Taker(queue);
    Box::new(move |accessor, seat| {
        async move {
            let mut running = FuturesUnordered::new();
            poll_fn(|context| {
                loop {
                    let (tasks, wanted) = taker.0.take();
                    for task in tasks {
                        running.push(task(accessor, seat));
                    }
                    match running.poll_next_unpin(context) {
                        Poll::Ready(Some(Ok(()))) => {}
                        Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                        Poll::Ready(None) if !wanted => return Poll::Ready(Ok(())),
                        Poll::Ready(None) | Poll::Pending => return Poll::Pending,
                    }
                }
            })
            .await
        }
        .boxed()
    })
}
