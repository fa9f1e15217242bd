//! Containers: file trees on the host's own disks, whose content can live elsewhere.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Given, Operation, Reference, Routes};
use http::Uri;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{At, Body, Who};
use crate::answer::{Answer, Created, Nothing, Page};
use crate::errors::Code;
use crate::listing::{Field, Listing, date, integer, listed, text};
use crate::moment::Moment;
use crate::validation::{Check, For};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GuestRight {
    None,
    Read,
    ReadWrite,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = container)]
pub struct Container {
    pub id: i64,
    pub name: String,
    pub comment: Option<String>,
    pub push_pool_id: Option<i64>,
    pub cleaning_pool_id: Option<i64>,
    /// Bytes.
    pub quota_total_size: Option<i64>,
    /// Bytes.
    pub quota_on_cache: Option<i64>,
    pub stat_total_files: i64,
    /// Files that have no copy elsewhere; null where that is not counted.
    pub only_on_cache_file_count: Option<i64>,
    pub stat_total_size: i64,
    pub stat_size_on_cache: Option<i64>,
    pub only_on_cache_file_size_sum: Option<i64>,
    pub guest_right: GuestRight,
    pub last_update: Option<Moment>,
}

#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = container_input)]
pub struct ContainerInput {
    pub name: Option<String>,
    pub comment: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub push_pool_id: Given<i64>,
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub cleaning_pool_id: Given<i64>,
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub quota_total_size: Given<i64>,
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub quota_on_cache: Given<i64>,
    pub guest_right: Option<GuestRight>,
}

impl ContainerInput {
    fn check(&self, purpose: For) -> Answer<()> {
        let mut check = Check::new(purpose);
        check.name("name", self.name.as_deref());
        if self.name.as_deref().is_some_and(|name| name.contains('/') || name == "." || name == "..") {
            check.explain("name", Code::Invalid, "A container's name is the name of a directory: no slash, not . or ..");
        }
        check.text("comment", self.comment.as_deref());
        check.amount("quota_total_size", self.quota_total_size.value());
        check.amount("quota_on_cache", self.quota_on_cache.value());
        if let (Given::Value(total), Given::Value(cache)) = (self.quota_total_size, self.quota_on_cache)
            && cache > total
            && total > 0
        {
            check.refuse("quota_on_cache", Code::QuotaOnCache);
        }
        check.finish()
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = container_collection)]
struct ContainerCollection {
    count: u64,
    containers: Vec<Container>,
}

const FIELDS: &[Field] = &[
    integer("id"),
    text("name"),
    text("comment"),
    integer("quota_total_size"),
    integer("quota_on_cache"),
    integer("stat_total_files"),
    integer("stat_total_size"),
    integer("stat_size_on_cache"),
    text("guest_right"),
    date("last_update"),
];

#[async_trait]
pub trait Containers: Send + Sync + 'static {
    async fn index(&self, caller: &Caller, listing: Listing) -> Answer<Page<Container>>;
    async fn create(&self, caller: &Caller, input: ContainerInput) -> Answer<Container>;
    async fn show(&self, caller: &Caller, container: &Reference) -> Answer<Container>;
    async fn update(&self, caller: &Caller, container: &Reference, input: ContainerInput) -> Answer<Container>;
    async fn destroy(&self, caller: &Caller, container: &Reference) -> Answer<()>;
}

type Shared = State<Arc<dyn Containers>>;

pub(crate) fn routes(containers: Arc<dyn Containers>) -> Routes {
    let scope = |verb| Access::Scope("containers", verb);
    let one = "/containers/{container_id}";
    Routes::new()
        .on(
            listed(Operation::get("/containers", "index_containers", scope("index")), FIELDS)
                .summary("Lists containers.")
                .answers::<ContainerCollection>(200, "Containers."),
            index,
        )
        .on(
            Operation::post("/containers", "create_container", scope("create"))
                .summary("Creates a container.")
                .takes::<ContainerInput>()
                .answers::<Container>(201, "The new container."),
            create,
        )
        .on(
            Operation::get(one, "show_container", scope("show"))
                .summary("Shows a container.")
                .answers::<Container>(200, "The container."),
            show,
        )
        .on(
            Operation::put(one, "update_container", scope("update"))
                .summary("Changes the members that are given.")
                .takes::<ContainerInput>()
                .answers::<Container>(200, "The container as it is now."),
            update,
        )
        .on(
            Operation::delete(one, "destroy_container", scope("destroy"))
                .summary("Deletes a container that nothing refers to.")
                .answers_nothing(204, "Deleted."),
            destroy,
        )
        .with_state(containers)
}

async fn index(State(containers): Shared, Extension(caller): Who, uri: Uri) -> Answer<Json<ContainerCollection>> {
    let Page { count, items } = containers.index(&caller, Listing::of(&uri, FIELDS)?).await?;
    Ok(Json(ContainerCollection { count, containers: items }))
}

async fn create(State(containers): Shared, Extension(caller): Who, input: Body<ContainerInput>) -> Answer<Created<Container>> {
    input.0.check(For::Create)?;
    containers.create(&caller, input.0).await.map(Created)
}

async fn show(State(containers): Shared, Extension(caller): Who, at: At<Reference>) -> Answer<Json<Container>> {
    containers.show(&caller, &at.0).await.map(Json)
}

async fn update(
    State(containers): Shared,
    Extension(caller): Who,
    at: At<Reference>,
    input: Body<ContainerInput>,
) -> Answer<Json<Container>> {
    input.0.check(For::Update)?;
    containers.update(&caller, &at.0, input.0).await.map(Json)
}

async fn destroy(State(containers): Shared, Extension(caller): Who, at: At<Reference>) -> Answer<Nothing> {
    containers.destroy(&caller, &at.0).await.map(|()| Nothing)
}
