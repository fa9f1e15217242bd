//! Spaces: file trees on one or more sites, with a quota, whose files can lie in buckets.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Kind, Operation, Routes};
use http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use super::space_input::SpaceInput;
use super::{At, Body, Who};
use crate::answer::{Answer, Created, Nothing, Page};
use crate::link::Link;
use crate::moment::Moment;
use crate::paging::{Listed, Paging, Window, paged};
use crate::query::Query;
use crate::validation::For;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = site_of_space)]
pub struct SiteOfSpace {
    #[schema(read_only)]
    pub id: i64,
    pub name: String,
    pub label: String,
    /// Name of the storage pool that it lies in.
    #[schema(read_only)]
    pub pool: Option<String>,
    /// Bytes in use, and bytes at most; empty when it is not known.
    pub usage: Vec<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = snapshot_schedule)]
pub struct SnapshotSchedule {
    pub id: i64,
    /// Id of the space.
    pub space: i64,
    pub frequency: String,
    pub time: String,
    pub duration: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = space)]
pub struct Space {
    pub id: i64,
    pub url: Link,
    pub uuid: String,
    pub name: String,
    pub mountpoint: String,
    pub sites: Vec<SiteOfSpace>,
    /// By name of a site, whether it is there already.
    pub on_sites: BTreeMap<String, bool>,
    /// It is there on all of its sites.
    pub is_ready: bool,
    /// The caller may change it.
    pub editable: bool,
    /// Nobody can change or delete it: the default space.
    pub immutable: bool,
    /// Bytes at most; null is as much as there is room for.
    pub size: Option<u64>,
    pub permission_mode: Option<String>,
    pub color: Vec<i64>,
    pub created: Moment,
    pub snapshot_schedule: Option<SnapshotSchedule>,
    /// Names of the shares that lie in it.
    pub nested_shares: Vec<String>,
    /// Names of the external targets, schedules and policies that refer to it.
    pub relationships: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpaceFilter {
    pub site_id: Option<i64>,
    /// A part of the name or mountpoint, in any case.
    pub search_keyword: Option<String>,
}

#[async_trait]
pub trait Spaces: Send + Sync + 'static {
    async fn list(&self, caller: &Caller, filter: SpaceFilter, window: Window) -> Answer<Page<Space>>;
    /// Begins to make it on its sites; it is ready later.
    async fn create(&self, caller: &Caller, input: SpaceInput) -> Answer<Space>;
    async fn show(&self, caller: &Caller, space: i64) -> Answer<Space>;
    async fn update(&self, caller: &Caller, space: i64, input: SpaceInput) -> Answer<Space>;
    async fn delete(&self, caller: &Caller, space: i64) -> Answer<()>;
}

type Shared = State<Arc<dyn Spaces>>;

pub(crate) fn routes(spaces: Arc<dyn Spaces>) -> Routes {
    let scope = |verb| Access::Scope("spaces", verb);
    let (all, one) = ("/spaces/", "/spaces/{id}/");
    Routes::new()
        .on(
            paged(Operation::get(all, "list_spaces", scope("index")))
                .summary("Lists spaces.")
                .query("site_id", Kind::Integer, false, "Only those on this site.")
                .query("search_keyword", Kind::Text, false, "Only those with this in their name or mountpoint.")
                .answers::<Listed<Space>>(200, "Spaces."),
            list,
        )
        .on(
            Operation::post(all, "create_space", scope("create"))
                .summary("Begins to make a space on its sites.")
                .takes::<SpaceInput>()
                .answers::<Space>(201, "The new space; it says when it is ready."),
            create,
        )
        .on(Operation::get(one, "show_space", scope("show")).summary("Shows a space.").answers::<Space>(200, "The space."), show)
        .on(
            Operation::patch(one, "update_space", scope("update"))
                .summary("Changes the members that are given.")
                .takes::<SpaceInput>()
                .answers::<Space>(200, "The space as it is now."),
            update,
        )
        .on(
            Operation::delete(one, "delete_space", scope("destroy"))
                .summary("Deletes a space.")
                .answers_nothing(204, "Deleted, or being deleted."),
            delete,
        )
        .with_state(spaces)
}

async fn list(State(spaces): Shared, Extension(caller): Who, uri: Uri) -> Answer<Json<Listed<Space>>> {
    let paging = Paging::of(&uri)?;
    let mut query = Query::of(&uri);
    let filter = SpaceFilter { site_id: query.integer("site_id"), search_keyword: query.text("search_keyword") };
    query.finish()?;
    paging.listed(spaces.list(&caller, filter, paging.window()).await?).map(Json)
}

async fn create(State(spaces): Shared, Extension(caller): Who, input: Body<SpaceInput>) -> Answer<Created<Space>> {
    input.0.check(For::Create)?;
    spaces.create(&caller, input.0).await.map(Created)
}

async fn show(State(spaces): Shared, Extension(caller): Who, at: At) -> Answer<Json<Space>> {
    spaces.show(&caller, at.0).await.map(Json)
}

async fn update(State(spaces): Shared, Extension(caller): Who, at: At, input: Body<SpaceInput>) -> Answer<Json<Space>> {
    input.0.check(For::Update)?;
    spaces.update(&caller, at.0, input.0).await.map(Json)
}

async fn delete(State(spaces): Shared, Extension(caller): Who, at: At) -> Answer<Nothing> {
    spaces.delete(&caller, at.0).await.map(|()| Nothing)
}
