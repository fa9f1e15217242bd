//! Jobs: durable work as it runs, and what became of each path.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::http::Uri;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Operation, PathOf, Routes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::AdminError;
use crate::listing::{Page, Window};

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Job {
    pub id: String,
    pub number: i64,
    pub name: String,
    /// `transfer`, `erase`, `scan`, `probe`, `drive` or `sync_locations`.
    pub work: String,
    /// `queued`, `calculating`, `running`, `paused`, `done`, `done_with_warnings`, `failed`, `stopped_by_user` or `stopped_by_system`.
    pub state: String,
    pub progress: Progress,
    /// 1, or more when a worker died and another took it up.
    pub attempt: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<AdminError>,
    pub created: String,
    pub started: Option<String>,
    pub finished: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    pub files_to_process: u64,
    pub bytes_to_process: u64,
    pub files_processed: u64,
    pub bytes_processed: u64,
    /// Durable and, where asked for, verified.
    pub files_finalized: u64,
    pub bytes_finalized: u64,
    pub files_failed: u64,
    pub bytes_per_second: u64,
    pub remaining_ms: Option<u64>,
}

/// What became of one path.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PathOutcome {
    pub path: String,
    /// `done`, `unchanged`, `skipped` or `failed`.
    pub state: String,
    pub bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<AdminError>,
    pub finished: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    Pause,
    Resume,
    Stop,
}

#[async_trait]
pub trait Jobs: Send + Sync + 'static {
    /// Newest first.
    async fn list_jobs(&self, caller: &Caller, window: Window) -> Result<Page<Job>, AdminError>;
    async fn show_job(&self, caller: &Caller, job: &str) -> Result<Job, AdminError>;
    async fn list_outcomes(&self, caller: &Caller, job: &str, window: Window) -> Result<Page<PathOutcome>, AdminError>;
    async fn request_of_job(&self, caller: &Caller, job: &str, request: Request) -> Result<Job, AdminError>;
}

pub(crate) fn routes() -> Routes<Arc<dyn Jobs>> {
    Routes::new()
        .on(
            Window::asked_of(Operation::get("/jobs", "list_jobs", Access::Scope("jobs", "index")))
                .summary("Lists jobs, newest first.")
                .answers::<Page<Job>>(200, "Jobs."),
            list,
        )
        .on(
            Operation::get("/jobs/{job}", "show_job", Access::Scope("jobs", "show"))
                .summary("Shows one job, by number or id.")
                .answers::<Job>(200, "The job."),
            show,
        )
        .on(
            Window::asked_of(Operation::get("/jobs/{job}/outcomes", "list_outcomes", Access::Scope("jobs", "show")))
                .summary("Lists what became of each path.")
                .answers::<Page<PathOutcome>>(200, "Outcomes."),
            outcomes,
        )
        .on(
            Operation::post("/jobs/{job}/{request}", "request_of_job", Access::Scope("jobs", "update"))
                .summary("Asks a job to pause, to resume or to stop; its worker sees it within a second.")
                .answers::<Job>(200, "The job.")
                .answers::<AdminError>(409, "It has ended."),
            request,
        )
}

async fn list(
    State(jobs): State<Arc<dyn Jobs>>,
    Extension(caller): Extension<Arc<Caller>>,
    uri: Uri,
) -> Result<Json<Page<Job>>, AdminError> {
    let window = Window::of(&uri)?;
    jobs.list_jobs(&caller, window).await.map(Json)
}

async fn show(
    State(jobs): State<Arc<dyn Jobs>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: job, .. }: PathOf<String, AdminError>,
) -> Result<Json<Job>, AdminError> {
    jobs.show_job(&caller, &job).await.map(Json)
}

async fn outcomes(
    State(jobs): State<Arc<dyn Jobs>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: job, .. }: PathOf<String, AdminError>,
    uri: Uri,
) -> Result<Json<Page<PathOutcome>>, AdminError> {
    let window = Window::of(&uri)?;
    jobs.list_outcomes(&caller, &job, window).await.map(Json)
}

async fn request(
    State(jobs): State<Arc<dyn Jobs>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: (job, request), .. }: PathOf<(String, String), AdminError>,
) -> Result<Json<Job>, AdminError> {
    let request = match request.as_str() {
        "pause" => Request::Pause,
        "resume" => Request::Resume,
        "stop" => Request::Stop,
        _ => return Err(AdminError::caller("not-found", "A job can be asked to pause, to resume or to stop")),
    };
    jobs.request_of_job(&caller, &job, request).await.map(Json)
}
