//! The handle, and the workers behind it: they claim tasks of the queues that their node works for.

use std::sync::{Arc, PoisonError, RwLock};

use capstan_catalogue::Catalogue;
use capstan_domain::ids::{JobId, NodeId, Number};
use capstan_domain::site::Site;
use capstan_domain::time::Timestamp;
use capstan_domain::workflow::{JobEvent, Task, WorkflowJob};
use capstan_domain::{Kind, Outcome};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinHandle;
use tracing::{error, info};

use super::limits::WorkflowLimits;
use super::recovery;
use super::refusal::Refusal;
use super::run::run;
use super::space_work::SpaceWork;
use super::submit::Submission;

/// What every task of this process shares.
pub(super) struct Engine {
    pub(super) catalogue: Catalogue,
    pub(super) work: Arc<dyn SpaceWork>,
    pub(super) limits: WorkflowLimits,
    pub(super) site: Number,
    /// Names this process in leases; another process, or this one after a restart, has another.
    pub(super) worker: String,
    /// There may be a task to claim.
    pub(super) bell: Notify,
    /// True once the host goes down.
    pub(super) closing: watch::Sender<bool>,
    post: Post,
    /// Numbers of the queues that the node works for; the next to look into comes first.
    queues: RwLock<Vec<Number>>,
}

/// As what a process works for its site.
struct Post {
    name: String,
    /// By name; none: the default one.
    queues: Vec<String>,
    node: RwLock<NodeId>,
}

/// Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct WorkflowJobs {
    engine: Arc<Engine>,
    loops: Arc<tokio::sync::Mutex<Vec<JoinHandle<()>>>>,
}

impl WorkflowJobs {
    /// Joins a site as a node that works for these queues of it, none for the default one, and takes up tasks from here on; those that a
    /// dead process left behind as their leases run out.
    pub async fn start(
        catalogue: Catalogue,
        work: Arc<dyn SpaceWork>,
        site: &Site,
        node: &str,
        queues: &[String],
        limits: WorkflowLimits,
    ) -> Outcome<Self> {
        let joined = catalogue.join_site(site.number, node, queues, Timestamp::now()).await?;
        let engine = Arc::new(Engine {
            queues: RwLock::new(numbers(&catalogue, joined.number).await?),
            post: Post { name: node.to_owned(), queues: queues.to_vec(), node: RwLock::new(joined.id) },
            catalogue,
            work,
            limits,
            site: site.number,
            worker: JobId::new().to_string(),
            bell: Notify::new(),
            closing: watch::Sender::new(false),
        });
        let loops = vec![
            tokio::spawn(claim(engine.clone())),
            tokio::spawn(beat(engine.clone())),
            tokio::spawn(recovery::recover(engine.clone())),
            tokio::spawn(recovery::sweep(engine.clone())),
        ];
        Ok(Self { engine, loops: Arc::new(tokio::sync::Mutex::new(loops)) })
    }

    /// Durable when this answers.
    ///
    /// # Errors
    /// What is wrong in the call, by member; or a failure, such as `Conflict` "deleting" of the space.
    pub async fn submit(&self, submission: &Submission) -> Result<WorkflowJob, Refusal> {
        let new = submission.job(&self.engine.catalogue, self.engine.site).await?;
        let job = self.engine.catalogue.create_workflow_job(&new).await?;
        info!(job = %job.id, workflow = job.workflow, "job {} of the workflow {} is made", job.number, job.workflow);
        self.engine.bell.notify_one();
        Ok(job)
    }

    /// `Pause`, `Resume`, `Cancel` or `Resubmit`; one that does not fit the state has no effect. Running tasks see it within a tick.
    pub async fn request(&self, job: JobId, request: JobEvent) -> Outcome<WorkflowJob> {
        let job = self.engine.catalogue.request_workflow_job(job, request).await?;
        self.engine.bell.notify_one();
        if job.state.is_final() {
            self.engine.settle(job.id).await;
        }
        Ok(job)
    }

    /// Somebody else made a job.
    pub fn ring(&self) {
        self.engine.bell.notify_one();
    }

    /// Gives the running tasks back to their queues, and leaves the site. Ends within `WorkflowLimits::stop`, and a moment.
    pub async fn close(&self) {
        self.engine.closing.send_replace(true);
        for task in self.loops.lock().await.drain(..) {
            if let Err(cause) = task.await {
                error!(%cause, "a loop of the workflows broke off");
            }
        }
        let node = *self.engine.post.node.read().unwrap_or_else(PoisonError::into_inner);
        if let Err(failure) = self.engine.catalogue.rest_node(node).await {
            info!(%failure, "the node is called online until its last heartbeat is old");
        }
    }
}

impl Engine {
    /// A job has ended. What fails here is done by the next sweep.
    pub(super) async fn settle(&self, job: JobId) {
        if let Err(failure) = super::discovery::settle(&self.catalogue, job).await {
            error!(%job, %failure, detail = failure.detail, "the looks of job {job} are not settled");
        }
    }

    /// A task of the next queue that has one.
    async fn next(&self) -> Outcome<Option<Task>> {
        let queues = self.queues.read().unwrap_or_else(PoisonError::into_inner).clone();
        for queue in queues {
            let now = Timestamp::now();
            if let Some(task) = self.catalogue.claim_task(queue, &self.worker, now, now.plus(self.limits.lease)).await? {
                self.queues.write().unwrap_or_else(PoisonError::into_inner).rotate_left(1);
                return Ok(Some(task));
            }
        }
        Ok(None)
    }

    /// Says that the node is there, and learns for which queues.
    async fn beat(&self) -> Outcome<()> {
        let node = *self.post.node.read().unwrap_or_else(PoisonError::into_inner);
        let now = Timestamp::now();
        let number = match self.catalogue.beat_node(node, now).await {
            Ok(()) => self.catalogue.node(node).await?.number,
            // Somebody deleted it; it still works.
            Err(failure) if failure.kind == Kind::NotFound => {
                let joined = self.catalogue.join_site(self.site, &self.post.name, &self.post.queues, now).await?;
                *self.post.node.write().unwrap_or_else(PoisonError::into_inner) = joined.id;
                joined.number
            }
            Err(failure) => return Err(failure),
        };
        let queues = numbers(&self.catalogue, number).await?;
        *self.queues.write().unwrap_or_else(PoisonError::into_inner) = queues;
        Ok(())
    }
}

async fn numbers(catalogue: &Catalogue, node: Number) -> Outcome<Vec<Number>> {
    Ok(catalogue.queues_of_node(node).await?.into_iter().map(|queue| queue.number).collect())
}

async fn beat(engine: Arc<Engine>) {
    let mut closing = engine.closing.subscribe();
    loop {
        tokio::select! {
            () = tokio::time::sleep(engine.limits.heartbeat) => {}
            _ = closing.wait_for(|closing| *closing) => return,
        }
        if let Err(failure) = engine.beat().await {
            error!(%failure, detail = failure.detail, "the node cannot say that it is there");
        }
    }
}

/// Takes up tasks while there are slots; ends when the host goes down and all running ones have.
async fn claim(engine: Arc<Engine>) {
    let slots = Arc::new(Semaphore::new(engine.limits.workers));
    let mut closing = engine.closing.subscribe();
    let mut running = tokio::task::JoinSet::new();
    loop {
        let slot = tokio::select! {
            slot = slots.clone().acquire_owned() => slot,
            _ = closing.wait_for(|closing| *closing) => break,
        };
        let Ok(slot) = slot else { break };
        while let Some(ended) = running.try_join_next() {
            report(ended);
        }
        match engine.next().await {
            Ok(Some(task)) => {
                info!(task = %task.id, kind = task.kind, attempt = task.attempt, "task {} is taken up", task.number);
                running.spawn(run(engine.clone(), task, slot));
                continue;
            }
            Ok(None) => {}
            Err(failure) => error!(%failure, detail = failure.detail, "the queues cannot be read"),
        }
        drop(slot);
        tokio::select! {
            () = engine.bell.notified() => {}
            () = tokio::time::sleep(engine.limits.poll) => {}
            _ = closing.wait_for(|closing| *closing) => break,
        }
    }
    let all = async { while running.join_next().await.is_some() {} };
    if tokio::time::timeout(engine.limits.stop, all).await.is_err() {
        info!("tasks that did not stop in time are left to the next start: their leases run out");
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(cause) = ended {
        error!(%cause, "a task broke off; its lease will run out");
    }
}
