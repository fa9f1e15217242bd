//! Jobs of the host as the dialect's active jobs, which are asked about by an id.

use capstan_api_nodeum::{ActiveJob, ActiveJobState, Answer, CloudBucket, Error};
use capstan_domain::ids::JobId;
use capstan_domain::job::{Job, JobState};
use capstan_domain::ports::LocationInfo;
use serde_json::Value;

use super::failures::{missing, sentence};
use super::words::count;
use super::{Door, failures};

impl Door {
    /// The job that a client names, if it is one of the kind asked about.
    pub(super) async fn job(&self, id: &str, is_meant: impl FnOnce(&Job) -> bool) -> Answer<Job> {
        let parsed: JobId = id.parse().map_err(|_| Error::not_found("job_id", id))?;
        let job = self.app.jobs.get(parsed).await.map_err(missing("job_id", id))?;
        if is_meant(&job) { Ok(job) } else { Err(Error::not_found("job_id", id)) }
    }
}

/// How far the work of a job is.
pub(super) fn active(job: &Job) -> ActiveJob {
    let state = match job.state {
        JobState::NotActivated | JobState::Queued => ActiveJobState::Queued,
        JobState::Calculating | JobState::Running | JobState::Paused => ActiveJobState::Working,
        JobState::Done | JobState::DoneWithWarnings => ActiveJobState::Completed,
        JobState::Failed | JobState::StoppedByUser | JobState::StoppedBySystem => ActiveJobState::Failed,
    };
    let working = state == ActiveJobState::Working;
    let message = match &job.failure {
        Some(failure) if state == ActiveJobState::Failed => Some(sentence(failure)),
        None if state == ActiveJobState::Failed => Some("It was stopped".to_owned()),
        _ => None,
    };
    ActiveJob {
        job_id: job.id.to_string(),
        status: state,
        progress: working.then(|| count(job.progress.files_processed)),
        total: working.then(|| count(job.progress.files_to_process)),
        message,
    }
}

/// The answer about a request, which has a state of its own beside that of the work.
pub(super) fn request(job: &Job, status: ActiveJobState) -> ActiveJob {
    ActiveJob { job_id: job.id.to_string(), status, progress: None, total: None, message: None }
}

/// The locations that a look at an unsaved account found.
pub(super) fn found(job: &Job) -> Answer<Vec<CloudBucket>> {
    let locations = job.answer.as_ref().and_then(|answer| answer.get("locations")).cloned().unwrap_or(Value::Array(Vec::new()));
    let locations: Vec<LocationInfo> = serde_json::from_value(locations)
        .map_err(|cause| failures::error(capstan_domain::Failure::host("The answer of the job cannot be read", cause)))?;
    let bucket = |location: LocationInfo| CloudBucket {
        location: location.extras.into_iter().find(|(name, _)| name == "region").map(|(_, region)| region),
        name: location.name,
        ..CloudBucket::default()
    };
    Ok(locations.into_iter().map(bucket).collect())
}
