//! Task options: what a task does beyond its action, each a word with a value.

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
use crate::listing::{Field, Listing, integer, listed, text};
use crate::validation::{Check, For};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OptionKind {
    FileChecksum,
    ResetFileDate,
    ResetFolderDate,
    RenameTo,
    ExecutionTaskId,
    SelectedDrive,
    ParallelProcessing,
    TaskId,
    FullReport,
    ProcessingOrder,
    RehydrationUsageThreshold,
    RehydrationDeletedFilesThreshold,
    LearningType,
    LearningThreshold,
    TapeToScratch,
    EjectTapeAfter,
    Barcodes,
    Overwrite,
    SoftErase,
    TaskTemplate,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = task_option)]
pub struct TaskOption {
    pub id: i64,
    #[serde(rename = "type")]
    pub kind: OptionKind,
    pub value: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(as = task_option_input)]
pub struct TaskOptionInput {
    #[serde(rename = "type")]
    pub kind: Option<OptionKind>,
    pub value: Option<String>,
}

impl TaskOptionInput {
    fn check(&self, purpose: For) -> Answer<()> {
        let mut check = Check::new(purpose);
        check.required("type", self.kind.as_ref());
        check.required("value", self.value.as_ref());
        check.text("value", self.value.as_deref());
        check.finish()
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = task_option_collection)]
struct TaskOptionCollection {
    count: u64,
    task_options: Vec<TaskOption>,
}

const FIELDS: &[Field] = &[integer("id"), text("type"), text("value")];

#[async_trait]
pub trait TaskOptions: Send + Sync + 'static {
    async fn index(&self, caller: &Caller, task: &Reference, listing: Listing) -> Answer<Page<TaskOption>>;
    async fn create(&self, caller: &Caller, task: &Reference, input: TaskOptionInput) -> Answer<TaskOption>;
    async fn show(&self, caller: &Caller, task: &Reference, option: i64) -> Answer<TaskOption>;
    /// Members that are none stay as they are.
    async fn update(&self, caller: &Caller, task: &Reference, option: i64, input: TaskOptionInput) -> Answer<TaskOption>;
    async fn destroy(&self, caller: &Caller, task: &Reference, option: i64) -> Answer<()>;
}

type Shared = State<Arc<dyn TaskOptions>>;
type One = At<(Reference, i64)>;

pub(crate) fn routes(options: Arc<dyn TaskOptions>) -> Routes {
    let scope = |verb| Access::Scope("task_options", verb);
    let (all, one) = ("/tasks/{task_id}/task_options", "/tasks/{task_id}/task_options/{task_option_id}");
    Routes::new()
        .on(
            listed(Operation::get(all, "index_task_options", scope("index")), FIELDS)
                .summary("Lists the options of a task.")
                .answers::<TaskOptionCollection>(200, "Options."),
            index,
        )
        .on(
            Operation::post(all, "create_task_option", scope("create"))
                .summary("Gives a task an option.")
                .takes::<TaskOptionInput>()
                .answers::<TaskOption>(201, "The new option."),
            create,
        )
        .on(
            Operation::get(one, "show_task_option", scope("show"))
                .summary("Shows an option.")
                .answers::<TaskOption>(200, "The option."),
            show,
        )
        .on(
            Operation::put(one, "update_task_option", scope("update"))
                .summary("Changes the members that are given.")
                .takes::<TaskOptionInput>()
                .answers::<TaskOption>(200, "The option as it is now."),
            update,
        )
        .on(
            Operation::delete(one, "destroy_task_option", scope("destroy"))
                .summary("Takes an option from a task.")
                .answers_nothing(204, "Taken away."),
            destroy,
        )
        .with_state(options)
}

async fn index(
    State(options): Shared,
    Extension(caller): Who,
    at: At<Reference>,
    uri: Uri,
) -> Answer<Json<TaskOptionCollection>> {
    let Page { count, items } = options.index(&caller, &at.0, Listing::of(&uri, FIELDS)?).await?;
    Ok(Json(TaskOptionCollection { count, task_options: items }))
}

async fn create(
    State(options): Shared,
    Extension(caller): Who,
    at: At<Reference>,
    input: Body<TaskOptionInput>,
) -> Answer<Created<TaskOption>> {
    input.0.check(For::Create)?;
    options.create(&caller, &at.0, input.0).await.map(Created)
}

async fn show(State(options): Shared, Extension(caller): Who, at: One) -> Answer<Json<TaskOption>> {
    options.show(&caller, &at.0.0, at.0.1).await.map(Json)
}

async fn update(
    State(options): Shared,
    Extension(caller): Who,
    at: One,
    input: Body<TaskOptionInput>,
) -> Answer<Json<TaskOption>> {
    input.0.check(For::Update)?;
    options.update(&caller, &at.0.0, at.0.1, input.0).await.map(Json)
}

async fn destroy(State(options): Shared, Extension(caller): Who, at: One) -> Answer<Nothing> {
    options.destroy(&caller, &at.0.0, at.0.1).await.map(|()| Nothing)
}
