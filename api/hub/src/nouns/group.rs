//! Groups: users with the same permissions, and on the sites the same files.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Operation, Routes};
use http::Uri;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::user_input::USERNAME_LIMIT;
use super::{At, Body, Who};
use crate::answer::{Accepted, Answer, Created, Nothing, Page, TaskReference};
use crate::moment::Moment;
use crate::paging::{Listed, Paging, Window, paged};
use crate::validation::{Check, For, ITEMS_LIMIT, NAME_LIMIT};

/// A permission that a group has on one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = object_permission)]
pub struct ObjectPermission {
    /// Such as `space`.
    pub model: String,
    /// Id of the thing.
    pub object_pk: String,
    /// Id of the permission.
    pub permission: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = group_member)]
pub struct GroupMember {
    pub username: String,
    pub email: String,
    pub first_name: String,
    pub last_name: String,
    pub date_joined: Moment,
    pub last_login: Option<Moment>,
}

/// A group that the sites know too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = nas_group)]
pub struct NasGroup {
    /// Chosen by the host.
    pub gid: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = group)]
pub struct Group {
    pub id: i64,
    pub name: String,
    pub description: String,
    pub nas_group: Option<NasGroup>,
    pub users: Vec<GroupMember>,
    /// Ids of permissions on all things of a model.
    pub permissions: Vec<i64>,
    pub object_permissions: Vec<ObjectPermission>,
}

/// A group as it is written: members by name, and whether the sites know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = written_group)]
struct WrittenGroup {
    id: i64,
    name: String,
    description: String,
    nas_group: bool,
    users: Vec<String>,
    permissions: Vec<i64>,
    object_permissions: Vec<ObjectPermission>,
}

impl From<Group> for WrittenGroup {
    fn from(group: Group) -> Self {
        Self {
            id: group.id,
            name: group.name,
            description: group.description,
            nas_group: group.nas_group.is_some(),
            users: group.users.into_iter().map(|user| user.username).collect(),
            permissions: group.permissions,
            object_permissions: group.object_permissions,
        }
    }
}

/// Members that are left out stay as they are; lists replace the ones there were. The name is given on create.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = group_input)]
pub struct GroupInput {
    pub name: Option<String>,
    pub description: Option<String>,
    /// Whether the sites know it.
    pub nas_group: Option<bool>,
    /// Usernames.
    pub users: Option<Vec<String>>,
    pub permissions: Option<Vec<i64>>,
    pub object_permissions: Option<Vec<ObjectPermission>>,
}

impl GroupInput {
    fn check(&self, purpose: For) -> Answer<()> {
        let mut check = Check::new(purpose);
        check.word("name", self.name.as_deref(), USERNAME_LIMIT, |c| !c.is_whitespace(), "no white space");
        check.text("description", self.description.as_deref());
        check.texts("users", self.users.iter().flatten());
        let many = |list: Option<usize>| list.is_some_and(|length| length > ITEMS_LIMIT);
        for (field, length) in [
            ("permissions", self.permissions.as_ref().map(Vec::len)),
            ("object_permissions", self.object_permissions.as_ref().map(Vec::len)),
        ] {
            if many(length) {
                check.refuse(field, format!("Ensure this field has no more than {ITEMS_LIMIT} elements."));
            }
        }
        for (index, one) in self.object_permissions.iter().flatten().enumerate().take(ITEMS_LIMIT) {
            check.name(&format!("object_permissions[{index}].model"), Some(&one.model), NAME_LIMIT);
            check.name(&format!("object_permissions[{index}].object_pk"), Some(&one.object_pk), NAME_LIMIT);
        }
        check.finish()
    }
}

#[async_trait]
pub trait Groups: Send + Sync + 'static {
    async fn list(&self, caller: &Caller, window: Window) -> Answer<Page<Group>>;
    async fn create(&self, caller: &Caller, input: GroupInput) -> Answer<Group>;
    async fn show(&self, caller: &Caller, group: i64) -> Answer<Group>;
    async fn update(&self, caller: &Caller, group: i64, input: GroupInput) -> Answer<Group>;
    async fn delete(&self, caller: &Caller, group: i64) -> Answer<()>;
    /// Begins to tell all sites of the groups that they are to know; answers the task's id.
    async fn sync(&self, caller: &Caller) -> Answer<String>;
}

type Shared = State<Arc<dyn Groups>>;

pub(crate) fn routes(groups: Arc<dyn Groups>) -> Routes {
    let scope = |verb| Access::Scope("groups", verb);
    let (all, one) = ("/groups/", "/groups/{id}/");
    Routes::new()
        .on(
            paged(Operation::get(all, "list_groups", scope("index")))
                .summary("Lists groups.")
                .answers::<Listed<Group>>(200, "Groups."),
            list,
        )
        .on(
            Operation::post(all, "create_group", scope("create"))
                .summary("Adds a group.")
                .takes::<GroupInput>()
                .answers::<WrittenGroup>(201, "The new group."),
            create,
        )
        .on(
            Operation::post("/groups/sync/", "sync_groups", scope("sync"))
                .summary("Begins to tell all sites of the groups that they are to know.")
                .answers::<TaskReference>(202, "The task that does it."),
            sync,
        )
        .on(Operation::get(one, "show_group", scope("show")).summary("Shows a group.").answers::<Group>(200, "The group."), show)
        .on(
            Operation::patch(one, "update_group", scope("update"))
                .summary("Changes the members that are given.")
                .takes::<GroupInput>()
                .answers::<WrittenGroup>(200, "The group as it is now."),
            update,
        )
        .on(
            Operation::delete(one, "delete_group", scope("destroy"))
                .summary("Deletes a group; its users stay.")
                .answers_nothing(204, "Deleted."),
            delete,
        )
        .with_state(groups)
}

async fn list(State(groups): Shared, Extension(caller): Who, uri: Uri) -> Answer<Json<Listed<Group>>> {
    let paging = Paging::of(&uri)?;
    paging.listed(groups.list(&caller, paging.window()).await?).map(Json)
}

async fn create(State(groups): Shared, Extension(caller): Who, input: Body<GroupInput>) -> Answer<Created<WrittenGroup>> {
    input.0.check(For::Create)?;
    groups.create(&caller, input.0).await.map(WrittenGroup::from).map(Created)
}

async fn sync(State(groups): Shared, Extension(caller): Who) -> Answer<Accepted<TaskReference>> {
    let task_id = groups.sync(&caller).await?;
    Ok(Accepted(TaskReference { task_id }))
}

async fn show(State(groups): Shared, Extension(caller): Who, at: At) -> Answer<Json<Group>> {
    groups.show(&caller, at.0).await.map(Json)
}

async fn update(State(groups): Shared, Extension(caller): Who, at: At, input: Body<GroupInput>) -> Answer<Json<WrittenGroup>> {
    input.0.check(For::Update)?;
    groups.update(&caller, at.0, input.0).await.map(WrittenGroup::from).map(Json)
}

async fn delete(State(groups): Shared, Extension(caller): Who, at: At) -> Answer<Nothing> {
    groups.delete(&caller, at.0).await.map(|()| Nothing)
}
