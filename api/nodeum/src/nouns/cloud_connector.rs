//! Cloud connectors: accounts on object stores.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Operation, Reference, Routes, Secret};
use http::Uri;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::active_job::{self, ActiveJob, AskedJob};
use super::cloud_bucket::{CloudBucketSimpleCollection, Found};
use super::{At, Body, Who};
use crate::answer::{Accepted, Answer, Created, Nothing, Page};
use crate::errors::Error;
use crate::listing::{Field, Listing, integer, listed, text};
use crate::validation::{Check, For};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    GenericS3,
    AmazonAwsS3,
    CloudianHyperstore,
    ScalityRing,
    DellEmcEcs,
    Azure,
    GoogleCloudStorage,
    OpenstackSwift,
    Wasabi,
    QuantumActivescale,
    DatacoreSwarm,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = cloud_connector)]
pub struct CloudConnector {
    pub id: i64,
    pub name: String,
    pub url: Option<String>,
    pub url_proxy: Option<String>,
    pub provider: Provider,
    pub region: Option<String>,
    pub access_key: Option<String>,
    /// Left out unless the caller has the scope `cloud_connectors/get_secret_key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key: Option<String>,
    pub options: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = cloud_connector_input)]
pub struct CloudConnectorInput {
    pub name: Option<String>,
    pub url: Option<String>,
    pub url_proxy: Option<String>,
    pub provider: Option<Provider>,
    pub region: Option<String>,
    pub access_key: Option<String>,
    /// Null leaves the stored one as it is, because answers leave it out.
    #[schema(value_type = Option<String>)]
    pub secret_key: Option<Secret>,
    /// Separated by commas.
    pub options: Option<String>,
}

impl CloudConnectorInput {
    fn check(&self, purpose: For, named: bool) -> Answer<()> {
        let mut check = Check::new(purpose);
        if named || self.name.is_some() {
            check.name("name", self.name.as_deref());
        }
        check.required("provider", self.provider.as_ref());
        if self.provider != Some(Provider::AmazonAwsS3) {
            check.required("url", self.url.as_ref().filter(|url| !url.is_empty()));
        }
        check.address("url", self.url.as_deref());
        check.address("url_proxy", self.url_proxy.as_deref());
        check.text("region", self.region.as_deref());
        check.text("access_key", self.access_key.as_deref());
        check.text("secret_key", self.secret_key.as_ref().map(Secret::reveal));
        check.text("options", self.options.as_deref());
        check.finish()
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = cloud_connector_collection)]
struct CloudConnectorCollection {
    count: u64,
    cloud_connectors: Vec<CloudConnector>,
}

const FIELDS: &[Field] =
    &[integer("id"), text("name"), text("url"), text("url_proxy"), text("provider"), text("region"), text("access_key")];

/// `reveal`: the caller may see secret keys and they go into the answer; whoever implements this records that.
#[async_trait]
pub trait CloudConnectors: Send + Sync + 'static {
    async fn index(&self, caller: &Caller, listing: Listing, reveal: bool) -> Answer<Page<CloudConnector>>;
    async fn create(&self, caller: &Caller, input: CloudConnectorInput) -> Answer<CloudConnector>;
    async fn show(&self, caller: &Caller, connector: &Reference, reveal: bool) -> Answer<CloudConnector>;
    /// Members that are none stay as they are.
    async fn update(&self, caller: &Caller, connector: &Reference, input: CloudConnectorInput) -> Answer<CloudConnector>;
    async fn destroy(&self, caller: &Caller, connector: &Reference) -> Answer<()>;
    /// Begins a look at an account that is not saved.
    async fn test(&self, caller: &Caller, input: CloudConnectorInput) -> Answer<ActiveJob>;
    async fn test_result(&self, caller: &Caller, job: &str) -> Answer<Found>;
}

type Connectors = State<Arc<dyn CloudConnectors>>;

pub(crate) fn routes(connectors: Arc<dyn CloudConnectors>) -> Routes {
    let scope = |verb| Access::Scope("cloud_connectors", verb);
    let one = "/cloud_connectors/{cloud_connector_id}";
    let test = "/cloud_connectors/-/test";
    Routes::new()
        .on(
            listed(Operation::get("/cloud_connectors", "index_cloud_connectors", scope("index")), FIELDS)
                .summary("Lists cloud connectors.")
                .explicit_scope("cloud_connectors", "get_secret_key")
                .answers::<CloudConnectorCollection>(200, "Cloud connectors."),
            index,
        )
        .on(
            Operation::post("/cloud_connectors", "create_cloud_connector", scope("create"))
                .summary("Creates a cloud connector.")
                .takes::<CloudConnectorInput>()
                .answers::<CloudConnector>(201, "The new cloud connector."),
            create,
        )
        .on(
            Operation::put(test, "test_cloud_connector", scope("test"))
                .summary("Begins a test of a cloud connector that is not saved.")
                .takes::<CloudConnectorInput>()
                .answers::<ActiveJob>(202, "The test, to be asked about with GET."),
            begin_test,
        )
        .on(
            active_job::documented(Operation::get(test, "test_result_cloud_connector", scope("test")))
                .summary("Tells what a test found.")
                .answers::<CloudBucketSimpleCollection>(200, "The buckets of the account."),
            test_result,
        )
        .on(
            Operation::get(one, "show_cloud_connector", scope("show"))
                .summary("Shows a cloud connector.")
                .explicit_scope("cloud_connectors", "get_secret_key")
                .answers::<CloudConnector>(200, "The cloud connector."),
            show,
        )
        .on(
            Operation::put(one, "update_cloud_connector", scope("update"))
                .summary("Changes the members that are given.")
                .takes::<CloudConnectorInput>()
                .answers::<CloudConnector>(200, "The cloud connector as it is now."),
            update,
        )
        .on(
            Operation::delete(one, "destroy_cloud_connector", scope("destroy"))
                .summary("Deletes a cloud connector; nothing in its buckets is touched.")
                .answers_nothing(204, "Deleted."),
            destroy,
        )
        .with_state(connectors)
}

fn may_reveal(caller: &Caller) -> bool {
    caller.may("cloud_connectors", "get_secret_key")
}

async fn index(State(connectors): Connectors, Extension(caller): Who, uri: Uri) -> Answer<Json<CloudConnectorCollection>> {
    let Page { count, items } = connectors.index(&caller, Listing::of(&uri, FIELDS)?, may_reveal(&caller)).await?;
    Ok(Json(CloudConnectorCollection { count, cloud_connectors: items }))
}

async fn create(
    State(connectors): Connectors,
    Extension(caller): Who,
    input: Body<CloudConnectorInput>,
) -> Answer<Created<CloudConnector>> {
    input.0.check(For::Create, true)?;
    connectors.create(&caller, input.0).await.map(Created)
}

async fn show(State(connectors): Connectors, Extension(caller): Who, at: At<Reference>) -> Answer<Json<CloudConnector>> {
    connectors.show(&caller, &at.0, may_reveal(&caller)).await.map(Json)
}

async fn update(
    State(connectors): Connectors,
    Extension(caller): Who,
    at: At<Reference>,
    input: Body<CloudConnectorInput>,
) -> Answer<Json<CloudConnector>> {
    input.0.check(For::Update, true)?;
    connectors.update(&caller, &at.0, input.0).await.map(Json)
}

async fn destroy(State(connectors): Connectors, Extension(caller): Who, at: At<Reference>) -> Answer<Nothing> {
    connectors.destroy(&caller, &at.0).await.map(|()| Nothing)
}

async fn begin_test(
    State(connectors): Connectors,
    Extension(caller): Who,
    input: Body<CloudConnectorInput>,
) -> Answer<Accepted<ActiveJob>> {
    input.0.check(For::Create, false)?;
    connectors.test(&caller, input.0).await.map(Accepted)
}

async fn test_result(State(connectors): Connectors, Extension(caller): Who, query: AskedJob) -> Result<Response, Error> {
    connectors.test_result(&caller, &active_job::asked(query)?).await.map(IntoResponse::into_response)
}
