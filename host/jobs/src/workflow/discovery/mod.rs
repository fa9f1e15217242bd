//! The task that finds the paths of a job and makes the tasks that work on them.
//!
//! It makes them while it goes on finding, a bounded number together, and with each lot it records where to go on. So a discovery that
//! is taken up again, by whomever, neither loses nor doubles one. It gives way when its job is paused or cancelled.

mod given;
mod layout;
mod look;
mod recursive;
mod rounds;
mod snapdiff;
mod survey;

use capstan_domain::ids::{QueueId, SpaceId};
use capstan_domain::site::Site;
use capstan_domain::workflow::{NewTask, Task, WorkflowJob};
use capstan_domain::{Failure, Kind, Outcome};
use capstan_stub::RawTree;
use capstan_workflows::{Discovery, DiscoveryKind, FieldValues, Workflow};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(super) use self::snapdiff::settle;
use super::call::Call;
use super::engine::Engine;
use super::run::{Asked, End};

/// Position of the first task that a discovery makes; its own is 0.
const FIRST_POSITION: u64 = 1;

/// What every kind of discovery goes by.
pub(super) struct Discovering<'e> {
    engine: &'e Engine,
    task: &'e Task,
    job: &'e WorkflowJob,
    asked: &'e tokio::sync::watch::Receiver<Asked>,
    call: Call,
    workflow: Workflow,
    values: FieldValues,
    site: Site,
    queue: QueueId,
    space: SpaceId,
    tree: RawTree,
}

pub(super) async fn discover(
    engine: &Engine,
    task: &Task,
    job: &WorkflowJob,
    discovery: Option<Discovery>,
    asked: &tokio::sync::watch::Receiver<Asked>,
) -> Outcome<End> {
    let gone = |what: &str| Failure::new(Kind::NotFound, format!("the {what} of the job is gone"));
    let call = Call::of(job)?;
    let (workflow, values) = call.workflow(job)?;
    let space = job.space.ok_or_else(|| gone("space"))?;
    let discovering = Discovering {
        site: engine.catalogue.site(job.site_number.ok_or_else(|| gone("site"))?).await?,
        queue: engine.catalogue.site_queue(job.queue_number.ok_or_else(|| gone("queue"))?).await?.id,
        tree: engine.work.raw(space).await?,
        engine,
        task,
        job,
        asked,
        call,
        workflow,
        values,
        space,
    };
    match discovery {
        None => given::discover(&discovering).await,
        Some(Discovery { kind: DiscoveryKind::Recursive, options }) => recursive::discover(&discovering, options).await,
        Some(Discovery { kind: DiscoveryKind::Snapdiff, options }) => snapdiff::discover(&discovering, options).await,
    }
}

impl Discovering<'_> {
    /// Where the one before left off; none: this is the first.
    fn cursor<C: DeserializeOwned>(&self) -> Outcome<Option<C>> {
        let cursor = self.task.cursor.clone().map(serde_json::from_value).transpose();
        cursor.map_err(|cause| Failure::host("where a discovery is to go on cannot be read", cause))
    }

    /// False: the job takes up no tasks now, and the discovery gives way.
    async fn remember(&self, tasks: Vec<NewTask>, cursor: &impl Serialize) -> Outcome<bool> {
        let cursor = serde_json::to_value(cursor).map_err(|cause| Failure::host("a cursor cannot be written", cause))?;
        let made = !tasks.is_empty();
        let state = self.engine.catalogue.spawn_tasks(self.task.id, &self.engine.worker, tasks, Some(cursor)).await?;
        if made {
            self.engine.bell.notify_one();
        }
        Ok(state.takes_up_tasks() && !self.gives_way())
    }

    fn gives_way(&self) -> bool {
        *self.asked.borrow() != Asked::GoOn
    }

    /// `Cancelled` once it is to stop on its way, not only to give way where it can.
    fn go_on(&self) -> Outcome<()> {
        match *self.asked.borrow() {
            Asked::Stop => Err(Failure::new(Kind::Cancelled, "the discovery was stopped on its way")),
            Asked::GoOn | Asked::Pause => Ok(()),
        }
    }

    /// The paths of the call, within the space.
    async fn inputs(&self) -> Outcome<Vec<String>> {
        let inputs = self.engine.catalogue.job_inputs(self.job.id).await?;
        inputs.iter().map(|input| self.call.within_space(&input.path).map_err(Failure::invalid)).collect()
    }
}

/// Work on the disk, where it may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Outcome<T> + Send + 'static) -> Outcome<T> {
    tokio::task::spawn_blocking(work).await.map_err(|cause| Failure::host("work on a tree broke off", cause))?
}
