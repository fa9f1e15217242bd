//! Users: their routes. They go by username; whoever leaves is deactivated rather than deleted.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Operation, PathOf, Routes, Secret};
use http::Uri;

use super::user::{User, WrittenUser};
use super::user_input::{PasswordChange, UserInput};
use super::{Body, Who};
use crate::answer::{Accepted, Answer, Created, Detail, Nothing, Page, TaskReference};
use crate::errors::Error;
use crate::paging::{Listed, Paging, Window, paged};
use crate::validation::{For, REQUIRED};

#[async_trait]
pub trait Users: Send + Sync + 'static {
    async fn list(&self, caller: &Caller, window: Window) -> Answer<Page<User>>;
    async fn create(&self, caller: &Caller, input: UserInput) -> Answer<User>;
    async fn show(&self, caller: &Caller, username: &str) -> Answer<User>;
    async fn update(&self, caller: &Caller, username: &str, input: UserInput) -> Answer<User>;
    async fn delete(&self, caller: &Caller, username: &str) -> Answer<()>;
    /// From then on they come in, or do not, by password, token and key.
    async fn activate(&self, caller: &Caller, username: &str, active: bool) -> Answer<User>;
    /// The caller's own. A wrong `old` is an error of the field `old_password`.
    async fn change_password(&self, caller: &Caller, old: &Secret, new: &Secret) -> Answer<()>;
    /// Begins to tell all sites of the accounts that they are to know; answers the task's id.
    async fn sync(&self, caller: &Caller) -> Answer<String>;
}

type Shared = State<Arc<dyn Users>>;
type Named = PathOf<String, Error>;

pub(crate) fn routes(users: Arc<dyn Users>) -> Routes {
    let scope = |verb| Access::Scope("users", verb);
    let (all, one) = ("/users/", "/users/{username}/");
    Routes::new()
        .on(
            paged(Operation::get(all, "list_users", scope("index")))
                .summary("Lists users.")
                .answers::<Listed<User>>(200, "Users."),
            list,
        )
        .on(
            Operation::post(all, "create_user", scope("create"))
                .summary("Adds a user.")
                .takes::<UserInput>()
                .answers::<WrittenUser>(201, "The new user."),
            create,
        )
        .on(
            Operation::post("/users/change_password/", "change_password", Access::Scope("own_password", "update"))
                .summary("Changes the password of the caller.")
                .takes::<PasswordChange>()
                .answers::<Detail>(200, "Changed."),
            change_password,
        )
        .on(
            Operation::post("/users/sync/", "sync_users", scope("sync"))
                .summary("Begins to tell all sites of the accounts that they are to know.")
                .answers::<TaskReference>(202, "The task that does it."),
            sync,
        )
        .on(Operation::get(one, "show_user", scope("show")).summary("Shows a user.").answers::<User>(200, "The user."), show)
        .on(
            Operation::patch(one, "update_user", scope("update"))
                .summary("Changes the members that are given.")
                .takes::<UserInput>()
                .answers::<WrittenUser>(200, "The user as they are now."),
            update,
        )
        .on(
            Operation::delete(one, "delete_user", scope("destroy")).summary("Deletes a user.").answers_nothing(204, "Deleted."),
            delete,
        )
        .on(
            Operation::post("/users/{username}/activate/", "activate_user", scope("activate"))
                .summary("Lets a user in again.")
                .answers::<User>(200, "The user as they are now."),
            activate,
        )
        .on(
            Operation::post("/users/{username}/deactivate/", "deactivate_user", scope("deactivate"))
                .summary("Lets a user in no more.")
                .answers::<User>(200, "The user as they are now."),
            deactivate,
        )
        .with_state(users)
}

async fn list(State(users): Shared, Extension(caller): Who, uri: Uri) -> Answer<Json<Listed<User>>> {
    let paging = Paging::of(&uri)?;
    paging.listed(users.list(&caller, paging.window()).await?).map(Json)
}

async fn create(State(users): Shared, Extension(caller): Who, input: Body<UserInput>) -> Answer<Created<WrittenUser>> {
    input.0.check(For::Create)?;
    users.create(&caller, input.0).await.map(WrittenUser::from).map(Created)
}

async fn change_password(State(users): Shared, Extension(caller): Who, change: Body<PasswordChange>) -> Answer<Json<Detail>> {
    change.0.check()?;
    let (Some(old), Some(new)) = (&change.0.old_password, &change.0.new_password) else {
        return Err(Error::field("new_password", REQUIRED));
    };
    users.change_password(&caller, old, new).await?;
    Ok(Json(Detail { detail: "The password has been changed." }))
}

async fn sync(State(users): Shared, Extension(caller): Who) -> Answer<Accepted<TaskReference>> {
    let task_id = users.sync(&caller).await?;
    Ok(Accepted(TaskReference { task_id }))
}

async fn show(State(users): Shared, Extension(caller): Who, at: Named) -> Answer<Json<User>> {
    users.show(&caller, &at.0).await.map(Json)
}

async fn update(State(users): Shared, Extension(caller): Who, at: Named, input: Body<UserInput>) -> Answer<Json<WrittenUser>> {
    input.0.check(For::Update)?;
    users.update(&caller, &at.0, input.0).await.map(WrittenUser::from).map(Json)
}

async fn delete(State(users): Shared, Extension(caller): Who, at: Named) -> Answer<Nothing> {
    users.delete(&caller, &at.0).await.map(|()| Nothing)
}

async fn activate(State(users): Shared, Extension(caller): Who, at: Named) -> Answer<Json<User>> {
    users.activate(&caller, &at.0, true).await.map(Json)
}

async fn deactivate(State(users): Shared, Extension(caller): Who, at: Named) -> Answer<Json<User>> {
    users.activate(&caller, &at.0, false).await.map(Json)
}
