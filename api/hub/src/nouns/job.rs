//! Jobs as answers show them.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::Object;
use super::workflow::Discovery;
use crate::link::Link;
use crate::moment::Moment;

/// New, Error and Skipped are words that clients ask for; no job is ever in one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schema(as = job_state)]
pub enum JobState {
    New,
    Pending,
    Started,
    Success,
    /// Something failed, be it one file.
    Failure,
    Error,
    Skipped,
    /// Until its running tasks have ended.
    Pausing,
    Paused,
    /// Until its tasks have left the queue.
    Dequeuing,
    Cancelled,
}

pub(crate) const JOB_STATES: &[(&str, JobState)] = &[
    ("NEW", JobState::New),
    ("PENDING", JobState::Pending),
    ("STARTED", JobState::Started),
    ("SUCCESS", JobState::Success),
    ("FAILURE", JobState::Failure),
    ("ERROR", JobState::Error),
    ("SKIPPED", JobState::Skipped),
    ("PAUSING", JobState::Pausing),
    ("PAUSED", JobState::Paused),
    ("DEQUEUING", JobState::Dequeuing),
    ("CANCELLED", JobState::Cancelled),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobAction {
    Cancel,
    Pause,
    /// Of one that is not paused: nothing happens.
    Resume,
    /// Of one that has not ended: nothing happens.
    Resubmit,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = job)]
pub struct Job {
    pub id: i64,
    pub url: Link,
    /// Name of the workflow.
    pub workflow: String,
    pub state: JobState,
    /// Name of the site.
    pub site: String,
    /// Name of the queue.
    pub queue: String,
    /// Username; null of a job of the system, or of one whose owner is gone.
    pub owner: Option<String>,
    /// Id of the client key that it was started with.
    pub clientkey: Option<i64>,
    /// Id of the schedule that started it.
    pub schedule: Option<i64>,
    /// Id of the job that it belongs to.
    pub job: Option<i64>,
    pub discovery: Option<Discovery>,
    #[schema(value_type = Object)]
    pub fields: Object,
    /// Some of the paths that it was given, and how many there are.
    pub input_paths: Vec<String>,
    pub input_paths_count: u64,
    pub created: Moment,
    pub started: Option<Moment>,
    pub completed: Option<Moment>,
    /// Seconds from its start to its end, or to now.
    pub runtime: Option<f64>,
}

/// How many jobs there are, by what they do, by state, by day of creation (`2024-11-05`, UTC) and by name of the site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = job_summary)]
pub struct JobSummary {
    /// By workflow; the first three are always there.
    #[serde(rename = "type")]
    pub kind: BTreeMap<String, u64>,
    /// The five that clients know are always there.
    pub state: BTreeMap<String, u64>,
    pub created: BTreeMap<String, u64>,
    pub site: BTreeMap<String, u64>,
}

impl Default for JobSummary {
    fn default() -> Self {
        let zero = |words: &[&str]| words.iter().map(|word| ((*word).to_owned(), 0)).collect();
        Self {
            kind: zero(&["migrate", "premigrate", "recall"]),
            state: zero(&["SUCCESS", "FAILURE", "STARTED", "PENDING", "ERROR"]),
            created: BTreeMap::new(),
            site: BTreeMap::new(),
        }
    }
}

/// A kind of job that is not built in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = job_type)]
pub struct JobType {
    /// Name of the workflow.
    pub value: String,
    pub label: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = job_progress)]
pub struct JobProgress {
    /// Of a hundred; a hundred only when it has ended.
    pub progress: u8,
    pub state: JobState,
    /// Paths that are known so far, and those of them that are done with.
    pub total: u64,
    pub completed: u64,
    /// What it waits for, where nobody is there to go on with it.
    pub message: Option<String>,
}

/// Paths of a job by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = job_statistics)]
pub struct JobStatistics {
    pub total: u64,
    pub pending: u64,
    pub processed: u64,
    pub skipped: u64,
    pub aborted: u64,
    pub failed: u64,
    /// Bytes of all, and of those that were processed.
    pub total_size: u64,
    pub processed_size: u64,
}
