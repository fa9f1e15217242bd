//! The handle and the workers behind it. Each lane has workers of its own: what is brief never waits for what is long.

use std::sync::Arc;

use capstan_catalogue::{Catalogue, Holder};
use capstan_domain::ids::JobId;
use capstan_domain::job::{Job, Lane, NewJob, Request, Work};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Kind, Outcome};
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinHandle;
use tracing::{error, info};

use crate::idle_drives;
use crate::inventories;
use crate::leftovers;
use crate::limits::Limits;
use crate::places::{Places, Probes};
use crate::run::run;
use crate::scheduler;

/// What every job of this process shares.
pub(crate) struct Engine {
    pub(crate) catalogue: Catalogue,
    pub(crate) places: Arc<dyn Places>,
    pub(crate) probes: Arc<dyn Probes>,
    pub(crate) limits: Limits,
    /// Names this process in leases; another process, or this one after a restart, has another.
    pub(crate) worker: String,
    brief: Workers,
    long: Workers,
    /// True once the host goes down.
    pub(crate) closing: watch::Sender<bool>,
    /// A job came to a final state.
    pub(crate) ended: Notify,
    /// One permit a job that only this process can do.
    own: Arc<Semaphore>,
    /// Where work runs, whoever asks for it: a door's threads only serve requests.
    work: Handle,
}

/// Those who take up the jobs of a lane.
struct Workers {
    /// One permit a running job.
    slots: Arc<Semaphore>,
    /// There may be a job for them.
    bell: Notify,
}

impl Workers {
    fn new(count: usize) -> Self {
        Self { slots: Arc::new(Semaphore::new(count)), bell: Notify::new() }
    }
}

impl Engine {
    fn workers(&self, lane: Lane) -> &Workers {
        match lane {
            Lane::Brief => &self.brief,
            Lane::Long => &self.long,
        }
    }

    /// There may be a job for a worker of one lane or the other.
    pub(crate) fn ring(&self) {
        self.brief.bell.notify_one();
        self.long.bell.notify_one();
    }
}

/// Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Jobs {
    engine: Arc<Engine>,
    loops: Arc<tokio::sync::Mutex<Vec<JoinHandle<()>>>>,
}

impl Jobs {
    /// Starts the workers: from here on, jobs that a dead process left behind are taken up as their leases run out. A host that has
    /// the catalogue to itself frees them first (`Catalogue::free_leases`).
    pub fn start(catalogue: Catalogue, places: Arc<dyn Places>, probes: Arc<dyn Probes>, limits: Limits) -> Self {
        let engine = Arc::new(Engine {
            catalogue,
            places,
            probes,
            brief: Workers::new(limits.brief_workers),
            long: Workers::new(limits.workers),
            own: Arc::new(Semaphore::new(limits.own)),
            limits,
            worker: JobId::new().to_string(),
            closing: watch::Sender::new(false),
            ended: Notify::new(),
            work: Handle::current(),
        });
        let loops = vec![
            tokio::spawn(claim(engine.clone(), Lane::Brief)),
            tokio::spawn(claim(engine.clone(), Lane::Long)),
            tokio::spawn(scheduler::watch(engine.clone())),
            tokio::spawn(leftovers::watch(engine.clone())),
            tokio::spawn(inventories::watch(engine.clone())),
            tokio::spawn(idle_drives::watch(engine.clone())),
        ];
        Self { engine, loops: Arc::new(tokio::sync::Mutex::new(loops)) }
    }

    /// Durable when this answers; a worker takes it up at once if one is free.
    pub async fn submit(&self, new: &NewJob) -> Outcome<Job> {
        let job = self.engine.catalogue.create_job(new, None).await?;
        self.engine.ring();
        Ok(job)
    }

    /// Work that only this process can do, started at once; `prepare` learns the job's id before it starts. Refused with `Busy`
    /// when `Limits::own` of them run.
    pub async fn submit_own(&self, new: &NewJob, prepare: impl FnOnce(JobId) + Send) -> Outcome<Job> {
        let Ok(permit) = self.engine.own.clone().try_acquire_owned() else {
            return Err(Failure::new(Kind::Busy, "too many such jobs are running").with_next_step("ask again in a few seconds"));
        };
        let holder = Holder { worker: self.engine.worker.clone(), until: Timestamp::now().plus(self.engine.limits.lease) };
        let job = self.engine.catalogue.create_job(new, Some(holder)).await?;
        prepare(job.id);
        self.engine.work.spawn(run(self.engine.clone(), job.clone(), Some(permit)));
        Ok(job)
    }

    /// Somebody else put jobs into the queue: a worker looks at once if one is free.
    pub fn ring(&self) {
        self.engine.ring();
    }

    /// A running job sees it within a tick; a waiting one is changed at once. `Conflict` "wrong-state" for a stop of what changes a
    /// drive: half of a change is no state of a drive.
    pub async fn request(&self, job: JobId, request: Request) -> Outcome<Job> {
        if request == Request::Stop && matches!(self.engine.catalogue.job(job).await?.work, Work::Drive { .. }) {
            return Err(Failure::new(Kind::Conflict, "what changes a drive comes to its end")
                .with_code("wrong-state")
                .with_next_step("pause it, or wait until it has ended"));
        }
        let job = self.engine.catalogue.request_job(job, request).await?;
        self.engine.ring();
        if job.state.is_final() {
            self.engine.ended.notify_one();
        }
        Ok(job)
    }

    /// Stops between two files and gives the jobs back to the queue. Ends within `Limits::stop`, and a moment.
    pub async fn close(&self) {
        self.engine.closing.send_replace(true);
        self.engine.ring();
        for task in self.loops.lock().await.drain(..) {
            if let Err(cause) = task.await {
                error!(%cause, "a loop of the jobs broke off");
            }
        }
    }
}

/// Takes up jobs of a lane while it has slots; ends when the host goes down and all running ones have.
async fn claim(engine: Arc<Engine>, lane: Lane) {
    let workers = engine.workers(lane);
    let mut closing = engine.closing.subscribe();
    let mut running = tokio::task::JoinSet::new();
    loop {
        let slot = tokio::select! {
            slot = workers.slots.clone().acquire_owned() => slot,
            _ = closing.wait_for(|closing| *closing) => break,
        };
        let Ok(slot) = slot else { break };
        let now = Timestamp::now();
        match engine.catalogue.claim_job(lane, &engine.worker, now, now.plus(engine.limits.lease)).await {
            Ok(Some(job)) => {
                info!(job = %job.id, name = %job.name, attempt = job.attempt, "job {} taken up", job.id);
                running.spawn(run(engine.clone(), job, Some(slot)));
                continue;
            }
            Ok(None) => {}
            Err(failure) => error!(%failure, detail = failure.detail, "the queue cannot be read"),
        }
        drop(slot);
        tokio::select! {
            () = workers.bell.notified() => {}
            () = tokio::time::sleep(engine.limits.poll) => {}
            Some(ended) = running.join_next() => if let Err(cause) = ended { error!(%cause, "a job broke off; its lease will run out") },
            _ = closing.wait_for(|closing| *closing) => break,
        }
    }
    let all = async { while running.join_next().await.is_some() {} };
    if tokio::time::timeout(engine.limits.stop, all).await.is_err() {
        // Dropped in mid-file: the ledger has what was done, the lease runs out, the next process goes on.
        info!("jobs that did not stop in time are left to the next start");
    }
}
