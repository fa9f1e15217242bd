//! The paths of jobs and tasks, and what becomes of them.

use serde::{Deserialize, Serialize};

use super::task_state::TaskEvent;
use crate::entry::EntryKind;
use crate::ids::Number;

/// Paths of one task.
pub const MOST_PATHS: usize = 100_000;

/// A path that a task works on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskPath {
    /// Within the space, without a slash before.
    pub path: String,
    pub kind: EntryKind,
    pub size: u64,
    /// As discovery, or the caller, found it: "created", "moved", …; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub state: String,
    /// Of a path that was moved: where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// What became of one path of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathResult {
    /// Done, or found as it should be.
    Processed,
    /// Left out because it could not be done now, such as a file in use.
    Skipped,
    /// Left out because the call asked for that: missing under `abort_missing`, a conflict under `ignore`.
    Aborted,
    Failed,
}

/// How many paths of a task came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Results {
    pub processed: u64,
    pub skipped: u64,
    pub aborted: u64,
    pub failed: u64,
}

impl Results {
    pub fn add(&mut self, result: PathResult) {
        let count = match result {
            PathResult::Processed => &mut self.processed,
            PathResult::Skipped => &mut self.skipped,
            PathResult::Aborted => &mut self.aborted,
            PathResult::Failed => &mut self.failed,
        };
        *count += 1;
    }

    pub fn total(&self) -> u64 {
        self.processed + self.skipped + self.aborted + self.failed
    }

    /// What the end of the task is then. It errs as soon as a path failed or was skipped, so that nothing is left out unseen.
    pub fn event(&self) -> TaskEvent {
        match self {
            Self { skipped: 0, failed: 0, .. } if self.total() == 0 => TaskEvent::Emptied,
            Self { skipped: 0, failed: 0, .. } => TaskEvent::Succeeded,
            _ => TaskEvent::Erred,
        }
    }
}

/// A path of a task as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskPathRecord {
    pub task: Number,
    /// In the task, from 0.
    pub position: u64,
    pub path: TaskPath,
    /// None: not yet known.
    pub result: Option<PathResult>,
    pub code: Option<String>,
    pub message: Option<String>,
}

/// What a path of a job has come to, over all of its tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobPathState {
    /// Some task has still to do with it.
    Pending,
    Processed,
    Skipped,
    Aborted,
    Failed,
    /// The task that it waited for was cancelled.
    Cancelled,
}

/// A path of a job: one row, whatever tasks it went through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobPath {
    pub number: Number,
    /// Number of the job.
    pub job: Number,
    pub path: String,
    pub state: JobPathState,
    pub code: Option<String>,
    pub message: Option<String>,
    /// The latest that had to do with it.
    pub task: Number,
    /// Name of the site of that task; none once it was deleted.
    pub site_name: Option<String>,
    /// Bytes, as that task has it.
    pub size: Option<u64>,
}
