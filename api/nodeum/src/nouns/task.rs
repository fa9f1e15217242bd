//! Tasks: what is to be done with data, as often as it is run. Where from and where to are nouns of their own.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Operation, Reference, Routes};
use http::Uri;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{At, Body, Who};
use crate::answer::{Answer, Created, Nothing, Page};
use crate::errors::Code;
use crate::listing::{Field, Listing, boolean, date, integer, listed, text};
use crate::moment::Moment;
use crate::validation::{Check, For};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowType {
    ActiveArchive,
    OfflineArchive,
    DataExchange,
    DataMigration,
    Maintenance,
    DataEnrichment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowAction {
    Copy,
    Move,
    Erase,
    Scan,
    Rehydratation,
    Format,
    CheckConsistency,
    Duplication,
    CacheCleaning,
    Ejection,
    GetIndex,
    FullBackup,
    IncrementalBackup,
    Restore,
    Speedtest,
}

/// The kind of storage at an end of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Where {
    Container,
    PrimaryNas,
    SecondaryNas,
    PrimaryCloud,
    SecondaryCloud,
    SecondaryTape,
}

/// What becomes of a file that is there already and differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConflictResolution {
    Rename,
    Overwrite,
    Ignore,
}

/// What somebody asked of the running task and it has not done yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestedAction {
    Noop,
    Run,
    Pause,
    Stop,
    Resume,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    NotActivated,
    Done,
    InProgress,
    Error,
    Paused,
    StoppedBySystem,
    InQueue,
    FinishedWithWarnings,
    Calculating,
    StoppedByUser,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = task)]
pub struct Task {
    pub id: i64,
    pub name: String,
    pub comment: Option<String>,
    pub workflow_type: WorkflowType,
    pub workflow_action: WorkflowAction,
    pub source_type: Option<Where>,
    pub destination_type: Option<Where>,
    pub priority: Option<i64>,
    pub conflict_resolution: Option<ConflictResolution>,
    pub action: RequestedAction,
    /// False keeps the scheduler off it.
    pub activate: bool,
    pub creation_date: Moment,
    pub modification_date: Moment,
    pub creation_username: Option<String>,
    pub modification_username: Option<String>,
    pub status: TaskStatus,
    pub job_started: Option<Moment>,
    pub job_finished: Option<Moment>,
    pub processed_size: i64,
    pub to_process_size: i64,
}

#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = task_input)]
pub struct TaskInput {
    pub name: Option<String>,
    pub comment: Option<String>,
    pub workflow_type: Option<WorkflowType>,
    pub workflow_action: Option<WorkflowAction>,
    pub source_type: Option<Where>,
    pub destination_type: Option<Where>,
    pub priority: Option<i64>,
    pub conflict_resolution: Option<ConflictResolution>,
    pub activate: Option<bool>,
}

/// The largest priority.
const PRIORITY_LIMIT: usize = 1_000;

impl TaskInput {
    fn check(&self, purpose: For) -> Answer<()> {
        let mut check = Check::new(purpose);
        check.name("name", self.name.as_deref());
        check.text("comment", self.comment.as_deref());
        check.required("workflow_type", self.workflow_type.as_ref());
        check.required("workflow_action", self.workflow_action.as_ref());
        check.amount("priority", self.priority);
        if self.priority.is_some_and(|priority| usize::try_from(priority).is_ok_and(|priority| priority > PRIORITY_LIMIT)) {
            check.bound("priority", Code::LessThanOrEqualTo, PRIORITY_LIMIT);
        }
        check.finish()
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = task_collection)]
struct TaskCollection {
    count: u64,
    tasks: Vec<Task>,
}

const FIELDS: &[Field] = &[
    integer("id"),
    text("name"),
    text("comment"),
    text("workflow_type"),
    text("workflow_action"),
    text("source_type"),
    text("destination_type"),
    integer("priority"),
    text("conflict_resolution"),
    text("action"),
    boolean("activate"),
    date("creation_date"),
    text("creation_username"),
    date("modification_date"),
    text("modification_username"),
    date("job_started"),
    date("job_finished"),
    text("status"),
    integer("processed_size"),
    integer("to_process_size"),
    integer("source_pool_id"),
    text("source_pool_name"),
    integer("source_tape_id"),
    text("source_tape_barcode"),
    integer("destination_pool_id"),
    text("destination_pool_name"),
    integer("destination_tape_id"),
    text("destination_tape_barcode"),
];

/// A task's name need not be unique; the implementer takes the newest.
#[async_trait]
pub trait Tasks: Send + Sync + 'static {
    async fn index(&self, caller: &Caller, listing: Listing) -> Answer<Page<Task>>;
    async fn create(&self, caller: &Caller, input: TaskInput) -> Answer<Task>;
    async fn show(&self, caller: &Caller, task: &Reference) -> Answer<Task>;
    async fn update(&self, caller: &Caller, task: &Reference, input: TaskInput) -> Answer<Task>;
    async fn destroy(&self, caller: &Caller, task: &Reference) -> Answer<()>;
}

type Shared = State<Arc<dyn Tasks>>;

pub(crate) fn routes(tasks: Arc<dyn Tasks>) -> Routes {
    let scope = |verb| Access::Scope("tasks", verb);
    let one = "/tasks/{task_id}";
    Routes::new()
        .on(
            listed(Operation::get("/tasks", "index_tasks", scope("index")), FIELDS)
                .summary("Lists tasks.")
                .answers::<TaskCollection>(200, "Tasks."),
            index,
        )
        .on(
            Operation::post("/tasks", "create_task", scope("create"))
                .summary("Creates a task.")
                .takes::<TaskInput>()
                .answers::<Task>(201, "The new task."),
            create,
        )
        .on(Operation::get(one, "show_task", scope("show")).summary("Shows a task.").answers::<Task>(200, "The task."), show)
        .on(
            Operation::put(one, "update_task", scope("update"))
                .summary("Changes the members that are given.")
                .takes::<TaskInput>()
                .answers::<Task>(200, "The task as it is now."),
            update,
        )
        .on(
            Operation::delete(one, "destroy_task", scope("destroy"))
                .summary("Deletes a task that does not run.")
                .answers_nothing(204, "Deleted."),
            destroy,
        )
        .with_state(tasks)
}

async fn index(State(tasks): Shared, Extension(caller): Who, uri: Uri) -> Answer<Json<TaskCollection>> {
    let Page { count, items } = tasks.index(&caller, Listing::of(&uri, FIELDS)?).await?;
    Ok(Json(TaskCollection { count, tasks: items }))
}

async fn create(State(tasks): Shared, Extension(caller): Who, input: Body<TaskInput>) -> Answer<Created<Task>> {
    input.0.check(For::Create)?;
    tasks.create(&caller, input.0).await.map(Created)
}

async fn show(State(tasks): Shared, Extension(caller): Who, at: At<Reference>) -> Answer<Json<Task>> {
    tasks.show(&caller, &at.0).await.map(Json)
}

async fn update(State(tasks): Shared, Extension(caller): Who, at: At<Reference>, input: Body<TaskInput>) -> Answer<Json<Task>> {
    input.0.check(For::Update)?;
    tasks.update(&caller, &at.0, input.0).await.map(Json)
}

async fn destroy(State(tasks): Shared, Extension(caller): Who, at: At<Reference>) -> Answer<Nothing> {
    tasks.destroy(&caller, &at.0).await.map(|()| Nothing)
}
