//! Permissions: what can be allowed, and what is allowed to the caller.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Operation, Routes};
use http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use super::{At, Who};
use crate::answer::{Answer, Page};
use crate::paging::{Listed, Paging, Window, paged};

/// Something that can be allowed on all things of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = permission)]
pub struct Permission {
    pub id: i64,
    /// Such as `filebrowser`.
    pub app_label: String,
    /// Such as `change_space`.
    pub codename: String,
    /// Such as `space`.
    pub model: String,
    /// For people.
    pub name: String,
}

/// A permission on one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = permission_on_object)]
pub struct PermissionOnObject {
    #[serde(flatten)]
    pub permission: Permission,
    /// Id of the thing.
    pub object_pk: String,
}

/// By where they come from: given to the caller, or to a group of theirs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MyPermissions {
    pub user: Vec<Permission>,
    pub group: Vec<Permission>,
    pub user_object: Vec<PermissionOnObject>,
    pub group_object: Vec<PermissionOnObject>,
}

/// One permission, in the member that tells where it comes from; the others are null.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = my_permission)]
struct MyPermission {
    user_permissions: Option<Permission>,
    group_permissions: Option<Permission>,
    user_object_permissions: Option<PermissionOnObject>,
    group_object_permissions: Option<PermissionOnObject>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = my_permissions)]
struct MyPermissionList(Vec<MyPermission>);

impl From<MyPermissions> for MyPermissionList {
    fn from(mine: MyPermissions) -> Self {
        let row = MyPermission::default;
        let user = mine.user.into_iter().map(|one| MyPermission { user_permissions: Some(one), ..row() });
        let group = mine.group.into_iter().map(|one| MyPermission { group_permissions: Some(one), ..row() });
        let user_object = mine.user_object.into_iter().map(|one| MyPermission { user_object_permissions: Some(one), ..row() });
        let group_object = mine.group_object.into_iter().map(|one| MyPermission { group_object_permissions: Some(one), ..row() });
        Self(user.chain(group).chain(user_object).chain(group_object).collect())
    }
}

#[async_trait]
pub trait Permissions: Send + Sync + 'static {
    async fn list(&self, caller: &Caller, window: Window) -> Answer<Page<Permission>>;
    async fn show(&self, caller: &Caller, permission: i64) -> Answer<Permission>;
    async fn mine(&self, caller: &Caller) -> Answer<MyPermissions>;
}

type Shared = State<Arc<dyn Permissions>>;

pub(crate) fn routes(permissions: Arc<dyn Permissions>) -> Routes {
    let scope = |verb| Access::Scope("permissions", verb);
    Routes::new()
        .on(
            paged(Operation::get("/permissions/", "list_permissions", scope("index")))
                .summary("Lists what can be allowed.")
                .answers::<Listed<Permission>>(200, "Permissions."),
            list,
        )
        .on(
            Operation::get("/permissions/{id}/", "show_permission", scope("show"))
                .summary("Shows a permission.")
                .answers::<Permission>(200, "The permission."),
            show,
        )
        .on(
            Operation::get("/my-permissions/", "list_my_permissions", Access::Anyone)
                .summary("Lists what the caller is allowed.")
                .answers::<MyPermissionList>(200, "One item a permission."),
            mine,
        )
        .with_state(permissions)
}

async fn list(State(permissions): Shared, Extension(caller): Who, uri: Uri) -> Answer<Json<Listed<Permission>>> {
    let paging = Paging::of(&uri)?;
    paging.listed(permissions.list(&caller, paging.window()).await?).map(Json)
}

async fn show(State(permissions): Shared, Extension(caller): Who, at: At) -> Answer<Json<Permission>> {
    permissions.show(&caller, at.0).await.map(Json)
}

async fn mine(State(permissions): Shared, Extension(caller): Who) -> Answer<Json<MyPermissionList>> {
    permissions.mine(&caller).await.map(MyPermissionList::from).map(Json)
}
