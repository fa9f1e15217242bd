//! Workflows as the catalogue keeps them: their definitions, the jobs that run them, and the tasks those consist of.
//!
//! What a definition and a step mean is not said here: both are open records.

mod job;
mod job_state;
mod path;
mod task;
mod task_state;

use serde::{Deserialize, Serialize};

pub use self::job::{InputPath, JobCounts, JobOwner, JobTally, NewWorkflowJob, WorkflowJob};
pub use self::job_state::{JobEvent, JobState};
pub use self::path::{JobPath, JobPathState, MOST_PATHS, PathResult, Results, TaskPath, TaskPathRecord};
pub use self::task::{NewTask, Task, TaskEnd, TaskResult};
pub use self::task_state::{IllegalEvent, Readiness, TaskEvent, TaskState, readiness};
use crate::ids::{Number, WorkflowId};
use crate::time::Timestamp;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkflowRecord {
    pub id: WorkflowId,
    pub number: Number,
    /// Unique among workflows.
    pub name: String,
    /// The whole of it, with its name.
    pub definition: serde_json::Value,
    /// Came with the host: nobody changes or deletes it.
    pub protected: bool,
    pub created: Timestamp,
    pub updated: Timestamp,
}
