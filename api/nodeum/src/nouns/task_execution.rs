//! Task executions: one for each run of a task, with what it counted.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Kind, Operation, Reference, Routes};
use http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use super::task::{TaskStatus, Where, WorkflowAction, WorkflowType};
use super::{At, Who};
use crate::answer::{Answer, Page};
use crate::listing::{Field, Listing, boolean, date, integer, listed, text};
use crate::moment::Moment;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = task_execution)]
pub struct TaskExecution {
    pub id: String,
    pub task_id: Option<i64>,
    pub name: String,
    pub workflow_type: Option<WorkflowType>,
    pub workflow_action: Option<WorkflowAction>,
    pub source_type: Option<Where>,
    pub destination_type: Option<Where>,
    pub status: TaskStatus,
    pub log_time: Option<Moment>,
    pub job_started: Option<Moment>,
    pub job_finished: Option<Moment>,
    pub creation_date: Option<Moment>,
    pub modification_date: Option<Moment>,
    pub to_process_size: i64,
    pub processed_size: i64,
    pub to_process_files: i64,
    pub processed_files: i64,
    pub finalized_files: i64,
    /// Seconds left.
    pub estimation_time: Option<i64>,
    /// Bytes a second.
    pub bandwidth: i64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = task_execution_collection)]
struct TaskExecutionCollection {
    count: u64,
    task_executions: Vec<TaskExecution>,
}

macro_rules! fields {
    ($($more:expr),* $(,)?) => {
        &[
            text("id"),
            integer("task_id"),
            text("name"),
            text("workflow_type"),
            text("workflow_action"),
            text("source_type"),
            text("destination_type"),
            text("status"),
            date("log_time"),
            date("job_started"),
            date("job_finished"),
            integer("to_process_size"),
            integer("processed_size"),
            integer("to_process_files"),
            integer("processed_files"),
            integer("finalized_files"),
            integer("estimation_time"),
            integer("bandwidth"),
            $($more),*
        ]
    };
}

const FIELDS_OF_TASK: &[Field] = fields![];
const FIELDS: &[Field] = fields![date("creation_date"), date("modification_date")];
/// As `FIELDS`, with the switch that only this list knows.
const QUERY: &[Field] = fields![date("creation_date"), date("modification_date"), boolean("complete_list")];

#[async_trait]
pub trait TaskExecutions: Send + Sync + 'static {
    /// All of them, or those of one task.
    async fn index(&self, caller: &Caller, task: Option<&Reference>, listing: Listing) -> Answer<Page<TaskExecution>>;
    /// With a task, only if it is an execution of that one.
    async fn show(&self, caller: &Caller, task: Option<&Reference>, execution: &str) -> Answer<TaskExecution>;
}

type Shared = State<Arc<dyn TaskExecutions>>;

pub(crate) fn routes(executions: Arc<dyn TaskExecutions>) -> Routes {
    let index_scope = Access::Scope("task_executions", "index");
    let show_scope = Access::Scope("task_executions", "show");
    Routes::new()
        .on(
            listed(Operation::get("/task_executions", "index_task_executions", index_scope), FIELDS)
                .query("complete_list", Kind::Boolean, false, "The list is always complete; accepted because clients send it.")
                .summary("Lists the executions of all tasks.")
                .answers::<TaskExecutionCollection>(200, "Executions."),
            index,
        )
        .on(
            Operation::get("/task_executions/{task_execution_id}", "show_task_execution", show_scope)
                .summary("Shows an execution.")
                .answers::<TaskExecution>(200, "The execution."),
            show,
        )
        .on(
            listed(
                Operation::get("/tasks/{task_id}/task_executions", "index_task_executions_by_task", index_scope),
                FIELDS_OF_TASK,
            )
            .summary("Lists the executions of a task.")
            .answers::<TaskExecutionCollection>(200, "Executions."),
            index_of_task,
        )
        .on(
            Operation::get("/tasks/{task_id}/task_executions/{task_execution_id}", "show_task_execution_by_task", show_scope)
                .summary("Shows an execution of a task.")
                .answers::<TaskExecution>(200, "The execution."),
            show_of_task,
        )
        .with_state(executions)
}

fn collection(page: Page<TaskExecution>) -> Json<TaskExecutionCollection> {
    Json(TaskExecutionCollection { count: page.count, task_executions: page.items })
}

async fn index(State(executions): Shared, Extension(caller): Who, uri: Uri) -> Answer<Json<TaskExecutionCollection>> {
    let mut listing = Listing::of(&uri, QUERY)?;
    listing.criteria.retain(|criterion| criterion.field != "complete_list");
    executions.index(&caller, None, listing).await.map(collection)
}

async fn index_of_task(
    State(executions): Shared,
    Extension(caller): Who,
    at: At<Reference>,
    uri: Uri,
) -> Answer<Json<TaskExecutionCollection>> {
    executions.index(&caller, Some(&at.0), Listing::of(&uri, FIELDS_OF_TASK)?).await.map(collection)
}

async fn show(State(executions): Shared, Extension(caller): Who, at: At<Reference>) -> Answer<Json<TaskExecution>> {
    executions.show(&caller, None, at.0.text()).await.map(Json)
}

async fn show_of_task(
    State(executions): Shared,
    Extension(caller): Who,
    at: At<(Reference, Reference)>,
) -> Answer<Json<TaskExecution>> {
    executions.show(&caller, Some(&at.0.0), at.0.1.text()).await.map(Json)
}
