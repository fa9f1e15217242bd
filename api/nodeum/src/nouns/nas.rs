//! NAS: servers that hold shares. What is said here holds for all of them; each share has its own login.

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

/// How a NAS is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum NasProtocol {
    #[serde(rename = "smb_v1")]
    SmbV1,
    #[serde(rename = "smb_v2_1")]
    SmbV2_1,
    #[serde(rename = "smb_v3")]
    SmbV3,
    #[serde(rename = "nfs_v3")]
    NfsV3,
    #[serde(rename = "nfs_v4")]
    NfsV4,
    #[serde(rename = "storenext_v5")]
    StorenextV5,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = nas)]
pub struct Nas {
    pub id: i64,
    pub name: String,
    /// Name or address of the server.
    pub host: String,
    #[serde(rename = "type")]
    pub kind: NasProtocol,
    pub comment: Option<String>,
    /// For each GB and month.
    pub price: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = nas_input)]
pub struct NasInput {
    pub name: Option<String>,
    /// Name or address, without a port: that is an option of a share.
    pub host: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<NasProtocol>,
    pub comment: Option<String>,
    pub price: Option<String>,
}

impl NasInput {
    fn check(&self, purpose: For) -> Answer<()> {
        let mut check = Check::new(purpose);
        check.name("name", self.name.as_deref());
        check.host("host", self.host.as_deref());
        check.required("type", self.kind.as_ref());
        check.text("comment", self.comment.as_deref());
        check.text("price", self.price.as_deref());
        check.finish()
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = nas_collection)]
struct NasCollection {
    count: u64,
    nas: Vec<Nas>,
}

const FIELDS: &[Field] = &[integer("id"), text("name"), text("comment"), text("host"), text("type"), text("price")];

#[async_trait]
pub trait NasServers: Send + Sync + 'static {
    async fn index(&self, caller: &Caller, listing: Listing) -> Answer<Page<Nas>>;
    async fn create(&self, caller: &Caller, input: NasInput) -> Answer<Nas>;
    async fn show(&self, caller: &Caller, nas: &Reference) -> Answer<Nas>;
    /// Members that are none stay as they are; host and type change for all its shares.
    async fn update(&self, caller: &Caller, nas: &Reference, input: NasInput) -> Answer<Nas>;
    /// With its shares, if none of them is in a pool.
    async fn destroy(&self, caller: &Caller, nas: &Reference) -> Answer<()>;
}

type Servers = State<Arc<dyn NasServers>>;

pub(crate) fn routes(servers: Arc<dyn NasServers>) -> Routes {
    let scope = |verb| Access::Scope("nas", verb);
    let one = "/nas/{nas_id}";
    Routes::new()
        .on(
            listed(Operation::get("/nas", "index_nas", scope("index")), FIELDS)
                .summary("Lists NAS.")
                .answers::<NasCollection>(200, "NAS."),
            index,
        )
        .on(
            Operation::post("/nas", "create_nas", scope("create"))
                .summary("Creates a NAS.")
                .takes::<NasInput>()
                .answers::<Nas>(201, "The new NAS."),
            create,
        )
        .on(Operation::get(one, "show_nas", scope("show")).summary("Shows a NAS.").answers::<Nas>(200, "The NAS."), show)
        .on(
            Operation::put(one, "update_nas", scope("update"))
                .summary("Changes the members that are given, for all shares of the NAS.")
                .takes::<NasInput>()
                .answers::<Nas>(200, "The NAS as it is now."),
            update,
        )
        .on(
            Operation::delete(one, "destroy_nas", scope("destroy"))
                .summary("Deletes a NAS and its shares here; nothing on it is touched.")
                .answers_nothing(204, "Deleted."),
            destroy,
        )
        .with_state(servers)
}

async fn index(State(servers): Servers, Extension(caller): Who, uri: Uri) -> Answer<Json<NasCollection>> {
    let Page { count, items } = servers.index(&caller, Listing::of(&uri, FIELDS)?).await?;
    Ok(Json(NasCollection { count, nas: items }))
}

async fn create(State(servers): Servers, Extension(caller): Who, input: Body<NasInput>) -> Answer<Created<Nas>> {
    input.0.check(For::Create)?;
    servers.create(&caller, input.0).await.map(Created)
}

async fn show(State(servers): Servers, Extension(caller): Who, at: At<Reference>) -> Answer<Json<Nas>> {
    servers.show(&caller, &at.0).await.map(Json)
}

async fn update(State(servers): Servers, Extension(caller): Who, at: At<Reference>, input: Body<NasInput>) -> Answer<Json<Nas>> {
    input.0.check(For::Update)?;
    servers.update(&caller, &at.0, input.0).await.map(Json)
}

async fn destroy(State(servers): Servers, Extension(caller): Who, at: At<Reference>) -> Answer<Nothing> {
    servers.destroy(&caller, &at.0).await.map(|()| Nothing)
}
