//! Job stats: one row for each path of a job, with what became of it and the tasks that it went through.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Kind, Operation, Routes};
use http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use super::path_state::{PATH_STATES, PathState};
use super::{At, Who};
use crate::answer::{Answer, Page};
use crate::link::Link;
use crate::moment::Moment;
use crate::paging::{Listed, Paging, Window, paged};
use crate::query::Query;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = job_stat)]
pub struct JobStat {
    pub id: i64,
    pub url: Link,
    /// Id of the job.
    pub job: i64,
    /// Id of the task that had it last.
    pub task: i64,
    pub path: String,
    pub state: PathState,
    /// Of what went wrong.
    pub code: Option<String>,
    pub message: Option<String>,
    /// The tasks that it went through, the first one first; only when it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<Vec<JobStatStep>>,
}

/// What one task did with the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = job_stat_step)]
pub struct JobStatStep {
    /// Id of the task.
    pub task: i64,
    pub tasktype: String,
    pub state: PathState,
    pub code: Option<String>,
    pub message: Option<String>,
    pub started: Option<Moment>,
    pub completed: Option<Moment>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobStatFilter {
    /// None of them says nothing.
    pub states: Vec<PathState>,
    /// Id of the job.
    pub job: Option<i64>,
    /// As it is, not a part of it.
    pub path: Option<String>,
    /// Whether to answer the history too.
    pub history: bool,
}

impl JobStatFilter {
    fn of(uri: &Uri) -> Answer<Self> {
        let mut query = Query::of(uri);
        let found = Self {
            states: query.words("state", PATH_STATES),
            job: query.integer("job"),
            path: query.text("path"),
            history: query.flag("history").unwrap_or(false),
        };
        query.finish()?;
        Ok(found)
    }
}

#[async_trait]
pub trait JobStats: Send + Sync + 'static {
    async fn list(&self, caller: &Caller, filter: JobStatFilter, window: Window) -> Answer<Page<JobStat>>;
    async fn show(&self, caller: &Caller, stat: i64, history: bool) -> Answer<JobStat>;
}

type Shared = State<Arc<dyn JobStats>>;

fn filtered(operation: Operation) -> Operation {
    operation
        .query("state", Kind::TextList, false, "Those that are pending, processed, skipped, aborted or failed.")
        .query("job", Kind::Integer, false, "Id of the job.")
        .query("path", Kind::Text, false, "The path.")
        .query("history", Kind::Boolean, false, "With the tasks that it went through.")
}

pub(crate) fn routes(stats: Arc<dyn JobStats>) -> Routes {
    let scope = |verb| Access::Scope("jobs", verb);
    Routes::new()
        .on(
            filtered(paged(Operation::get("/jobstats/", "list_job_stats", scope("index"))))
                .summary("Lists paths of jobs with what became of them.")
                .answers::<Listed<JobStat>>(200, "Job stats."),
            list,
        )
        .on(
            Operation::get("/jobstats/{id}/", "show_job_stat", scope("show"))
                .summary("Shows what became of a path.")
                .answers::<JobStat>(200, "The job stat."),
            show,
        )
        .on(
            filtered(Operation::get("/jobstats/{id}/history/", "show_job_stat_history", scope("show")))
                .summary("Shows the same with the tasks that the path went through; the parameters do nothing here.")
                .answers::<JobStat>(200, "The job stat with its history."),
            history,
        )
        .with_state(stats)
}

async fn list(State(stats): Shared, Extension(caller): Who, uri: Uri) -> Answer<Json<Listed<JobStat>>> {
    let paging = Paging::of(&uri)?;
    paging.listed(stats.list(&caller, JobStatFilter::of(&uri)?, paging.window()).await?).map(Json)
}

async fn show(State(stats): Shared, Extension(caller): Who, at: At) -> Answer<Json<JobStat>> {
    stats.show(&caller, at.0, false).await.map(Json)
}

async fn history(State(stats): Shared, Extension(caller): Who, at: At) -> Answer<Json<JobStat>> {
    stats.show(&caller, at.0, true).await.map(Json)
}
