//! Drives: listed, made, edited, resized, cloned and deleted. There is no call that mounts one: a server that lists it does.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Extension;
use axum::extract::State;
use axum::response::IntoResponse;
use capstan_api_http::{Access, Caller, Kind, Operation, Routes};
use http::Uri;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::drive::{Avoid, CloneInput, CloneOptions, Drive, DriveDefinition, DriveInput, DriveRow, SHORT};
use super::drive_schema::{self, DriveSchema};
use super::{At, Body, Who, action, avoid};
use crate::answer::{Answer, Created, Gone, Listed, Objects, Page, Shown, begun, shown};
use crate::forms::{self, Form, OneOrMany};
use crate::link::Named;
use crate::listing::{By, Fields, Listing, listed};
use crate::validation::Check;

#[async_trait]
pub trait Drives: Send + Sync + 'static {
    /// Drives that the caller may see.
    async fn list(&self, caller: &Caller, listing: Listing) -> Answer<Page<Drive>>;
    async fn show(&self, caller: &Caller, drive: Uuid) -> Answer<Drive>;
    /// All of them or none, in the order they were asked for.
    async fn create(&self, caller: &Caller, drives: Vec<DriveDefinition>, avoid: Avoid) -> Answer<Vec<Drive>>;
    /// On a running server only name, meta, tags and `allow_multimount` change, and the rest is silently left.
    async fn edit(&self, caller: &Caller, drive: Uuid, definition: DriveDefinition) -> Answer<Drive>;
    /// As `edit`, but all of it or an error.
    async fn resize(&self, caller: &Caller, drive: Uuid, definition: DriveDefinition) -> Answer<Drive>;
    /// Answers with the new drive, which has the job that fills it.
    async fn clone_drive(&self, caller: &Caller, drive: Uuid, options: CloneOptions, avoid: Avoid) -> Answer<Drive>;
    /// None is deleted when one of them cannot be.
    async fn delete(&self, caller: &Caller, drives: Vec<Uuid>) -> Answer<()>;
    /// The storage types that the schema offers.
    async fn storage_types(&self, caller: &Caller) -> Answer<Vec<String>>;
}

pub(crate) const FILTERS: &[By] = &[By::Name, By::NameContains, By::Tag, By::TagName, By::Uuid];

/// An object that is only named.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[schema(as = identity)]
pub(crate) struct Identity {
    #[schema(value_type = String, required = true)]
    uuid: Option<Named>,
}

impl Form for Identity {
    type Meaning = Uuid;

    fn meaning(self, check: &mut Check) -> Option<Uuid> {
        check.required("uuid", self.uuid).map(|Named(uuid)| uuid)
    }
}

/// The body of an action, which may be left out for a clone.
#[derive(ToSchema)]
#[schema(as = drive_action_input)]
#[serde(untagged)]
#[expect(dead_code, reason = "what it holds is only read by the document")]
enum ActionInput {
    Resize(DriveInput),
    Clone(CloneInput),
}

#[derive(Clone, Copy)]
enum DriveAction {
    Resize,
    Clone,
}

const ACTIONS: [(&str, DriveAction); 2] = [("resize", DriveAction::Resize), ("clone", DriveAction::Clone)];

type Shared = State<Arc<dyn Drives>>;

pub(crate) fn routes(drives: Arc<dyn Drives>) -> Routes {
    let scope = |verb| Access::Scope("drives", verb);
    let all = "/drives/";
    let one = "/drives/{uuid}/";
    let avoided = |operation: Operation| {
        operation.query("avoid", Kind::Text, false, "Drives or servers to keep away from, joined by commas.")
    };
    Routes::new()
        .on(
            listed(Operation::get(all, "list_drives", scope("index")), FILTERS)
                .summary("Lists drives in short.")
                .answers::<Listed<DriveRow>>(200, "Drives."),
            list,
        )
        .on(
            listed(Operation::get("/drives/detail/", "list_drives_in_detail", scope("index")), FILTERS)
                .summary("Lists drives with all that is known of them.")
                .answers::<Listed<Drive>>(200, "Drives."),
            list_in_detail,
        )
        .on(
            Operation::get("/drives/schema/", "show_drive_schema", Access::Anyone)
                .summary("Says which fields a drive has.")
                .answers::<DriveSchema>(200, "The fields."),
            schema,
        )
        .on(
            avoided(Operation::post(all, "create_drives", scope("create")))
                .summary("Creates drives.")
                .takes::<OneOrMany<DriveInput>>()
                .answers::<Objects<Drive>>(201, "The new drives, which are being created."),
            create,
        )
        .on(Operation::get(one, "show_drive", scope("show")).summary("Shows a drive.").answers::<Drive>(200, "The drive."), show)
        .on(
            Operation::put(one, "edit_drive", scope("update"))
                .summary("Changes a drive; what cannot change on a running server stays as it is.")
                .takes::<DriveInput>()
                .answers::<Drive>(200, "The drive as it is now."),
            edit,
        )
        .on(
            avoided(Operation::post("/drives/{uuid}/action/", "act_on_drive", scope("action")))
                .query("do", Kind::OneOf(&["resize", "clone"]), true, "What to do.")
                .summary("Changes a drive entirely or not at all, or clones it.")
                .takes::<ActionInput>()
                .answers::<Objects<Drive>>(202, "The drive that is being resized, or the new one."),
            act,
        )
        .on(
            Operation::delete(one, "delete_drive", scope("destroy"))
                .summary("Deletes a drive with its snapshots.")
                .answers_nothing(204, "Begun; soon there is nothing under this path."),
            delete,
        )
        .on(
            Operation::delete(all, "delete_drives", scope("destroy"))
                .summary("Deletes the drives that the body names.")
                .takes::<OneOrMany<Identity>>()
                .answers_nothing(204, "Begun."),
            delete_many,
        )
        .with_state(drives)
}

async fn list(State(drives): Shared, Extension(caller): Who, uri: Uri) -> Answer<Shown<Listed<Value>>> {
    listing(&*drives, &caller, Listing::of(&uri, FILTERS, Fields::these(&SHORT))?).await
}

async fn list_in_detail(State(drives): Shared, Extension(caller): Who, uri: Uri) -> Answer<Shown<Listed<Value>>> {
    listing(&*drives, &caller, Listing::of(&uri, FILTERS, Fields::All)?).await
}

pub(crate) async fn listing(drives: &dyn Drives, caller: &Caller, listing: Listing) -> Answer<Shown<Listed<Value>>> {
    let page = drives.list(caller, listing.clone()).await?;
    Ok(shown(listing.show(&page)))
}

async fn schema(State(drives): Shared, Extension(caller): Who) -> Answer<Shown<DriveSchema>> {
    drives.storage_types(&caller).await.map(drive_schema::of).map(shown)
}

async fn create(State(drives): Shared, Extension(caller): Who, uri: Uri, body: Body) -> Answer<Created<Drive>> {
    let wanted = forms::many::<DriveInput>(body.0)?;
    let made = drives.create(&caller, wanted, avoid(&uri)).await?;
    Ok(Created::of(made, |drive| drive.resource_uri.clone()))
}

async fn show(State(drives): Shared, Extension(caller): Who, at: At) -> Answer<Shown<Drive>> {
    drives.show(&caller, at.0).await.map(shown)
}

async fn edit(State(drives): Shared, Extension(caller): Who, at: At, body: Body) -> Answer<Shown<Drive>> {
    drives.edit(&caller, at.0, forms::one::<DriveInput>(body.0)?).await.map(shown)
}

async fn act(State(drives): Shared, Extension(caller): Who, at: At, uri: Uri, body: Body) -> Answer<impl IntoResponse> {
    let drive = match action(&uri, &ACTIONS)? {
        DriveAction::Resize => drives.resize(&caller, at.0, forms::one::<DriveInput>(body.0)?).await?,
        DriveAction::Clone => drives.clone_drive(&caller, at.0, forms::one::<CloneInput>(body.0)?, avoid(&uri)).await?,
    };
    Ok(begun(Objects::one(drive)))
}

async fn delete(State(drives): Shared, Extension(caller): Who, at: At) -> Answer<Gone> {
    drives.delete(&caller, vec![at.0]).await.map(|()| Gone::DRIVE)
}

async fn delete_many(State(drives): Shared, Extension(caller): Who, body: Body) -> Answer<Gone> {
    drives.delete(&caller, forms::many::<Identity>(body.0)?).await.map(|()| Gone::DRIVE)
}
