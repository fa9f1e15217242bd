//! A job that was begun by a PUT and is asked about by a GET of the same path.
//!
//! The GET answers 202 while the job is queued or working and also when it failed, and 200 with the result when it is done: clients
//! read the body, not only the status.

use axum::extract::Query;
use axum::response::{IntoResponse, Response};
use capstan_api_http::{Kind, Operation};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer::{Accepted, Broken};
use crate::errors::{Code, Error};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActiveJobState {
    Queued,
    Working,
    Completed,
    Failed,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = active_job_status)]
pub struct ActiveJob {
    pub job_id: String,
    pub status: ActiveJobState,
    /// Only while it is working.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<i64>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl IntoResponse for ActiveJob {
    fn into_response(self) -> Response {
        match self.status {
            ActiveJobState::Completed => axum::Json(self).into_response(),
            _ => Accepted(self).into_response(),
        }
    }
}

/// The query of the GET.
#[derive(Clone, Debug, Deserialize)]
pub struct JobQuery {
    job_id: Option<String>,
}

pub(crate) type AskedJob = Result<Query<JobQuery>, axum::extract::rejection::QueryRejection>;

/// The job that was asked about.
pub(crate) fn asked(query: AskedJob) -> Result<String, Error> {
    let job = query.ok().and_then(|Query(query)| query.job_id).unwrap_or_default();
    if job.is_empty() { Err(Error::attribute("job_id", Code::Blank)) } else { Ok(job) }
}

/// The job that was asked about; none: one is to be begun.
pub(crate) fn asked_if_any(query: AskedJob) -> Option<String> {
    query.ok().and_then(|Query(query)| query.job_id).filter(|job| !job.is_empty())
}

/// A look at devices that has not come to its end: a failed one is a 500, as the reference declares it.
pub(crate) fn no_devices(job: ActiveJob) -> Response {
    match job.status {
        ActiveJobState::Failed => Broken(job).into_response(),
        _ => Accepted(job).into_response(),
    }
}

/// A look at devices; the GET without a job begins one.
pub(crate) fn documented_devices(operation: Operation) -> Operation {
    operation
        .query("job_id", Kind::Text, false, "The look to ask about; left out: a look is begun.")
        .answers::<ActiveJob>(202, "Begun, queued or working.")
        .answers::<ActiveJob>(500, "The look failed; the body says why.")
}

pub(crate) fn documented(operation: Operation) -> Operation {
    operation
        .query("job_id", Kind::Text, true, "The job that the PUT answered with.")
        .answers::<ActiveJob>(202, "Queued, working, or failed; the body says which.")
}
