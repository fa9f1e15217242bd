//! What the work on tasks needs of spaces: their raw trees, and somebody who takes a step with files.

use async_trait::async_trait;
use capstan_domain::Outcome;
use capstan_domain::ids::{JobId, Number, SpaceId, TaskId};
use capstan_domain::workflow::{TaskPath, TaskResult};
use capstan_stub::RawTree;
use capstan_workflows::Step;
use tokio::sync::{mpsc, watch};

#[async_trait]
pub trait SpaceWork: Send + Sync {
    /// The raw tree of a space, as it is on this site.
    async fn raw(&self, space: SpaceId) -> Outcome<RawTree>;

    /// Takes a step with paths, and tells what became of each as it comes: `TaskResult::position` is the path's in `StepWork::paths`, from
    /// 0. A path that nothing was told of has failed. May be asked again for paths whose result was told but not recorded, so what is
    /// done already counts as done: a move whose old path is gone and whose new one is there, a deletion of what is not there.
    /// Tasks run beside each other: what is made somewhere makes the folders above it that are missing.
    ///
    /// # Errors
    /// What broke the whole; where it may be asked again later, it is. `Cancelled` after `StepWork::stop` turned true.
    async fn step(&self, work: StepWork, results: mpsc::Sender<Vec<TaskResult>>) -> Outcome<()>;
}

/// A step to be taken at a site.
#[derive(Clone, Debug)]
pub struct StepWork {
    pub space: SpaceId,
    /// Where it is taken.
    pub site: Number,
    pub job: JobId,
    pub task: TaskId,
    pub step: Step,
    pub paths: Vec<TaskPath>,
    /// True once the job is to be cancelled or the host goes down: what is under way is left as a killed process would leave it.
    pub stop: watch::Receiver<bool>,
}
