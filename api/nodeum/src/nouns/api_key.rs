//! API keys of the caller. A key is readable in full only in the answer that creates it, and nobody gives away more than they have.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Operation, Routes};
use http::Uri;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{At, Body, Who};
use crate::answer::{Answer, Created, Nothing, Page};
use crate::errors::{Code, Error};
use crate::listing::{Listing, windowed};
use crate::validation::{Check, For};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = api_key)]
pub struct ApiKey {
    pub id: i64,
    /// Masked but for its last characters.
    pub key: String,
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = api_key_scope)]
pub struct ApiKeyScope {
    pub controller: String,
    pub action: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = api_key_full)]
pub struct ApiKeyFull {
    #[serde(flatten)]
    pub key: ApiKey,
    pub api_key_scopes: Vec<ApiKeyScope>,
}

#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = api_key_input)]
pub struct ApiKeyInput {
    pub name: Option<String>,
    pub api_key_scopes: Option<Vec<ApiKeyScope>>,
}

/// Scopes of a key.
const SCOPES_LIMIT: usize = 1_000;

impl ApiKeyInput {
    fn check(&self, purpose: For, caller: &Caller) -> Answer<()> {
        let mut check = Check::new(purpose);
        check.name("name", self.name.as_deref());
        let scopes = self.api_key_scopes.as_deref().unwrap_or_default();
        if scopes.len() > SCOPES_LIMIT {
            check.bound("api_key_scopes", Code::TooLong, SCOPES_LIMIT);
        }
        let word = |text: &str| {
            (1..=64).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        };
        if scopes.iter().any(|scope| !word(&scope.controller) || !word(&scope.action)) {
            check.explain("api_key_scopes", Code::Invalid, "A scope is a controller and an action, such as pools and index");
        }
        check.finish()?;
        // Else a key that may only make keys could make one that may do everything.
        match scopes.iter().find(|scope| !caller.may(&scope.controller, &scope.action)) {
            None => Ok(()),
            Some(scope) => Err(Error::because(
                "api_key_scopes",
                Code::Invalid,
                format!("These credentials do not have the scope {}/{} themselves", scope.controller, scope.action),
            )),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = api_key_collection)]
struct ApiKeyCollection {
    count: u64,
    api_keys: Vec<ApiKey>,
}

#[async_trait]
pub trait ApiKeys: Send + Sync + 'static {
    async fn index(&self, caller: &Caller, listing: Listing) -> Answer<Page<ApiKey>>;
    /// The one answer with the key in full.
    async fn create(&self, caller: &Caller, input: ApiKeyInput) -> Answer<ApiKeyFull>;
    async fn show(&self, caller: &Caller, key: i64) -> Answer<ApiKeyFull>;
    async fn update(&self, caller: &Caller, key: i64, input: ApiKeyInput) -> Answer<ApiKeyFull>;
    async fn destroy(&self, caller: &Caller, key: i64) -> Answer<()>;
}

type Shared = State<Arc<dyn ApiKeys>>;

pub(crate) fn routes(keys: Arc<dyn ApiKeys>) -> Routes {
    let scope = |verb| Access::Scope("api_keys", verb);
    let one = "/users/me/api_keys/{api_key_id}";
    Routes::new()
        .on(
            windowed(Operation::get("/users/me/api_keys", "index_api_keys", scope("index")))
                .summary("Lists the API keys of the caller.")
                .answers::<ApiKeyCollection>(200, "API keys, masked."),
            index,
        )
        .on(
            Operation::post("/users/me/api_keys", "create_api_key", scope("create"))
                .summary("Makes an API key.")
                .takes::<ApiKeyInput>()
                .answers::<ApiKeyFull>(201, "The new key, in full for this once."),
            create,
        )
        .on(
            Operation::get(one, "show_api_key", scope("show"))
                .summary("Shows an API key with its scopes.")
                .answers::<ApiKeyFull>(200, "The key, masked."),
            show,
        )
        .on(
            Operation::put(one, "update_api_key", scope("update"))
                .summary("Changes name or scopes.")
                .takes::<ApiKeyInput>()
                .answers::<ApiKeyFull>(200, "The key, masked."),
            update,
        )
        .on(
            Operation::delete(one, "destroy_api_key", scope("destroy"))
                .summary("Deletes an API key; it is refused from then on.")
                .answers_nothing(204, "Deleted."),
            destroy,
        )
        .with_state(keys)
}

async fn index(State(keys): Shared, Extension(caller): Who, uri: Uri) -> Answer<Json<ApiKeyCollection>> {
    let Page { count, items } = keys.index(&caller, Listing::of(&uri, &[])?).await?;
    Ok(Json(ApiKeyCollection { count, api_keys: items }))
}

async fn create(State(keys): Shared, Extension(caller): Who, input: Body<ApiKeyInput>) -> Answer<Created<ApiKeyFull>> {
    input.0.check(For::Create, &caller)?;
    keys.create(&caller, input.0).await.map(Created)
}

async fn show(State(keys): Shared, Extension(caller): Who, at: At<i64>) -> Answer<Json<ApiKeyFull>> {
    keys.show(&caller, at.0).await.map(Json)
}

async fn update(State(keys): Shared, Extension(caller): Who, at: At<i64>, input: Body<ApiKeyInput>) -> Answer<Json<ApiKeyFull>> {
    input.0.check(For::Update, &caller)?;
    keys.update(&caller, at.0, input.0).await.map(Json)
}

async fn destroy(State(keys): Shared, Extension(caller): Who, at: At<i64>) -> Answer<Nothing> {
    keys.destroy(&caller, at.0).await.map(|()| Nothing)
}
