//! Jobs: their routes. A job is started by a run of a workflow; what it does it does later, and so do the actions on it.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Kind, Operation, Routes};
use http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use super::job::{Job, JobAction, JobProgress, JobStatistics, JobSummary, JobType};
use super::job_filter::{JobFilter, filtered};
use super::path_state::{PATH_STATES, PathState};
use super::workflow_run::WorkflowRun;
use super::{At, Who};
use crate::answer::{Accepted, Answer, JobReference, Nothing, Page};
use crate::moment::Moment;
use crate::paging::{Listed, Paging, Window, paged};
use crate::query::Query;

/// Jobs that are shown as recent.
pub const RECENT_JOBS: u32 = 5;

/// One path of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = job_file)]
pub struct JobFile {
    pub path: String,
    /// Name of the site.
    pub site: String,
    /// Bytes.
    pub size: Option<u64>,
    pub state: PathState,
    pub code: Option<String>,
    pub message: Option<String>,
    /// Id of the task that had it last.
    pub task: Option<i64>,
}

/// A page of jobs, with numbers over all that fit the filters.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = job_page_with_stats)]
struct JobPage {
    count: u64,
    next: Option<String>,
    previous: Option<String>,
    results: Vec<Job>,
    stats: JobSummary,
}

#[async_trait]
pub trait Jobs: Send + Sync + 'static {
    /// The latest first.
    async fn list(&self, caller: &Caller, filter: &JobFilter, window: Window) -> Answer<Page<Job>>;
    /// Over all that the filter lets through.
    async fn summary(&self, caller: &Caller, filter: &JobFilter) -> Answer<JobSummary>;
    /// Kinds that are not built in.
    async fn types(&self, caller: &Caller, window: Window) -> Answer<Page<JobType>>;
    async fn show(&self, caller: &Caller, job: i64) -> Answer<Job>;
    /// Answers the new job's id.
    async fn start(&self, caller: &Caller, run: WorkflowRun) -> Answer<i64>;
    /// With its tasks and statistics; one that has not ended is refused.
    async fn delete(&self, caller: &Caller, job: i64) -> Answer<()>;
    /// Begins it. Answers the id of the job that goes on: the same, unless a new one takes over.
    async fn act(&self, caller: &Caller, job: i64, action: JobAction) -> Answer<i64>;
    async fn files(&self, caller: &Caller, job: i64, category: Option<PathState>, window: Window) -> Answer<Page<JobFile>>;
    async fn progress(&self, caller: &Caller, job: i64) -> Answer<JobProgress>;
    async fn statistics(&self, caller: &Caller, job: i64) -> Answer<JobStatistics>;
}

type Shared = State<Arc<dyn Jobs>>;

pub(crate) fn routes(jobs: Arc<dyn Jobs>) -> Routes {
    let scope = |verb| Access::Scope("jobs", verb);
    let one = "/jobs/{id}/";
    let action = |path, id, verb, text| {
        Operation::post(path, id, scope(verb)).summary(text).answers::<JobReference>(202, "The job, which gets there by and by.")
    };
    Routes::new()
        .on(
            filtered(paged(Operation::get("/jobs/", "list_jobs", scope("index"))))
                .summary("Lists jobs, the latest first, with numbers over all of them.")
                .answers::<JobPage>(200, "Jobs."),
            list,
        )
        .on(
            paged(Operation::get("/jobs/jobtype_choices/", "list_job_types", scope("index")))
                .summary("Lists the kinds of jobs that are not built in.")
                .answers::<Listed<JobType>>(200, "Kinds of jobs."),
            types,
        )
        .on(
            paged(Operation::get("/jobs/recent/", "list_recent_jobs", scope("index")))
                .summary("Lists the five latest jobs.")
                .answers::<Listed<Job>>(200, "Jobs."),
            recent,
        )
        .on(
            filtered(paged(Operation::get("/jobs/stats/", "show_job_summary", scope("index"))))
                .summary("Counts jobs; page and page_size do nothing here.")
                .answers::<JobSummary>(200, "Numbers."),
            summary,
        )
        .on(Operation::get(one, "show_job", scope("show")).summary("Shows a job.").answers::<Job>(200, "The job."), show)
        .on(
            Operation::delete(one, "delete_job", scope("destroy"))
                .summary("Deletes a job that has ended, with its tasks.")
                .answers_nothing(204, "Deleted."),
            delete,
        )
        .on(action("/jobs/{id}/cancel/", "cancel_job", "cancel", "Begins to cancel a job."), cancel)
        .on(action("/jobs/{id}/pause/", "pause_job", "pause", "Pauses a job when its running tasks have ended."), pause)
        .on(action("/jobs/{id}/resume/", "resume_job", "resume", "Lets a paused job go on."), resume)
        .on(action("/jobs/{id}/resubmit/", "resubmit_job", "resubmit", "Runs a job that has ended again."), resubmit)
        .on(
            paged(Operation::get("/jobs/{id}/files/", "list_job_files", scope("show")))
                .summary("Lists the paths of a job with what became of them.")
                .query("category", Kind::Text, false, "Only those that are pending, processed, skipped, aborted or failed.")
                .answers::<Listed<JobFile>>(200, "Paths."),
            files,
        )
        .on(
            Operation::get("/jobs/{id}/progress/", "show_job_progress", scope("show"))
                .summary("Tells how far a job is.")
                .answers::<JobProgress>(200, "Progress."),
            progress,
        )
        .on(
            Operation::get("/jobs/{id}/statistics/", "show_job_statistics", scope("show"))
                .summary("Counts the paths of a job.")
                .answers::<JobStatistics>(200, "Numbers."),
            statistics,
        )
        .with_state(jobs)
}

async fn list(State(jobs): Shared, Extension(caller): Who, uri: Uri) -> Answer<Json<JobPage>> {
    let paging = Paging::of(&uri)?;
    let filter = JobFilter::of(&uri, Moment::now())?;
    let Listed { count, next, previous, results } = paging.listed(jobs.list(&caller, &filter, paging.window()).await?)?;
    let stats = jobs.summary(&caller, &filter).await?;
    Ok(Json(JobPage { count, next, previous, results, stats }))
}

async fn types(State(jobs): Shared, Extension(caller): Who, uri: Uri) -> Answer<Json<Listed<JobType>>> {
    let paging = Paging::of(&uri)?;
    paging.listed(jobs.types(&caller, paging.window()).await?).map(Json)
}

/// A list of its own, that ends after five.
async fn recent(State(jobs): Shared, Extension(caller): Who, uri: Uri) -> Answer<Json<Listed<Job>>> {
    let paging = Paging::of(&uri)?;
    let window = Window { offset: 0, limit: u64::from(RECENT_JOBS) };
    let items = jobs.list(&caller, &JobFilter::default(), window).await?.items;
    paging.listed(Page { count: items.len() as u64, items }).map(Json)
}

async fn summary(State(jobs): Shared, Extension(caller): Who, uri: Uri) -> Answer<Json<JobSummary>> {
    let filter = JobFilter::of(&uri, Moment::now())?;
    jobs.summary(&caller, &filter).await.map(Json)
}

async fn show(State(jobs): Shared, Extension(caller): Who, at: At) -> Answer<Json<Job>> {
    jobs.show(&caller, at.0).await.map(Json)
}

async fn delete(State(jobs): Shared, Extension(caller): Who, at: At) -> Answer<Nothing> {
    jobs.delete(&caller, at.0).await.map(|()| Nothing)
}

async fn act(jobs: &dyn Jobs, caller: &Caller, at: &At, action: JobAction) -> Answer<Accepted<JobReference>> {
    jobs.act(caller, at.0, action).await.map(JobReference::to).map(Accepted)
}

async fn cancel(State(jobs): Shared, Extension(caller): Who, at: At) -> Answer<Accepted<JobReference>> {
    act(&*jobs, &caller, &at, JobAction::Cancel).await
}

async fn pause(State(jobs): Shared, Extension(caller): Who, at: At) -> Answer<Accepted<JobReference>> {
    act(&*jobs, &caller, &at, JobAction::Pause).await
}

async fn resume(State(jobs): Shared, Extension(caller): Who, at: At) -> Answer<Accepted<JobReference>> {
    act(&*jobs, &caller, &at, JobAction::Resume).await
}

async fn resubmit(State(jobs): Shared, Extension(caller): Who, at: At) -> Answer<Accepted<JobReference>> {
    act(&*jobs, &caller, &at, JobAction::Resubmit).await
}

async fn files(State(jobs): Shared, Extension(caller): Who, at: At, uri: Uri) -> Answer<Json<Listed<JobFile>>> {
    let paging = Paging::of(&uri)?;
    let mut query = Query::of(&uri);
    let category = query.word("category", PATH_STATES);
    query.finish()?;
    paging.listed(jobs.files(&caller, at.0, category, paging.window()).await?).map(Json)
}

async fn progress(State(jobs): Shared, Extension(caller): Who, at: At) -> Answer<Json<JobProgress>> {
    jobs.progress(&caller, at.0).await.map(Json)
}

async fn statistics(State(jobs): Shared, Extension(caller): Who, at: At) -> Answer<Json<JobStatistics>> {
    jobs.statistics(&caller, at.0).await.map(Json)
}
