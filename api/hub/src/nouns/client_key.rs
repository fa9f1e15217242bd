//! Client keys: what programs come in with. A key is readable only in the answer that creates it, and carries the rights of its user.

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
use crate::link::Link;
use crate::paging::{Listed, Paging, Window, paged};
use crate::secrets::Disclosed;
use crate::validation::{Check, For, NAME_LIMIT};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = client_key)]
pub struct ClientKey {
    pub id: i64,
    pub url: Link,
    pub name: String,
    /// Username of its owner.
    pub user: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = new_client_key)]
pub struct NewClientKey {
    #[serde(flatten)]
    pub key: ClientKey,
    /// The key itself, this once.
    #[schema(value_type = String)]
    pub api_key: Disclosed,
}

#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = client_key_input)]
pub struct ClientKeyInput {
    /// Given on create.
    pub name: Option<String>,
}

impl ClientKeyInput {
    fn check(&self, purpose: For) -> Answer<()> {
        let mut check = Check::new(purpose);
        check.name("name", self.name.as_deref(), NAME_LIMIT);
        check.finish()
    }
}

#[async_trait]
pub trait ClientKeys: Send + Sync + 'static {
    async fn list(&self, caller: &Caller, window: Window) -> Answer<Page<ClientKey>>;
    /// The one answer with the key.
    async fn create(&self, caller: &Caller, input: ClientKeyInput) -> Answer<NewClientKey>;
    async fn show(&self, caller: &Caller, key: i64) -> Answer<ClientKey>;
    async fn update(&self, caller: &Caller, key: i64, input: ClientKeyInput) -> Answer<ClientKey>;
    async fn delete(&self, caller: &Caller, key: i64) -> Answer<()>;
}

type Shared = State<Arc<dyn ClientKeys>>;

pub(crate) fn routes(keys: Arc<dyn ClientKeys>) -> Routes {
    let scope = |verb| Access::Scope("api_keys", verb);
    let (all, one) = ("/auth/clientkeys/", "/auth/clientkeys/{id}/");
    Routes::new()
        .on(
            paged(Operation::get(all, "list_client_keys", scope("index")))
                .summary("Lists client keys by name.")
                .answers::<Listed<ClientKey>>(200, "Client keys, without the keys themselves."),
            list,
        )
        .on(
            Operation::post(all, "create_client_key", scope("create"))
                .summary("Makes a client key for the caller.")
                .takes::<ClientKeyInput>()
                .answers::<NewClientKey>(201, "The new key, readable this once."),
            create,
        )
        .on(
            Operation::get(one, "show_client_key", scope("show"))
                .summary("Shows a client key by name.")
                .answers::<ClientKey>(200, "The client key, without the key itself."),
            show,
        )
        .on(
            Operation::patch(one, "update_client_key", scope("update"))
                .summary("Renames a client key.")
                .takes::<ClientKeyInput>()
                .answers::<ClientKey>(200, "The client key as it is now."),
            update,
        )
        .on(
            Operation::delete(one, "delete_client_key", scope("destroy"))
                .summary("Deletes a client key; it is refused from then on.")
                .answers_nothing(204, "Deleted."),
            delete,
        )
        .with_state(keys)
}

async fn list(State(keys): Shared, Extension(caller): Who, uri: Uri) -> Answer<Json<Listed<ClientKey>>> {
    let paging = Paging::of(&uri)?;
    paging.listed(keys.list(&caller, paging.window()).await?).map(Json)
}

async fn create(State(keys): Shared, Extension(caller): Who, input: Body<ClientKeyInput>) -> Answer<Created<NewClientKey>> {
    input.0.check(For::Create)?;
    keys.create(&caller, input.0).await.map(Created)
}

async fn show(State(keys): Shared, Extension(caller): Who, at: At) -> Answer<Json<ClientKey>> {
    keys.show(&caller, at.0).await.map(Json)
}

async fn update(State(keys): Shared, Extension(caller): Who, at: At, input: Body<ClientKeyInput>) -> Answer<Json<ClientKey>> {
    input.0.check(For::Update)?;
    keys.update(&caller, at.0, input.0).await.map(Json)
}

async fn delete(State(keys): Shared, Extension(caller): Who, at: At) -> Answer<Nothing> {
    keys.delete(&caller, at.0).await.map(|()| Nothing)
}
