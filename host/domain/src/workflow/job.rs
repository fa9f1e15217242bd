//! A job that runs a workflow: what it has beside what every job has.

use serde::{Deserialize, Serialize};

use super::job_state::JobState;
use super::task::NewTask;
use crate::ids::{JobId, Number, QueueId, SiteId, SpaceId, WorkflowId};
use crate::time::Timestamp;

/// Who asked for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobOwner {
    /// Number of the user.
    User(Number),
    System,
    /// Somebody who is no user any more.
    Unknown,
}

impl JobOwner {
    /// What stands for the system in lists of users.
    pub const SYSTEM: Number = -2;
    /// What stands for somebody unknown.
    pub const UNKNOWN: Number = -1;

    pub fn number(self) -> Number {
        match self {
            Self::User(number) => number,
            Self::System => Self::SYSTEM,
            Self::Unknown => Self::UNKNOWN,
        }
    }

    pub fn of_number(number: Number) -> Self {
        match number {
            Self::SYSTEM => Self::System,
            Self::UNKNOWN => Self::Unknown,
            number => Self::User(number),
        }
    }
}

/// A path that a call gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputPath {
    /// As the caller wrote it.
    pub path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkflowJob {
    pub id: JobId,
    pub number: Number,
    pub name: String,
    pub state: JobState,
    /// The workflow's name when the job was made.
    pub workflow: String,
    /// None once it was deleted.
    pub workflow_number: Option<Number>,
    pub site_number: Option<Number>,
    pub site_name: Option<String>,
    pub queue_number: Option<Number>,
    pub queue_name: Option<String>,
    pub space: Option<SpaceId>,
    pub space_number: Option<Number>,
    pub owner: JobOwner,
    /// Name of the user that owns it.
    pub owner_name: Option<String>,
    /// Number of the client key that it was asked for with.
    pub client_key: Option<Number>,
    /// Number of the schedule that it came from.
    pub schedule: Option<Number>,
    /// "recursive", "snapdiff"; none: the call brought the paths.
    pub discovery: Option<String>,
    /// The workflow's definition when the job was made.
    pub definition: serde_json::Value,
    /// Fields, globs and options of the call.
    pub call: serde_json::Value,
    pub counts: JobCounts,
    pub created: Timestamp,
    pub started: Option<Timestamp>,
    pub completed: Option<Timestamp>,
}

/// What a job has done so far, each path counted once a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobCounts {
    /// Found so far, and handed on.
    pub paths: u64,
    pub bytes: u64,
    pub settled: u64,
    pub settled_bytes: u64,
    /// Of those settled: failed or skipped.
    pub failed: u64,
}

#[derive(Clone, Debug)]
pub struct NewWorkflowJob {
    pub name: String,
    pub workflow: WorkflowId,
    /// As it is now: the job keeps to it.
    pub definition: serde_json::Value,
    pub call: serde_json::Value,
    pub site: SiteId,
    pub queue: QueueId,
    pub space: Option<SpaceId>,
    pub owner: JobOwner,
    pub client_key: Option<Number>,
    pub schedule: Option<Number>,
    pub discovery: Option<String>,
    pub inputs: Vec<InputPath>,
    /// Those it begins with; at least one.
    pub tasks: Vec<NewTask>,
}

/// How many jobs of a list are of which kind; each by name, with its count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobTally {
    pub workflows: Vec<(String, u64)>,
    pub states: Vec<(JobState, u64)>,
    pub sites: Vec<(String, u64)>,
    /// By the day they were made on, in days since 1970, UTC.
    pub days: Vec<(i64, u64)>,
}
