//! Tasks: the steps of jobs, each waiting for the ones before it.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Kind, Operation, Routes};
use http::Uri;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::file::{FileKind, KINDS};
use super::path_state::{PATH_STATES, PathState};
use super::{At, Who};
use crate::answer::{Answer, Page};
use crate::link::Link;
use crate::moment::Moment;
use crate::paging::{Listed, Paging, Window, paged};
use crate::query::Query;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schema(as = task_state)]
pub enum TaskState {
    Pending,
    Started,
    Success,
    /// It broke off.
    Failure,
    /// Some of its paths failed; the others go on.
    Error,
    /// There was nothing to do.
    Skipped,
    /// One before it failed, or the job was cancelled.
    Cancelled,
}

const TASK_STATES: &[(&str, TaskState)] = &[
    ("PENDING", TaskState::Pending),
    ("STARTED", TaskState::Started),
    ("SUCCESS", TaskState::Success),
    ("FAILURE", TaskState::Failure),
    ("ERROR", TaskState::Error),
    ("SKIPPED", TaskState::Skipped),
    ("CANCELLED", TaskState::Cancelled),
];

/// A path that a task was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = task_path)]
pub struct TaskPath {
    pub path: String,
    /// Bytes.
    pub size: Option<u64>,
    /// What discovery said of it.
    pub state: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = task)]
pub struct Task {
    pub id: i64,
    pub url: Link,
    /// Unique among all; what other answers name it by.
    pub task_id: String,
    /// Such as `dynamo.tasks.migrate`.
    pub tasktype: String,
    /// For people.
    pub friendly_name: String,
    /// Id of the job.
    pub job: i64,
    /// Name of the site.
    pub site: String,
    pub state: TaskState,
    /// Ids of the tasks that it waits for.
    pub parents: Vec<i64>,
    /// Those of them that were added while the job ran.
    pub dynamic_parents: Vec<i64>,
    pub started: Option<Moment>,
    pub completed: Option<Moment>,
    /// Seconds from its start to its end, or to now.
    pub runtime: Option<f64>,
    /// Some of its paths.
    pub paths: Vec<TaskPath>,
    /// What it answered; null before.
    #[schema(value_type = Option<Object>)]
    pub result: Option<Value>,
}

/// One path of a task with what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = task_file)]
pub struct TaskFile {
    pub path: String,
    /// Name of the site.
    pub site: String,
    #[serde(rename = "type")]
    pub kind: Option<FileKind>,
    /// Bytes.
    pub size: Option<u64>,
    pub state: PathState,
    pub message: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskFilter {
    pub tasktype: Option<String>,
    pub task_id: Option<String>,
    /// None of them says nothing.
    pub states: Vec<TaskState>,
    pub job: Option<i64>,
    /// Tasks of the host itself, such as discovery: only them, or none of them.
    pub internal: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskFileFilter {
    pub state: Option<PathState>,
    pub kind: Option<FileKind>,
    /// Name of the site.
    pub site: Option<String>,
}

#[async_trait]
pub trait Tasks: Send + Sync + 'static {
    async fn list(&self, caller: &Caller, filter: TaskFilter, window: Window) -> Answer<Page<Task>>;
    async fn show(&self, caller: &Caller, task: i64) -> Answer<Task>;
    async fn files(&self, caller: &Caller, task: i64, filter: TaskFileFilter, window: Window) -> Answer<Page<TaskFile>>;
}

type Shared = State<Arc<dyn Tasks>>;

pub(crate) fn routes(tasks: Arc<dyn Tasks>) -> Routes {
    let scope = |verb| Access::Scope("jobs", verb);
    Routes::new()
        .on(
            paged(Operation::get("/tasks/", "list_tasks", scope("index")))
                .summary("Lists tasks.")
                .query("tasktype", Kind::Text, false, "What it does, such as dynamo.tasks.migrate.")
                .query("task_id", Kind::Text, false, "The unique id.")
                .query("state", Kind::TextList, false, "States; repeated, or with commas.")
                .query("job_id", Kind::Integer, false, "Id of the job.")
                .query("internal", Kind::Text, false, "true: only tasks of the host itself; false: none of them.")
                .answers::<Listed<Task>>(200, "Tasks."),
            list,
        )
        .on(
            Operation::get("/tasks/{id}/", "show_task", scope("show")).summary("Shows a task.").answers::<Task>(200, "The task."),
            show,
        )
        .on(
            paged(Operation::get("/tasks/{id}/files/", "list_task_files", scope("show")))
                .summary("Lists the paths of a task with what became of them.")
                .query("state", Kind::Text, false, "Only those that are pending, processed, skipped, aborted or failed.")
                .query("type", Kind::Text, false, "Only those that are file, directory or symlink.")
                .query("site", Kind::Text, false, "Name of the site.")
                .answers::<Listed<TaskFile>>(200, "Paths."),
            files,
        )
        .with_state(tasks)
}

async fn list(State(tasks): Shared, Extension(caller): Who, uri: Uri) -> Answer<Json<Listed<Task>>> {
    let paging = Paging::of(&uri)?;
    let mut query = Query::of(&uri);
    let filter = TaskFilter {
        tasktype: query.text("tasktype"),
        task_id: query.text("task_id"),
        states: query.words("state", TASK_STATES),
        job: query.integer("job_id"),
        internal: query.flag("internal"),
    };
    query.finish()?;
    paging.listed(tasks.list(&caller, filter, paging.window()).await?).map(Json)
}

async fn show(State(tasks): Shared, Extension(caller): Who, at: At) -> Answer<Json<Task>> {
    tasks.show(&caller, at.0).await.map(Json)
}

async fn files(State(tasks): Shared, Extension(caller): Who, at: At, uri: Uri) -> Answer<Json<Listed<TaskFile>>> {
    let paging = Paging::of(&uri)?;
    let mut query = Query::of(&uri);
    let filter =
        TaskFileFilter { state: query.word("state", PATH_STATES), kind: query.word("type", KINDS), site: query.text("site") };
    query.finish()?;
    paging.listed(tasks.files(&caller, at.0, filter, paging.window()).await?).map(Json)
}
