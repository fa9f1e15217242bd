//! Cloud buckets: they come from the provider by `sync` and are never made here; price and options are all that can be changed.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Operation, Reference, Routes};
use http::Uri;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::active_job::{self, ActiveJob, AskedJob};
use super::{At, Body, Who};
use crate::answer::{Accepted, Answer, Page};
use crate::errors::Error;
use crate::listing::{Field, Listing, integer, listed, text};
use crate::validation::{Check, For};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = cloud_bucket)]
pub struct CloudBucket {
    /// None for a bucket that a test found and nothing keeps.
    pub id: Option<i64>,
    pub cloud_connector_id: Option<i64>,
    pub pool_id: Option<i64>,
    pub name: String,
    pub file_count: i64,
    pub file_size_sum: i64,
    pub location: Option<String>,
    pub price: Option<String>,
    pub options: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = cloud_bucket_input)]
pub struct CloudBucketInput {
    /// For each GB and month.
    pub price: Option<String>,
    pub options: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = cloud_bucket_collection)]
pub(crate) struct CloudBucketCollection {
    count: u64,
    cloud_buckets: Vec<CloudBucket>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = cloud_bucket_simple_collection)]
pub(crate) struct CloudBucketSimpleCollection {
    cloud_buckets: Vec<CloudBucket>,
}

/// What a look at the provider has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Buckets(Vec<CloudBucket>),
    /// Not done, or failed.
    NotYet(ActiveJob),
}

impl IntoResponse for Found {
    fn into_response(self) -> Response {
        match self {
            Self::Buckets(cloud_buckets) => Json(CloudBucketSimpleCollection { cloud_buckets }).into_response(),
            Self::NotYet(job) => Accepted(job).into_response(),
        }
    }
}

/// Whose buckets are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BucketsOf {
    All,
    Connector(Reference),
    Pool(Reference),
}

const FIELDS: &[Field] =
    &[integer("id"), integer("cloud_connector_id"), integer("pool_id"), text("name"), text("location"), text("price")];
const FIELDS_OF_CONNECTOR: &[Field] = &[integer("id"), integer("pool_id"), text("name"), text("location"), text("price")];
const FIELDS_OF_POOL: &[Field] = &[integer("id"), integer("cloud_connector_id"), text("name"), text("location"), text("price")];

#[async_trait]
pub trait CloudBuckets: Send + Sync + 'static {
    async fn index(&self, caller: &Caller, of: BucketsOf, listing: Listing) -> Answer<Page<CloudBucket>>;
    async fn show(&self, caller: &Caller, bucket: &Reference) -> Answer<CloudBucket>;
    async fn update(&self, caller: &Caller, bucket: &Reference, input: CloudBucketInput) -> Answer<CloudBucket>;
    /// Begins to take the provider's list over.
    async fn sync(&self, caller: &Caller, connector: &Reference) -> Answer<ActiveJob>;
    async fn sync_result(&self, caller: &Caller, connector: &Reference, job: &str) -> Answer<Found>;
}

type Buckets = State<Arc<dyn CloudBuckets>>;

pub(crate) fn routes(buckets: Arc<dyn CloudBuckets>) -> Routes {
    let scope = |verb| Access::Scope("cloud_buckets", verb);
    let list = |path, id, fields| {
        listed(Operation::get(path, id, scope("index")), fields).answers::<CloudBucketCollection>(200, "Cloud buckets.")
    };
    let one = "/cloud_buckets/{cloud_bucket_id}";
    let of_connector = "/cloud_connectors/{cloud_connector_id}/cloud_buckets";
    let sync = "/cloud_connectors/{cloud_connector_id}/cloud_buckets/-/sync";
    Routes::new()
        .on(list("/cloud_buckets", "index_cloud_buckets", FIELDS).summary("Lists cloud buckets."), index)
        .on(
            list(of_connector, "index_cloud_buckets_by_cloud_connector", FIELDS_OF_CONNECTOR)
                .summary("Lists the cloud buckets of a connector."),
            index_of_connector,
        )
        .on(
            list("/pools/{pool_id}/cloud_buckets", "index_cloud_buckets_by_pool", FIELDS_OF_POOL)
                .summary("Lists the cloud buckets of a pool."),
            index_of_pool,
        )
        .on(
            Operation::get(one, "show_cloud_bucket", scope("show"))
                .summary("Shows a cloud bucket.")
                .answers::<CloudBucket>(200, "The cloud bucket."),
            show,
        )
        .on(
            Operation::put(one, "update_cloud_bucket", scope("update"))
                .summary("Changes price and options of a cloud bucket.")
                .takes::<CloudBucketInput>()
                .answers::<CloudBucket>(200, "The cloud bucket as it is now."),
            update,
        )
        .on(
            Operation::put(sync, "sync_cloud_buckets", scope("sync"))
                .summary("Begins to take over the buckets that the provider lists.")
                .answers::<ActiveJob>(202, "The job, to be asked about with GET."),
            begin_sync,
        )
        .on(
            active_job::documented(Operation::get(sync, "sync_result_cloud_buckets", scope("sync")))
                .summary("Tells what a sync found.")
                .answers::<CloudBucketSimpleCollection>(200, "The buckets of the connector."),
            sync_result,
        )
        .with_state(buckets)
}

fn collection(page: Page<CloudBucket>) -> Json<CloudBucketCollection> {
    Json(CloudBucketCollection { count: page.count, cloud_buckets: page.items })
}

async fn index(State(buckets): Buckets, Extension(caller): Who, uri: Uri) -> Answer<Json<CloudBucketCollection>> {
    buckets.index(&caller, BucketsOf::All, Listing::of(&uri, FIELDS)?).await.map(collection)
}

async fn index_of_connector(
    State(buckets): Buckets,
    Extension(caller): Who,
    at: At<Reference>,
    uri: Uri,
) -> Answer<Json<CloudBucketCollection>> {
    buckets.index(&caller, BucketsOf::Connector(at.0), Listing::of(&uri, FIELDS_OF_CONNECTOR)?).await.map(collection)
}

async fn index_of_pool(
    State(buckets): Buckets,
    Extension(caller): Who,
    at: At<Reference>,
    uri: Uri,
) -> Answer<Json<CloudBucketCollection>> {
    buckets.index(&caller, BucketsOf::Pool(at.0), Listing::of(&uri, FIELDS_OF_POOL)?).await.map(collection)
}

async fn show(State(buckets): Buckets, Extension(caller): Who, at: At<Reference>) -> Answer<Json<CloudBucket>> {
    buckets.show(&caller, &at.0).await.map(Json)
}

async fn update(
    State(buckets): Buckets,
    Extension(caller): Who,
    at: At<Reference>,
    input: Body<CloudBucketInput>,
) -> Answer<Json<CloudBucket>> {
    let mut check = Check::new(For::Update);
    check.text("price", input.0.price.as_deref());
    check.text("options", input.0.options.as_deref());
    check.finish()?;
    buckets.update(&caller, &at.0, input.0).await.map(Json)
}

async fn begin_sync(State(buckets): Buckets, Extension(caller): Who, at: At<Reference>) -> Answer<Accepted<ActiveJob>> {
    buckets.sync(&caller, &at.0).await.map(Accepted)
}

async fn sync_result(
    State(buckets): Buckets,
    Extension(caller): Who,
    at: At<Reference>,
    query: AskedJob,
) -> Result<Response, Error> {
    buckets.sync_result(&caller, &at.0, &active_job::asked(query)?).await.map(IntoResponse::into_response)
}
