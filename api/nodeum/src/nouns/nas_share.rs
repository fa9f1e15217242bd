//! NAS shares: made under their NAS, seen also by themselves and under the pool they are in.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Operation, Reference, Routes, Secret};
use http::Uri;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::active_job::{self, ActiveJob, AskedJob};
use super::{At, Body, Who};
use crate::answer::{Accepted, Answer, Created, Nothing, Page};
use crate::errors::Code;
use crate::listing::{Field, Listing, integer, listed, text};
use crate::validation::{Check, For};

/// What stands in place of a password that is set. Given back, it means the one that is set.
pub const CENSORED: &str = "********";

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = nas_share)]
pub struct NasShare {
    pub id: i64,
    /// None where the share was made without a NAS, through another door.
    pub nas_id: Option<i64>,
    pub pool_id: Option<i64>,
    pub name: String,
    /// The export, or the share with a folder in it.
    pub path: Option<String>,
    pub options: Option<String>,
    pub username: Option<String>,
    /// `********` where one is set. It is never shown.
    pub password: Option<String>,
    pub file_count: i64,
    pub file_size_sum: i64,
}

#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = nas_share_input)]
pub struct NasShareInput {
    /// Also the folder under which a primary pool shows the share.
    pub name: Option<String>,
    /// `/export/data` of an NFS server; `share` or `share/folder` of an SMB server.
    pub path: Option<String>,
    /// Mount options, separated by commas. Of NFS: port, mountport, resvport, uid, gid, ro; of SMB: port, domain, seal, prefixpath, ro. Others
    /// are kept and have no effect.
    pub options: Option<String>,
    /// Of SMB, also with the domain before it: `DOMAIN\user`. An NFS server knows users by number: options uid and gid.
    pub username: Option<String>,
    /// Null, and the asterisks of an answer, leave the stored one as it is.
    #[schema(value_type = Option<String>)]
    pub password: Option<Secret>,
}

impl NasShareInput {
    /// A test needs no name.
    fn check(&self, purpose: For, named: bool) -> Answer<()> {
        let mut check = Check::new(purpose);
        if named || self.name.is_some() {
            check.name("name", self.name.as_deref());
        }
        if self.name.as_deref().is_some_and(|name| name.contains('/') || matches!(name, "." | "..")) {
            check.explain("name", Code::Invalid, "name is a folder of a primary pool: it cannot hold a slash, nor be . or ..");
        }
        check.required("path", self.path.as_ref().filter(|path| !path.is_empty()));
        if purpose == For::Update && self.path.as_deref() == Some("") {
            check.refuse("path", Code::Blank);
        }
        check.text("path", self.path.as_deref());
        if self.path.as_deref().is_some_and(|path| path.split(['/', '\\']).any(|step| matches!(step, "." | ".."))) {
            check.explain("path", Code::Invalid, "path cannot hold . or ..");
        }
        check.text("options", self.options.as_deref());
        check.text("username", self.username.as_deref());
        check.text("password", self.password.as_ref().map(Secret::reveal));
        check.finish()
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = nas_share_collection)]
struct NasShareCollection {
    count: u64,
    nas_shares: Vec<NasShare>,
}

/// Among whose shares one is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SharesOf {
    All,
    Nas(Reference),
    Pool(Reference),
}

const FIELDS: &[Field] =
    &[integer("id"), text("name"), text("path"), text("options"), text("username"), integer("nas_id"), integer("pool_id")];
const FIELDS_OF_NAS: &[Field] =
    &[integer("id"), text("name"), text("path"), text("options"), text("username"), integer("pool_id")];
const FIELDS_OF_POOL: &[Field] =
    &[integer("id"), text("name"), text("path"), text("options"), text("username"), integer("nas_id")];

#[async_trait]
pub trait NasShares: Send + Sync + 'static {
    async fn index(&self, caller: &Caller, of: SharesOf, listing: Listing) -> Answer<Page<NasShare>>;
    async fn create(&self, caller: &Caller, nas: &Reference, input: NasShareInput) -> Answer<NasShare>;
    async fn show(&self, caller: &Caller, of: SharesOf, share: &Reference) -> Answer<NasShare>;
    /// Members that are none stay as they are.
    async fn update(&self, caller: &Caller, of: SharesOf, share: &Reference, input: NasShareInput) -> Answer<NasShare>;
    async fn destroy(&self, caller: &Caller, of: SharesOf, share: &Reference) -> Answer<()>;
    /// Begins a look at a share that is not saved.
    async fn test(&self, caller: &Caller, nas: &Reference, input: NasShareInput) -> Answer<ActiveJob>;
    async fn test_result(&self, caller: &Caller, nas: &Reference, job: &str) -> Answer<ActiveJob>;
}

type Shared = State<Arc<dyn NasShares>>;
type Pair = At<(Reference, Reference)>;

pub(crate) fn routes(shares: Arc<dyn NasShares>) -> Routes {
    let scope = |verb| Access::Scope("nas_shares", verb);
    let list = |path, id, fields| {
        listed(Operation::get(path, id, scope("index")), fields).answers::<NasShareCollection>(200, "NAS shares.")
    };
    let show_at = |path, id| {
        Operation::get(path, id, scope("show")).summary("Shows a NAS share.").answers::<NasShare>(200, "The NAS share.")
    };
    let update_at = |path, id| {
        Operation::put(path, id, scope("update"))
            .summary("Changes the members that are given.")
            .takes::<NasShareInput>()
            .answers::<NasShare>(200, "The NAS share as it is now.")
    };
    let destroy_at = |path, id| {
        Operation::delete(path, id, scope("destroy"))
            .summary("Deletes a NAS share here; nothing on the NAS is touched.")
            .answers_nothing(204, "Deleted.")
    };
    let (of_nas, of_pool) = ("/nas/{nas_id}/nas_shares", "/pools/{pool_id}/nas_shares");
    let (one, one_of_nas, one_of_pool) =
        ("/nas_shares/{nas_share_id}", "/nas/{nas_id}/nas_shares/{nas_share_id}", "/pools/{pool_id}/nas_shares/{nas_share_id}");
    let test = "/nas/{nas_id}/nas_shares/-/test";
    Routes::new()
        .on(list("/nas_shares", "index_nas_shares", FIELDS).summary("Lists NAS shares."), index)
        .on(list(of_nas, "index_nas_shares_by_nas", FIELDS_OF_NAS).summary("Lists the shares of a NAS."), index_of_nas)
        .on(list(of_pool, "index_nas_shares_by_pool", FIELDS_OF_POOL).summary("Lists the NAS shares of a pool."), index_of_pool)
        .on(
            Operation::post(of_nas, "create_nas_share_by_nas", scope("create"))
                .summary("Creates a share of a NAS; the NAS need not be reached for it.")
                .takes::<NasShareInput>()
                .answers::<NasShare>(201, "The new NAS share."),
            create,
        )
        .on(
            Operation::put(test, "test_nas_share", scope("test"))
                .summary("Begins a test of a share that is not saved.")
                .takes::<NasShareInput>()
                .answers::<ActiveJob>(202, "The test, to be asked about with GET."),
            begin_test,
        )
        .on(
            active_job::documented(Operation::get(test, "test_result_nas_share", scope("test")))
                .summary("Tells what a test came to.")
                .answers::<ActiveJob>(200, "The share was reached."),
            test_result,
        )
        .on(show_at(one, "show_nas_share"), show)
        .on(show_at(one_of_nas, "show_nas_share_by_nas"), show_of_nas)
        .on(show_at(one_of_pool, "show_nas_share_by_pool"), show_of_pool)
        .on(update_at(one, "update_nas_share"), update)
        .on(update_at(one_of_nas, "update_nas_share_by_nas"), update_of_nas)
        .on(update_at(one_of_pool, "update_nas_share_by_pool"), update_of_pool)
        .on(destroy_at(one, "destroy_nas_share"), destroy)
        .on(destroy_at(one_of_nas, "destroy_nas_share_by_nas"), destroy_of_nas)
        .on(destroy_at(one_of_pool, "destroy_nas_share_by_pool"), destroy_of_pool)
        .with_state(shares)
}

fn collection(page: Page<NasShare>) -> Json<NasShareCollection> {
    Json(NasShareCollection { count: page.count, nas_shares: page.items })
}

async fn index(State(shares): Shared, Extension(caller): Who, uri: Uri) -> Answer<Json<NasShareCollection>> {
    shares.index(&caller, SharesOf::All, Listing::of(&uri, FIELDS)?).await.map(collection)
}

async fn index_of_nas(
    State(shares): Shared,
    Extension(caller): Who,
    at: At<Reference>,
    uri: Uri,
) -> Answer<Json<NasShareCollection>> {
    shares.index(&caller, SharesOf::Nas(at.0), Listing::of(&uri, FIELDS_OF_NAS)?).await.map(collection)
}

async fn index_of_pool(
    State(shares): Shared,
    Extension(caller): Who,
    at: At<Reference>,
    uri: Uri,
) -> Answer<Json<NasShareCollection>> {
    shares.index(&caller, SharesOf::Pool(at.0), Listing::of(&uri, FIELDS_OF_POOL)?).await.map(collection)
}

async fn create(
    State(shares): Shared,
    Extension(caller): Who,
    at: At<Reference>,
    input: Body<NasShareInput>,
) -> Answer<Created<NasShare>> {
    input.0.check(For::Create, true)?;
    shares.create(&caller, &at.0, input.0).await.map(Created)
}

async fn begin_test(
    State(shares): Shared,
    Extension(caller): Who,
    at: At<Reference>,
    input: Body<NasShareInput>,
) -> Answer<Accepted<ActiveJob>> {
    input.0.check(For::Create, false)?;
    shares.test(&caller, &at.0, input.0).await.map(Accepted)
}

async fn test_result(State(shares): Shared, Extension(caller): Who, at: At<Reference>, query: AskedJob) -> Answer<ActiveJob> {
    shares.test_result(&caller, &at.0, &active_job::asked(query)?).await
}

async fn show(State(shares): Shared, Extension(caller): Who, at: At<Reference>) -> Answer<Json<NasShare>> {
    shares.show(&caller, SharesOf::All, &at.0).await.map(Json)
}

async fn show_of_nas(State(shares): Shared, Extension(caller): Who, at: Pair) -> Answer<Json<NasShare>> {
    let (nas, share) = at.0;
    shares.show(&caller, SharesOf::Nas(nas), &share).await.map(Json)
}

async fn show_of_pool(State(shares): Shared, Extension(caller): Who, at: Pair) -> Answer<Json<NasShare>> {
    let (pool, share) = at.0;
    shares.show(&caller, SharesOf::Pool(pool), &share).await.map(Json)
}

async fn update(
    State(shares): Shared,
    Extension(caller): Who,
    at: At<Reference>,
    input: Body<NasShareInput>,
) -> Answer<Json<NasShare>> {
    input.0.check(For::Update, true)?;
    shares.update(&caller, SharesOf::All, &at.0, input.0).await.map(Json)
}

async fn update_of_nas(
    State(shares): Shared,
    Extension(caller): Who,
    at: Pair,
    input: Body<NasShareInput>,
) -> Answer<Json<NasShare>> {
    input.0.check(For::Update, true)?;
    let (nas, share) = at.0;
    shares.update(&caller, SharesOf::Nas(nas), &share, input.0).await.map(Json)
}

async fn update_of_pool(
    State(shares): Shared,
    Extension(caller): Who,
    at: Pair,
    input: Body<NasShareInput>,
) -> Answer<Json<NasShare>> {
    input.0.check(For::Update, true)?;
    let (pool, share) = at.0;
    shares.update(&caller, SharesOf::Pool(pool), &share, input.0).await.map(Json)
}

async fn destroy(State(shares): Shared, Extension(caller): Who, at: At<Reference>) -> Answer<Nothing> {
    shares.destroy(&caller, SharesOf::All, &at.0).await.map(|()| Nothing)
}

async fn destroy_of_nas(State(shares): Shared, Extension(caller): Who, at: Pair) -> Answer<Nothing> {
    let (nas, share) = at.0;
    shares.destroy(&caller, SharesOf::Nas(nas), &share).await.map(|()| Nothing)
}

async fn destroy_of_pool(State(shares): Shared, Extension(caller): Who, at: Pair) -> Answer<Nothing> {
    let (pool, share) = at.0;
    shares.destroy(&caller, SharesOf::Pool(pool), &share).await.map(|()| Nothing)
}
