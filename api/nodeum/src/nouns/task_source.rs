//! Task sources: what a task works on, a file or folder, a tape, or a pool.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Operation, Reference, Routes};
use http::Uri;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::container::Container;
use super::file::{FileWithPath, ImportFile};
use super::pool::Pool;
use super::tape::Tape;
use super::{At, Body, Who};
use crate::answer::{Answer, Created, Nothing, Page};
use crate::errors::Code;
use crate::listing::{Field, Listing, integer, listed};
use crate::validation::{Check, For};

/// What was given is repeated; beside it stands what it means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = task_source)]
pub struct TaskSource {
    pub id: i64,
    pub file_id: Option<i64>,
    pub file_path: Option<String>,
    pub range: Option<Vec<i64>>,
    pub import_file_id: Option<i64>,
    pub import_file_path: Option<String>,
    pub tape_id: Option<i64>,
    pub tape_barcode: Option<String>,
    pub pool_id: Option<i64>,
    pub pool_name: Option<String>,
    pub file: Option<FileWithPath>,
    pub container: Option<Container>,
    pub import_file: Option<ImportFile>,
    pub tape: Option<Tape>,
    pub pool: Option<Pool>,
}

/// A file or folder, a file of a tape, a tape, or a pool, each by its id or by its other name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = task_source_input)]
pub struct TaskSourceInput {
    pub file_id: Option<i64>,
    pub file_path: Option<String>,
    /// First and last byte.
    pub range: Option<Vec<i64>>,
    pub import_file_id: Option<i64>,
    pub import_file_path: Option<String>,
    pub tape_id: Option<i64>,
    pub tape_barcode: Option<String>,
    pub pool_id: Option<i64>,
    pub pool_name: Option<String>,
}

impl TaskSourceInput {
    fn check(&self, purpose: For) -> Answer<()> {
        let mut check = Check::new(purpose);
        check.one_of(&[
            ("file_id", self.file_id.is_some() || self.file_path.is_some()),
            ("import_file_id", self.import_file_id.is_some() || self.import_file_path.is_some()),
            ("tape_id", self.tape_id.is_some() || self.tape_barcode.is_some()),
            ("pool_id", self.pool_id.is_some() || self.pool_name.is_some()),
        ]);
        check.path("file_path", self.file_path.as_deref());
        check.path("import_file_path", self.import_file_path.as_deref());
        check.text("tape_barcode", self.tape_barcode.as_deref());
        check.text("pool_name", self.pool_name.as_deref());
        if let Some(range) = &self.range
            && !matches!(range.as_slice(), [first, last] if 0 <= *first && first <= last)
        {
            check.explain("range", Code::Invalid, "range has to be two numbers, the first and the last byte");
        }
        check.finish()
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = task_source_collection)]
struct TaskSourceCollection {
    count: u64,
    task_sources: Vec<TaskSource>,
}

const FIELDS: &[Field] = &[integer("id"), integer("file_id"), integer("import_file_id"), integer("tape_id"), integer("pool_id")];

#[async_trait]
pub trait TaskSources: Send + Sync + 'static {
    async fn index(&self, caller: &Caller, task: &Reference, listing: Listing) -> Answer<Page<TaskSource>>;
    async fn create(&self, caller: &Caller, task: &Reference, input: TaskSourceInput) -> Answer<TaskSource>;
    async fn show(&self, caller: &Caller, task: &Reference, source: i64) -> Answer<TaskSource>;
    /// What is given replaces the whole source.
    async fn update(&self, caller: &Caller, task: &Reference, source: i64, input: TaskSourceInput) -> Answer<TaskSource>;
    async fn destroy(&self, caller: &Caller, task: &Reference, source: i64) -> Answer<()>;
}

type Shared = State<Arc<dyn TaskSources>>;
type One = At<(Reference, i64)>;

pub(crate) fn routes(sources: Arc<dyn TaskSources>) -> Routes {
    let scope = |verb| Access::Scope("task_sources", verb);
    let all = "/tasks/{task_id}/task_sources";
    let one = "/tasks/{task_id}/task_sources/{task_source_id}";
    Routes::new()
        .on(
            listed(Operation::get(all, "index_task_sources", scope("index")), FIELDS)
                .summary("Lists the sources of a task.")
                .answers::<TaskSourceCollection>(200, "Sources."),
            index,
        )
        .on(
            Operation::post(all, "create_task_source", scope("create"))
                .summary("Adds a source to a task.")
                .takes::<TaskSourceInput>()
                .answers::<TaskSource>(201, "The new source."),
            create,
        )
        .on(
            Operation::get(one, "show_task_source", scope("show"))
                .summary("Shows a source.")
                .answers::<TaskSource>(200, "The source."),
            show,
        )
        .on(
            Operation::put(one, "update_task_source", scope("update"))
                .summary("Replaces a source.")
                .takes::<TaskSourceInput>()
                .answers::<TaskSource>(200, "The source as it is now."),
            update,
        )
        .on(
            Operation::delete(one, "destroy_task_source", scope("destroy"))
                .summary("Takes a source from a task; its data stays.")
                .answers_nothing(204, "Taken away."),
            destroy,
        )
        .with_state(sources)
}

async fn index(
    State(sources): Shared,
    Extension(caller): Who,
    at: At<Reference>,
    uri: Uri,
) -> Answer<Json<TaskSourceCollection>> {
    let Page { count, items } = sources.index(&caller, &at.0, Listing::of(&uri, FIELDS)?).await?;
    Ok(Json(TaskSourceCollection { count, task_sources: items }))
}

async fn create(
    State(sources): Shared,
    Extension(caller): Who,
    at: At<Reference>,
    input: Body<TaskSourceInput>,
) -> Answer<Created<TaskSource>> {
    input.0.check(For::Create)?;
    sources.create(&caller, &at.0, input.0).await.map(Created)
}

async fn show(State(sources): Shared, Extension(caller): Who, at: One) -> Answer<Json<TaskSource>> {
    sources.show(&caller, &at.0.0, at.0.1).await.map(Json)
}

async fn update(
    State(sources): Shared,
    Extension(caller): Who,
    at: One,
    input: Body<TaskSourceInput>,
) -> Answer<Json<TaskSource>> {
    input.0.check(For::Update)?;
    sources.update(&caller, &at.0.0, at.0.1, input.0).await.map(Json)
}

async fn destroy(State(sources): Shared, Extension(caller): Who, at: One) -> Answer<Nothing> {
    sources.destroy(&caller, &at.0.0, at.0.1).await.map(|()| Nothing)
}
