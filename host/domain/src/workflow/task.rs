//! A task: one step of a job, taken with some of its paths by one worker.

use serde::{Deserialize, Serialize};

use super::path::{PathResult, Results, TaskPath};
use super::task_state::TaskState;
use crate::failure::Failure;
use crate::ids::{JobId, Number, QueueId, TaskId};
use crate::time::Timestamp;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    pub id: TaskId,
    pub number: Number,
    pub job: JobId,
    pub job_number: Number,
    /// Within the job, from 0.
    pub position: u64,
    /// "migrate", "recall", …, "discovery".
    pub kind: String,
    /// The step with its arguments.
    pub step: serde_json::Value,
    pub site_number: Option<Number>,
    pub site_name: Option<String>,
    /// None once the queue is gone.
    pub queue_number: Option<Number>,
    pub queue_name: Option<String>,
    pub state: TaskState,
    /// Numbers of the tasks that must have ended before.
    pub predecessors: Vec<Number>,
    /// The task that made this one while it ran.
    pub spawner: Option<Number>,
    /// How many it works on; 0 until its predecessors have handed it any.
    pub paths: u64,
    pub results: Results,
    /// Of the paths that were processed.
    pub bytes: u64,
    /// Where a task that makes others goes on when it is taken up again.
    pub cursor: Option<serde_json::Value>,
    /// How often a worker took it up.
    pub attempt: u32,
    pub failure: Option<Failure>,
    pub created: Timestamp,
    pub started: Option<Timestamp>,
    pub ended: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub struct NewTask {
    /// Unique within the job.
    pub position: u64,
    pub kind: String,
    pub step: serde_json::Value,
    /// Tells the site too.
    pub queue: QueueId,
    /// Of a task with predecessors none: they hand it theirs.
    pub paths: Vec<TaskPath>,
    /// Positions of tasks of the same job, each made before this one.
    pub predecessors: Vec<u64>,
}

/// What became of a path, by its position in the task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskResult {
    pub position: u64,
    pub result: PathResult,
    /// For programs; of a path that was not processed.
    pub code: Option<String>,
    /// For people.
    pub message: Option<String>,
}

/// How a worker ends a task.
#[derive(Clone, Debug)]
pub enum TaskEnd {
    /// It went through all of its paths. One whose result was not recorded counts as failed.
    Done,
    /// It broke down as a whole, and hands on nothing. Paths without a result failed with it.
    Failed(Failure),
}
