//! Users: who may come in, and in which role.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Json as Input, Operation, PathOf, Routes, Secret};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::AdminError;
use crate::listing::{Page, Window};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    Administrator,
    /// Works with what is set up: all but users, the audit log, plugins and grants.
    Operator,
    /// Looks, and changes nothing but their own keys and password.
    Reader,
    /// Nothing but their own keys and password, and what they and their groups are given.
    Member,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct User {
    pub id: String,
    pub number: i64,
    pub name: String,
    pub role: Role,
    /// Neither the password nor a key of a disabled user is accepted.
    pub disabled: bool,
    pub created: String,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct NewUser {
    /// Unique, without a colon.
    pub name: String,
    pub role: Role,
    #[schema(value_type = String, write_only)]
    pub password: Secret,
}

/// What is left out stays as it is.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct UserChange {
    pub role: Option<Role>,
    pub disabled: Option<bool>,
    #[schema(value_type = Option<String>, write_only)]
    pub password: Option<Secret>,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct PasswordChange {
    #[schema(value_type = String, write_only)]
    pub old: Secret,
    #[schema(value_type = String, write_only)]
    pub new: Secret,
}

#[async_trait]
pub trait Users: Send + Sync + 'static {
    async fn list_users(&self, caller: &Caller, window: Window) -> Result<Page<User>, AdminError>;
    async fn show_user(&self, caller: &Caller, user: &str) -> Result<User, AdminError>;
    async fn create_user(&self, caller: &Caller, user: NewUser) -> Result<User, AdminError>;
    async fn change_user(&self, caller: &Caller, user: &str, change: UserChange) -> Result<User, AdminError>;
    /// With their keys.
    async fn remove_user(&self, caller: &Caller, user: &str) -> Result<(), AdminError>;
    /// The caller's own.
    async fn change_password(&self, caller: &Caller, change: PasswordChange) -> Result<(), AdminError>;
}

pub(crate) fn routes() -> Routes<Arc<dyn Users>> {
    Routes::new()
        .on(
            Window::asked_of(Operation::get("/users", "list_users", Access::Scope("users", "index")))
                .summary("Lists users.")
                .answers::<Page<User>>(200, "Users."),
            list,
        )
        .on(
            Operation::post("/users", "create_user", Access::Scope("users", "create"))
                .summary("Makes a user.")
                .takes::<NewUser>()
                .answers::<User>(201, "Made.")
                .answers::<AdminError>(409, "The name is taken."),
            create,
        )
        .on(
            Operation::get("/users/{user}", "show_user", Access::Scope("users", "show"))
                .summary("Shows one user, by number, name or id.")
                .answers::<User>(200, "The user."),
            show,
        )
        .on(
            Operation::put("/users/{user}", "change_user", Access::Scope("users", "update"))
                .summary("Changes role or password, disables or enables; it holds from the next request on.")
                .takes::<UserChange>()
                .answers::<User>(200, "Changed.")
                .answers::<AdminError>(409, "Nobody would be left who is administrator."),
            change,
        )
        .on(
            Operation::delete("/users/{user}", "remove_user", Access::Scope("users", "destroy"))
                .summary("Removes a user and their keys.")
                .answers_nothing(204, "Removed.")
                .answers::<AdminError>(409, "Nobody would be left who is administrator."),
            remove,
        )
        .on(
            Operation::put("/users/me/password", "change_password", Access::Scope("own_password", "update"))
                .summary("Changes the caller's own password.")
                .takes::<PasswordChange>()
                .answers_nothing(204, "Changed."),
            password,
        )
}

async fn list(
    State(users): State<Arc<dyn Users>>,
    Extension(caller): Extension<Arc<Caller>>,
    uri: Uri,
) -> Result<Json<Page<User>>, AdminError> {
    let window = Window::of(&uri)?;
    users.list_users(&caller, window).await.map(Json)
}

async fn show(
    State(users): State<Arc<dyn Users>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: user, .. }: PathOf<String, AdminError>,
) -> Result<Json<User>, AdminError> {
    users.show_user(&caller, &user).await.map(Json)
}

async fn create(
    State(users): State<Arc<dyn Users>>,
    Extension(caller): Extension<Arc<Caller>>,
    Input { 0: user, .. }: Input<NewUser, AdminError>,
) -> Result<(StatusCode, Json<User>), AdminError> {
    users.create_user(&caller, user).await.map(|user| (StatusCode::CREATED, Json(user)))
}

async fn change(
    State(users): State<Arc<dyn Users>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: user, .. }: PathOf<String, AdminError>,
    Input { 0: change, .. }: Input<UserChange, AdminError>,
) -> Result<Json<User>, AdminError> {
    users.change_user(&caller, &user, change).await.map(Json)
}

async fn remove(
    State(users): State<Arc<dyn Users>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: user, .. }: PathOf<String, AdminError>,
) -> Result<StatusCode, AdminError> {
    users.remove_user(&caller, &user).await.map(|()| StatusCode::NO_CONTENT)
}

async fn password(
    State(users): State<Arc<dyn Users>>,
    Extension(caller): Extension<Arc<Caller>>,
    Input { 0: change, .. }: Input<PasswordChange, AdminError>,
) -> Result<StatusCode, AdminError> {
    users.change_password(&caller, change).await.map(|()| StatusCode::NO_CONTENT)
}
