//! Task destinations: where a task puts data, a folder or a tape or a pool.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Operation, Reference, Routes};
use http::Uri;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::container::Container;
use super::file::FileWithPath;
use super::pool::Pool;
use super::tape::Tape;
use super::{At, Body, Who};
use crate::answer::{Answer, Created, Nothing, Page};
use crate::listing::{Field, Listing, integer, listed};
use crate::validation::{Check, For};

/// What was given is repeated; beside it stands what it means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = task_destination)]
pub struct TaskDestination {
    pub id: i64,
    pub folder_id: Option<i64>,
    pub folder_path: Option<String>,
    pub tape_id: Option<i64>,
    pub tape_barcode: Option<String>,
    pub pool_id: Option<i64>,
    pub pool_name: Option<String>,
    pub folder: Option<FileWithPath>,
    pub container: Option<Container>,
    pub tape: Option<Tape>,
    pub pool: Option<Pool>,
}

/// A folder, a tape, or a pool, each by its id or by its other name; when both are given they have to mean the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = task_destination_input)]
pub struct TaskDestinationInput {
    pub folder_id: Option<i64>,
    pub folder_path: Option<String>,
    pub tape_id: Option<i64>,
    pub tape_barcode: Option<String>,
    pub pool_id: Option<i64>,
    pub pool_name: Option<String>,
}

impl TaskDestinationInput {
    fn check(&self, purpose: For) -> Answer<()> {
        let mut check = Check::new(purpose);
        check.one_of(&[
            ("folder_id", self.folder_id.is_some() || self.folder_path.is_some()),
            ("tape_id", self.tape_id.is_some() || self.tape_barcode.is_some()),
            ("pool_id", self.pool_id.is_some() || self.pool_name.is_some()),
        ]);
        check.path("folder_path", self.folder_path.as_deref());
        check.text("tape_barcode", self.tape_barcode.as_deref());
        check.text("pool_name", self.pool_name.as_deref());
        check.finish()
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = task_destination_collection)]
struct TaskDestinationCollection {
    count: u64,
    task_destinations: Vec<TaskDestination>,
}

const FIELDS: &[Field] = &[integer("id"), integer("folder_id"), integer("tape_id"), integer("pool_id")];

#[async_trait]
pub trait TaskDestinations: Send + Sync + 'static {
    async fn index(&self, caller: &Caller, task: &Reference, listing: Listing) -> Answer<Page<TaskDestination>>;
    async fn create(&self, caller: &Caller, task: &Reference, input: TaskDestinationInput) -> Answer<TaskDestination>;
    async fn show(&self, caller: &Caller, task: &Reference, destination: i64) -> Answer<TaskDestination>;
    /// What is given replaces the whole destination.
    async fn update(
        &self,
        caller: &Caller,
        task: &Reference,
        destination: i64,
        input: TaskDestinationInput,
    ) -> Answer<TaskDestination>;
    async fn destroy(&self, caller: &Caller, task: &Reference, destination: i64) -> Answer<()>;
}

type Shared = State<Arc<dyn TaskDestinations>>;
type One = At<(Reference, i64)>;

pub(crate) fn routes(destinations: Arc<dyn TaskDestinations>) -> Routes {
    let scope = |verb| Access::Scope("task_destinations", verb);
    let all = "/tasks/{task_id}/task_destinations";
    let one = "/tasks/{task_id}/task_destinations/{task_destination_id}";
    Routes::new()
        .on(
            listed(Operation::get(all, "index_task_destinations", scope("index")), FIELDS)
                .summary("Lists the destinations of a task.")
                .answers::<TaskDestinationCollection>(200, "Destinations."),
            index,
        )
        .on(
            Operation::post(all, "create_task_destination", scope("create"))
                .summary("Adds a destination to a task.")
                .takes::<TaskDestinationInput>()
                .answers::<TaskDestination>(201, "The new destination."),
            create,
        )
        .on(
            Operation::get(one, "show_task_destination", scope("show"))
                .summary("Shows a destination.")
                .answers::<TaskDestination>(200, "The destination."),
            show,
        )
        .on(
            Operation::put(one, "update_task_destination", scope("update"))
                .summary("Replaces a destination.")
                .takes::<TaskDestinationInput>()
                .answers::<TaskDestination>(200, "The destination as it is now."),
            update,
        )
        .on(
            Operation::delete(one, "destroy_task_destination", scope("destroy"))
                .summary("Takes a destination from a task; its data stays.")
                .answers_nothing(204, "Taken away."),
            destroy,
        )
        .with_state(destinations)
}

async fn index(
    State(destinations): Shared,
    Extension(caller): Who,
    at: At<Reference>,
    uri: Uri,
) -> Answer<Json<TaskDestinationCollection>> {
    let Page { count, items } = destinations.index(&caller, &at.0, Listing::of(&uri, FIELDS)?).await?;
    Ok(Json(TaskDestinationCollection { count, task_destinations: items }))
}

async fn create(
    State(destinations): Shared,
    Extension(caller): Who,
    at: At<Reference>,
    input: Body<TaskDestinationInput>,
) -> Answer<Created<TaskDestination>> {
    input.0.check(For::Create)?;
    destinations.create(&caller, &at.0, input.0).await.map(Created)
}

async fn show(State(destinations): Shared, Extension(caller): Who, at: One) -> Answer<Json<TaskDestination>> {
    destinations.show(&caller, &at.0.0, at.0.1).await.map(Json)
}

async fn update(
    State(destinations): Shared,
    Extension(caller): Who,
    at: One,
    input: Body<TaskDestinationInput>,
) -> Answer<Json<TaskDestination>> {
    input.0.check(For::Update)?;
    destinations.update(&caller, &at.0.0, at.0.1, input.0).await.map(Json)
}

async fn destroy(State(destinations): Shared, Extension(caller): Who, at: One) -> Answer<Nothing> {
    destinations.destroy(&caller, &at.0.0, at.0.1).await.map(|()| Nothing)
}
