//! One version of a plugin serving one target under one configuration: its long-lived stores, and stores made for one transfer.
//!
//! It never changes; an upgrade or a new configuration makes another one beside it, and this one ends when its last call has.

use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use capstan_bindings::function::Function;
use capstan_domain::Outcome;
use capstan_domain::context::JobContext;
use capstan_domain::failure::{Blame, Failure, Kind, Retry};
use capstan_services::TargetServices;
use futures::FutureExt;
use tokio::sync::{OwnedRwLockReadGuard, Semaphore, oneshot, watch};

use crate::asked::{Asked, Running};
use crate::call::{Call, Guard, task};
use crate::cancelled;
use crate::machine::Machine;
use crate::metrics::{Held, Metrics, count};
use crate::places::Gauge;
use crate::prepared::Prepared;
use crate::state::Usage;
use crate::worker::Worker;
use crate::workers::Workers;

/// Starts over with another worker when one died before it took the call.
const PICKS: usize = 3;

pub(crate) struct Incarnation {
    pub machine: Arc<Machine>,
    pub prepared: Arc<Prepared>,
    pub services: Arc<TargetServices>,
    workers: Mutex<Workers>,
    /// Crashes since a call last came to a good end.
    pub(crate) crashes: AtomicU32,
    /// Calls that wait for a place.
    pub(crate) waiting: AtomicUsize,
    places: Arc<Semaphore>,
    transfers: Arc<Semaphore>,
    stop: watch::Sender<bool>,
}

/// How a call wants to be made.
#[derive(Clone, Debug, Default)]
pub(crate) struct How {
    /// Bytes it moves, as far as known: they decide over the store and the deadline.
    pub bytes: u64,
    /// What it may take on top of the time for its bytes.
    pub patience: Duration,
    /// It changes something, so that a lost answer leaves the question whether it did.
    pub mutates: bool,
    /// On whose behalf it is made.
    pub job: Option<JobContext>,
}

impl Incarnation {
    pub(crate) fn new(machine: Arc<Machine>, prepared: Arc<Prepared>, services: Arc<TargetServices>) -> Arc<Self> {
        let limits = &machine.limits;
        let stores = if prepared.exclusive { 1 } else { limits.stores_per_target.max(1) };
        let places = Arc::new(Semaphore::new(stores.saturating_mul(limits.calls_per_store.max(1))));
        let transfers = Arc::new(Semaphore::new(limits.transfers_per_target.max(1)));
        Arc::new(Self {
            machine,
            prepared,
            services,
            workers: Mutex::default(),
            crashes: AtomicU32::new(0),
            waiting: AtomicUsize::new(0),
            places,
            transfers,
            stop: watch::Sender::new(false),
        })
    }

    /// Makes a call in a store of its own when it is large, else in a long-lived one. `lease` stays with the call.
    pub(crate) async fn call<C: Call>(
        self: &Arc<Self>,
        call: C,
        how: How,
        lease: Option<OwnedRwLockReadGuard<()>>,
    ) -> Outcome<C::Value> {
        count(&self.machine.metrics.calls);
        self.prepared.ledger.called();
        let mutates = how.mutates;
        match self.attempt(call, how, lease).await {
            Ok(value) => {
                self.crashes.store(0, Ordering::Relaxed);
                Ok(value)
            }
            Err(failure) => Err(self.blame(self.sign::<C::Function>(failure, mutates))),
        }
    }

    /// What the host found out about an answer after the call: a plugin that lied answers for it.
    pub(crate) fn claim<F: Function, T>(&self, outcome: Outcome<T>) -> Outcome<T> {
        outcome.map_err(|failure| self.claim_failure::<F>(failure))
    }

    pub(crate) fn claim_failure<F: Function>(&self, failure: Failure) -> Failure {
        self.blame(self.sign::<F>(failure, false))
    }

    /// Counts a failure, and holds it against the plugin if it is the plugin's own: not that of its caller, its target or the host.
    /// A lost store was counted when it was lost, however many calls it took with it.
    fn blame(&self, failure: Failure) -> Failure {
        count(&self.machine.metrics.failures);
        let hosts_own = matches!(failure.code.as_deref(), Some(RESTART_PAUSE | QUARANTINED));
        if failure.blame == Blame::Plugin && failure.kind != Kind::PluginFault && !hosts_own {
            self.machine.blamed(&self.prepared, &failure);
        }
        failure
    }

    async fn attempt<C: Call>(self: &Arc<Self>, call: C, how: How, lease: Option<OwnedRwLockReadGuard<()>>) -> Outcome<C::Value> {
        self.refuse_quarantined()?;
        let large = how.bytes >= self.machine.limits.large_bytes && !self.prepared.exclusive;
        let place = self.place(if large { &self.transfers } else { &self.places });
        let permit = tokio::select! {
            biased;
            permit = place => permit?,
            () = cancelled::last_word(how.job.as_ref()) => return Err(cancelled::not_begun()),
        };
        let gauge = Held::new(Gauge(Arc::clone(&self.machine)), |metrics: &Metrics| &metrics.in_flight);
        if large {
            let guard: Guard = Box::new((permit, lease, gauge, Arc::clone(self)));
            self.alone(call, how, guard).await
        } else {
            self.pooled(call, how, |worker| Box::new((permit, lease, gauge, worker, Arc::clone(self)))).await
        }
    }

    /// In a store that lives for this call.
    async fn alone<C: Call>(self: &Arc<Self>, call: C, how: How, guard: Guard) -> Outcome<C::Value> {
        count(&self.machine.metrics.fresh_stores);
        let (reply, answer) = oneshot::channel();
        let deadline = self.machine.limits.deadline(how.bytes) + how.patience;
        let task = task(call, how.job.clone(), guard, reply);
        let mut stopped = self.stop.subscribe();
        let machine = Arc::clone(&self.machine);
        let stop = async move {
            tokio::select! {
                () = tokio::time::sleep(deadline) => {
                    count(&machine.metrics.deadlines);
                    overdue(deadline)
                }
                Ok(_) = stopped.wait_for(|stop| *stop) => drained(),
            }
        };
        let (machine, prepared, services) = (Arc::clone(&self.machine), Arc::clone(&self.prepared), Arc::clone(&self.services));
        let mut run =
            async move { machine.live(&prepared, services, Arc::new(Usage::default()), task, stop.boxed()).await }.boxed();
        let mut running = match self.first_step(run.as_mut()) {
            Poll::Ready(ended) => Running { ended, task: None },
            Poll::Pending => Running { ended: None, task: Some(self.machine.guests.spawn(run)) },
        };
        let answered = tokio::select! {
            biased;
            answered = answer => answered,
            () = cancelled::last_word(how.job.as_ref()) => {
                running.tidies(&self.machine.guests);
                return Err(cancelled::given_up());
            }
        };
        match answered {
            Ok(outcome) => {
                // What is left of the task is the end of a piped body, or the drop of the store.
                running.task = None;
                outcome
            }
            Err(_) => Err(running.why().await),
        }
    }

    /// Of a store that lives for one call, where the caller's thread may take it. Whatever it waits for then, it will ask for again on
    /// the guests' threads.
    fn first_step<T>(&self, run: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Poll<T> {
        match self.machine.lends_a_hand() {
            Some(_as_a_guest) => run.poll(&mut Context::from_waker(Waker::noop())),
            None => Poll::Pending,
        }
    }

    /// In one of the long-lived stores.
    async fn pooled<C: Call>(
        self: &Arc<Self>,
        call: C,
        how: How,
        guard: impl FnOnce(crate::worker::Load) -> Guard,
    ) -> Outcome<C::Value> {
        let (reply, answer) = oneshot::channel();
        let worker = self.worker()?;
        let deadline = self.machine.limits.deadline(how.bytes) + how.patience;
        let mut pending = Some(task(call, how.job.clone(), guard(worker.begin()), reply));
        // Before it is sent, so that nobody ends the store for want of calls meanwhile.
        let (mut awaited, mut worker) = (worker.await_one(), worker);
        for _ in 0..PICKS {
            let Some(task) = pending.take() else { break };
            match worker.submit(task) {
                Ok(()) => {}
                Err(task) => {
                    pending = Some(task);
                    worker = self.worker()?;
                    awaited = worker.await_one();
                }
            }
        }
        if pending.is_some() {
            return Err(worker.end().await);
        }
        let mut asked = Asked {
            answer: Some(answer),
            deadline: Instant::now() + deadline,
            of: Arc::clone(self),
            worker,
            awaited: Some(awaited),
        };
        let answered = tokio::select! {
            biased;
            answered = asked.answered(deadline) => answered,
            () = cancelled::last_word(how.job.as_ref()) => {
                // The only session is not taken from others for one call's sake before its deadline.
                if !self.prepared.exclusive {
                    asked.deadline = asked.deadline.min(Instant::now() + cancelled::TIDYING);
                }
                return Err(cancelled::given_up());
            }
        };
        match answered {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(asked.worker.end().await),
            Err(_) => {
                count(&self.machine.metrics.deadlines);
                // The guest cannot be told to give up one call: the store takes no new ones and goes when its others had their time.
                self.retire(&asked.worker);
                asked.worker.overdue();
                Err(overdue(deadline))
            }
        }
    }

    fn workers(&self) -> MutexGuard<'_, Workers> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn worker(&self) -> Outcome<Arc<Worker>> {
        self.workers().with_room(self)
    }

    fn refuse_quarantined(&self) -> Outcome<()> {
        match self.prepared.quarantined.load_full() {
            None => Ok(()),
            Some(why) => {
                let (id, version) = (&self.prepared.description.id, &self.prepared.description.version);
                Err(Failure::new(
                    Kind::Unavailable,
                    format!("Plugin {id} {version} failed too often and is quarantined. Last: {}", why.message),
                )
                .with_blame(Blame::Plugin)
                .with_retry(Retry::Never)
                .with_code(QUARANTINED)
                .with_next_step(format!("Activate another version, or the same again: capstan plugin activate {id} {version}")))
            }
        }
    }

    fn sign<F: Function>(&self, mut failure: Failure, mutates: bool) -> Failure {
        let unanswered = matches!(failure.code.as_deref(), Some(DEADLINE | cancelled::GIVEN_UP));
        if mutates && (failure.kind == Kind::PluginFault || unanswered) {
            failure.maybe_done = true;
        }
        let facet = F::INTERFACE.split_once('/').map_or(F::INTERFACE, |(_, rest)| rest).split('@').next().unwrap_or_default();
        self.prepared.sign(failure).at(|origin| {
            origin.function.get_or_insert_with(|| format!("{facet}.{}", F::NAME));
            origin.target.get_or_insert_with(|| self.services.log().speaker().target.clone());
        })
    }

    /// Takes a worker out of service; it ends with its last call, or at the deadline. One with an exclusive session ends now: nobody
    /// else can have the session while it hangs.
    pub(crate) fn retire(&self, worker: &Arc<Worker>) {
        self.workers().alive.retain(|other| !Arc::ptr_eq(other, worker));
        worker.close();
        if self.prepared.exclusive {
            worker.kill();
            return;
        }
        let (worker, deadline) = (Arc::downgrade(worker), self.machine.limits.drain_deadline);
        self.machine.guests.spawn(async move {
            tokio::time::sleep(deadline).await;
            if let Some(worker) = worker.upgrade() {
                worker.kill();
            }
        });
    }

    /// Replaced by another: what runs goes on to the deadline, then it is stopped.
    pub(crate) fn drain(self: Arc<Self>) {
        let (machine, old) = (Arc::clone(&self.machine), Arc::downgrade(&self));
        drop(self);
        let deadline = machine.limits.drain_deadline;
        machine.guests.spawn(async move {
            tokio::time::sleep(deadline).await;
            if let Some(old) = old.upgrade() {
                old.stop();
            }
        });
    }

    /// Drops every store now.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
        for worker in self.workers().alive.drain(..) {
            worker.kill();
        }
    }

    /// Waits until no call is left, up to the drain deadline; then stops those that are. Its stores are gone when this ends.
    pub(crate) async fn finish(&self) {
        let limits = &self.machine.limits;
        let all = |semaphore: &Semaphore, most: usize| semaphore.available_permits() >= most;
        let places = if self.prepared.exclusive { 1 } else { limits.stores_per_target.max(1) } * limits.calls_per_store.max(1);
        let end = tokio::time::Instant::now() + limits.drain_deadline;
        while !(all(&self.places, places) && all(&self.transfers, limits.transfers_per_target.max(1)))
            && tokio::time::Instant::now() < end
        {
            tokio::time::sleep(limits.epoch).await;
        }
        self.stop.send_replace(true);
        self.let_go(Duration::ZERO).await;
    }

    /// Has the long-lived store of an exclusive session served enough?
    pub(crate) fn is_spent(&self) -> bool {
        self.prepared.exclusive && self.workers().alive.iter().any(|worker| worker.is_spent(&self.machine.limits))
    }

    /// Gives the session back, so that the next call begins another in a store of its own. Nobody may be calling.
    pub(crate) async fn renew(&self) {
        count(&self.machine.metrics.recycled);
        self.let_go(self.machine.limits.drain_deadline).await;
    }

    /// Ends all workers, and waits for it; those that have not ended by themselves in time are killed.
    async fn let_go(&self, patience: Duration) {
        let workers = std::mem::take(&mut self.workers().alive);
        for worker in &workers {
            worker.close();
        }
        for worker in workers {
            if tokio::time::timeout(patience, worker.end()).await.is_err() {
                worker.kill();
                worker.end().await;
            }
        }
    }
}

pub(crate) const RESTART_PAUSE: &str = "restart-pause";
const QUARANTINED: &str = "quarantined";
const DEADLINE: &str = "deadline";

fn overdue(deadline: std::time::Duration) -> Failure {
    Failure::new(Kind::TimedOut, format!("The target did not answer within {deadline:?}.")).with_code(DEADLINE)
}

fn drained() -> Failure {
    Failure::new(Kind::PluginFault, "The plugin was replaced and the call did not end in time.")
        .with_blame(Blame::Host)
        .with_code("drain-deadline")
}
