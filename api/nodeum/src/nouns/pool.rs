//! Pools: storage used as one, under the name that tasks refer to. Its members can be written here and are read elsewhere.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Given, Kind, Operation, Reference, Routes, pairs};
use http::Uri;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{At, Body, Who};
use crate::answer::{Answer, Created, Nothing, Page};
use crate::errors::{Code, Error};
use crate::listing::{Field, Listing, integer, listed, text};
use crate::validation::{Check, For};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PoolKind {
    ActiveArchive,
    OfflineArchive,
    DataExchange,
    Scratch,
    DataEnrichment,
    Primary,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PoolContent {
    Tape,
    Cloud,
    Nas,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = pool)]
pub struct Pool {
    pub id: i64,
    pub name: String,
    pub comment: Option<String>,
    #[serde(rename = "type")]
    pub kind: PoolKind,
    pub content: PoolContent,
    /// Root folder of a primary pool.
    pub primary_id: Option<i64>,
    pub storage_id: Option<i64>,
    pub tape_write_protect_when_full: Option<bool>,
    pub storage_extra_data: Option<StorageExtraData>,
}

/// What a client keeps of a storage system that this one does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = storage_extra_data)]
pub struct StorageExtraData {
    pub id: i64,
    pub storage_id: Option<i64>,
    pub storage_type: Option<i64>,
    /// JSON text.
    pub data: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(as = storage_extra_data_input)]
pub struct StorageExtraDataInput {
    pub storage_id: Option<i64>,
    pub storage_type: Option<i64>,
    pub data: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = pool_input)]
pub struct PoolInput {
    pub name: Option<String>,
    pub comment: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<PoolKind>,
    pub content: Option<PoolContent>,
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub storage_id: Given<i64>,
    pub tape_write_protect_when_full: Option<bool>,
    #[serde(default)]
    #[schema(value_type = Option<StorageExtraDataInput>)]
    pub storage_extra_data: Given<StorageExtraDataInput>,
    pub tape_ids: Option<Vec<i64>>,
    pub nas_share_ids: Option<Vec<i64>>,
    pub cloud_bucket_ids: Option<Vec<i64>>,
}

/// Members of a pool, of each kind.
const MEMBERS_LIMIT: usize = 10_000;

impl PoolInput {
    fn check(&self, purpose: For) -> Answer<()> {
        let mut check = Check::new(purpose);
        check.name("name", self.name.as_deref());
        check.text("comment", self.comment.as_deref());
        check.required("type", self.kind.as_ref());
        check.required("content", self.content.as_ref());
        match (self.kind, self.content) {
            (Some(PoolKind::Primary), Some(PoolContent::Tape)) => {
                check.explain("content", Code::Invalid, "A primary pool holds cloud buckets or NAS shares, not tapes");
            }
            (Some(PoolKind::Scratch), Some(PoolContent::Cloud | PoolContent::Nas)) => {
                check.explain("content", Code::Invalid, "A scratch pool holds tapes");
            }
            _ => {}
        }
        if let Given::Value(extra) = self.storage_extra_data.as_ref()
            && extra.data.as_ref().is_some_and(|data| serde_json::from_str::<serde::de::IgnoredAny>(data).is_err())
        {
            check.explain("storage_extra_data.data", Code::Invalid, "storage_extra_data.data has to be JSON in a string");
        }
        for (attribute, members, content) in [
            ("tape_ids", &self.tape_ids, PoolContent::Tape),
            ("nas_share_ids", &self.nas_share_ids, PoolContent::Nas),
            ("cloud_bucket_ids", &self.cloud_bucket_ids, PoolContent::Cloud),
        ] {
            let Some(members) = members else { continue };
            if members.len() > MEMBERS_LIMIT {
                check.bound(attribute, Code::TooLong, MEMBERS_LIMIT);
            }
            if !members.is_empty() && self.content.is_some_and(|wanted| wanted != content) {
                check.explain(attribute, Code::Invalid, &format!("{attribute} does not go with the content of the pool"));
            }
        }
        check.finish()
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = pool_collection)]
struct PoolCollection {
    count: u64,
    pools: Vec<Pool>,
}

const FIELDS: &[Field] = &[integer("id"), text("name"), text("comment"), text("type"), text("content"), integer("primary_id")];

#[async_trait]
pub trait Pools: Send + Sync + 'static {
    async fn index(&self, caller: &Caller, listing: Listing) -> Answer<Page<Pool>>;
    async fn create(&self, caller: &Caller, input: PoolInput) -> Answer<Pool>;
    async fn show(&self, caller: &Caller, pool: &Reference) -> Answer<Pool>;
    /// Members that are none stay as they are; a list of members replaces the one there was.
    async fn update(&self, caller: &Caller, pool: &Reference, input: PoolInput) -> Answer<Pool>;
    async fn destroy(&self, caller: &Caller, pool: &Reference) -> Answer<()>;
    /// Scan number `transaction` of a primary pool ended; its results are taken over.
    async fn sync_primary(&self, caller: &Caller, pool: &Reference, transaction: i64) -> Answer<()>;
}

type Shared = State<Arc<dyn Pools>>;

pub(crate) fn routes(pools: Arc<dyn Pools>) -> Routes {
    let scope = |verb| Access::Scope("pools", verb);
    let one = "/pools/{pool_id}";
    Routes::new()
        .on(
            listed(Operation::get("/pools", "index_pools", scope("index")), FIELDS)
                .summary("Lists pools.")
                .answers::<PoolCollection>(200, "Pools."),
            index,
        )
        .on(
            Operation::post("/pools", "create_pool", scope("create"))
                .summary("Creates a pool.")
                .takes::<PoolInput>()
                .answers::<Pool>(201, "The new pool."),
            create,
        )
        .on(Operation::get(one, "show_pool", scope("show")).summary("Shows a pool.").answers::<Pool>(200, "The pool."), show)
        .on(
            Operation::put(one, "update_pool", scope("update"))
                .summary("Changes the members that are given.")
                .takes::<PoolInput>()
                .answers::<Pool>(200, "The pool as it is now."),
            update,
        )
        .on(
            Operation::delete(one, "destroy_pool", scope("destroy"))
                .summary("Deletes a pool; the data in its storage stays.")
                .answers_nothing(204, "Deleted."),
            destroy,
        )
        .on(
            Operation::post("/pools/{pool_id}/sync", "sync_primary_pool", scope("sync_primary"))
                .summary("Takes over the results of a scan of a primary pool.")
                .query("tx", Kind::Integer, true, "Number of the scan.")
                .answers_nothing(204, "Begun."),
            sync_primary,
        )
        .with_state(pools)
}

async fn index(State(pools): Shared, Extension(caller): Who, uri: Uri) -> Answer<Json<PoolCollection>> {
    let Page { count, items } = pools.index(&caller, Listing::of(&uri, FIELDS)?).await?;
    Ok(Json(PoolCollection { count, pools: items }))
}

async fn create(State(pools): Shared, Extension(caller): Who, input: Body<PoolInput>) -> Answer<Created<Pool>> {
    input.0.check(For::Create)?;
    pools.create(&caller, input.0).await.map(Created)
}

async fn show(State(pools): Shared, Extension(caller): Who, at: At<Reference>) -> Answer<Json<Pool>> {
    pools.show(&caller, &at.0).await.map(Json)
}

async fn update(State(pools): Shared, Extension(caller): Who, at: At<Reference>, input: Body<PoolInput>) -> Answer<Json<Pool>> {
    input.0.check(For::Update)?;
    pools.update(&caller, &at.0, input.0).await.map(Json)
}

async fn destroy(State(pools): Shared, Extension(caller): Who, at: At<Reference>) -> Answer<Nothing> {
    pools.destroy(&caller, &at.0).await.map(|()| Nothing)
}

async fn sync_primary(State(pools): Shared, Extension(caller): Who, at: At<Reference>, uri: Uri) -> Answer<Nothing> {
    let given = pairs(&uri).into_iter().find(|(name, _)| name == "tx").map(|(_, value)| value).unwrap_or_default();
    if given.is_empty() {
        return Err(Error::attribute("tx", Code::Blank));
    }
    let transaction = given.parse().map_err(|_| Error::attribute("tx", Code::Invalid))?;
    pools.sync_primary(&caller, &at.0, transaction).await.map(|()| Nothing)
}
