//! Snapshots: a drive as it was at a moment, from which new drives can be cloned.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Extension;
use axum::extract::State;
use capstan_api_http::{Access, Caller, Kind, Operation, Routes};
use http::Uri;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::drive::{Avoid, CloneInput, CloneOptions, Drive, Grantee};
use super::drives::Identity;
use super::{At, Body, Who, action, avoid};
use crate::answer::{Answer, Created, Gone, Listed, Objects, Page, Shown, begun, shown};
use crate::forms::{self, Form, OneOrMany};
use crate::link::{Link, Named};
use crate::listing::{By, Fields, Listing, listed};
use crate::meta::Meta;
use crate::moment::Moment;
use crate::validation::Check;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = snapshot_status)]
pub enum SnapshotStatus {
    Creating,
    Available,
    Unavailable,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = snapshot)]
pub struct Snapshot {
    #[schema(value_type = String)]
    pub uuid: Uuid,
    /// `Noun::Snapshots.uri(uuid)`.
    pub resource_uri: String,
    pub name: String,
    pub status: SnapshotStatus,
    pub drive: Link,
    /// Bytes; null while it is not known.
    pub allocated_size: Option<u64>,
    #[serde(serialize_with = "Moment::spaced")]
    #[schema(value_type = String)]
    pub timestamp: Moment,
    pub meta: Meta,
    pub tags: Vec<Link>,
    pub owner: Option<Link>,
    pub grantees: Vec<Grantee>,
    pub permissions: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotDefinition {
    pub drive: Uuid,
    /// None: made from the drive's id and the time.
    pub name: Option<String>,
    pub meta: Meta,
    pub tags: Vec<Uuid>,
}

/// A name that is left out stays; all else is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotChange {
    pub name: Option<String>,
    pub meta: Meta,
    pub tags: Vec<Uuid>,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[schema(as = snapshot_input)]
struct SnapshotInput {
    #[schema(required = true)]
    drive: Option<Named>,
    name: Option<String>,
    meta: Option<Meta>,
    tags: Option<Vec<Named>>,
}

impl Form for SnapshotInput {
    type Meaning = SnapshotDefinition;

    fn meaning(self, check: &mut Check) -> Option<SnapshotDefinition> {
        let drive = check.required("drive", self.drive);
        let name = check.optional_name(self.name);
        let meta = check.meta(self.meta);
        let tags = check.references("tags", self.tags.unwrap_or_default());
        Some(SnapshotDefinition { drive: drive?.0, name, meta, tags })
    }
}

/// The drive of a snapshot cannot change.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[schema(as = snapshot_change)]
struct SnapshotChangeInput {
    name: Option<String>,
    meta: Option<Meta>,
    tags: Option<Vec<Named>>,
}

impl Form for SnapshotChangeInput {
    type Meaning = SnapshotChange;

    fn meaning(self, check: &mut Check) -> Option<SnapshotChange> {
        Some(SnapshotChange {
            name: check.optional_name(self.name),
            meta: check.meta(self.meta),
            tags: check.references("tags", self.tags.unwrap_or_default()),
        })
    }
}

#[async_trait]
pub trait Snapshots: Send + Sync + 'static {
    /// Snapshots that the caller may see.
    async fn list(&self, caller: &Caller, listing: Listing) -> Answer<Page<Snapshot>>;
    async fn show(&self, caller: &Caller, snapshot: Uuid) -> Answer<Snapshot>;
    /// All of them or none, in the order they were asked for.
    async fn create(&self, caller: &Caller, snapshots: Vec<SnapshotDefinition>) -> Answer<Vec<Snapshot>>;
    async fn edit(&self, caller: &Caller, snapshot: Uuid, change: SnapshotChange) -> Answer<Snapshot>;
    /// None is deleted when one of them cannot be.
    async fn delete(&self, caller: &Caller, snapshots: Vec<Uuid>) -> Answer<()>;
    /// Answers with the new drive; one without a name is called as the snapshot.
    async fn clone_snapshot(&self, caller: &Caller, snapshot: Uuid, options: CloneOptions, avoid: Avoid) -> Answer<Drive>;
}

const FILTERS: &[By] = &[By::Drive, By::Name, By::NameContains, By::Tag, By::TagName, By::Uuid];

type Shared = State<Arc<dyn Snapshots>>;

pub(crate) fn routes(snapshots: Arc<dyn Snapshots>) -> Routes {
    let scope = |verb| Access::Scope("snapshots", verb);
    let all = "/snapshots/";
    let one = "/snapshots/{uuid}/";
    Routes::new()
        .on(
            listed(Operation::get(all, "list_snapshots", scope("index")), FILTERS)
                .summary("Lists snapshots.")
                .answers::<Listed<Snapshot>>(200, "Snapshots."),
            list,
        )
        .on(
            listed(Operation::get("/snapshots/detail/", "list_snapshots_in_detail", scope("index")), FILTERS)
                .summary("Lists the same.")
                .answers::<Listed<Snapshot>>(200, "Snapshots."),
            list,
        )
        .on(
            Operation::post(all, "create_snapshots", scope("create"))
                .summary("Makes snapshots of drives.")
                .takes::<OneOrMany<SnapshotInput>>()
                .answers::<Objects<Snapshot>>(201, "The new snapshots, which are being created."),
            create,
        )
        .on(
            Operation::get(one, "show_snapshot", scope("show"))
                .summary("Shows a snapshot.")
                .answers::<Snapshot>(200, "The snapshot."),
            show,
        )
        .on(
            Operation::put(one, "edit_snapshot", scope("update"))
                .summary("Changes name, meta and tags of a snapshot.")
                .takes::<SnapshotChangeInput>()
                .answers::<Snapshot>(200, "The snapshot as it is now."),
            edit,
        )
        .on(
            Operation::post("/snapshots/{uuid}/action/", "act_on_snapshot", scope("action"))
                .query("do", Kind::OneOf(&["clone"]), true, "What to do.")
                .query("avoid", Kind::Text, false, "Drives or servers to keep away from, joined by commas.")
                .summary("Makes a drive from a snapshot.")
                .takes::<CloneInput>()
                .answers::<Drive>(202, "The new drive."),
            act,
        )
        .on(
            Operation::delete(one, "delete_snapshot", scope("destroy"))
                .summary("Deletes a snapshot.")
                .answers_nothing(204, "Begun."),
            delete,
        )
        .on(
            Operation::delete(all, "delete_snapshots", scope("destroy"))
                .summary("Deletes the snapshots that the body names.")
                .takes::<OneOrMany<Identity>>()
                .answers_nothing(204, "Begun."),
            delete_many,
        )
        .with_state(snapshots)
}

async fn list(State(snapshots): Shared, Extension(caller): Who, uri: Uri) -> Answer<Shown<Listed<Value>>> {
    let listing = Listing::of(&uri, FILTERS, Fields::All)?;
    let page = snapshots.list(&caller, listing.clone()).await?;
    Ok(shown(listing.show(&page)))
}

async fn create(State(snapshots): Shared, Extension(caller): Who, body: Body) -> Answer<Created<Snapshot>> {
    let made = snapshots.create(&caller, forms::many::<SnapshotInput>(body.0)?).await?;
    Ok(Created::of(made, |snapshot| snapshot.resource_uri.clone()))
}

async fn show(State(snapshots): Shared, Extension(caller): Who, at: At) -> Answer<Shown<Snapshot>> {
    snapshots.show(&caller, at.0).await.map(shown)
}

async fn edit(State(snapshots): Shared, Extension(caller): Who, at: At, body: Body) -> Answer<Shown<Snapshot>> {
    snapshots.edit(&caller, at.0, forms::one::<SnapshotChangeInput>(body.0)?).await.map(shown)
}

/// The drive is bare, other than a clone of a drive.
async fn act(State(snapshots): Shared, Extension(caller): Who, at: At, uri: Uri, body: Body) -> Answer<Shown<Drive>> {
    action(&uri, &[("clone", ())])?;
    let options = forms::one::<CloneInput>(body.0)?;
    snapshots.clone_snapshot(&caller, at.0, options, avoid(&uri)).await.map(begun)
}

async fn delete(State(snapshots): Shared, Extension(caller): Who, at: At) -> Answer<Gone> {
    snapshots.delete(&caller, vec![at.0]).await.map(|()| Gone::DRIVE)
}

async fn delete_many(State(snapshots): Shared, Extension(caller): Who, body: Body) -> Answer<Gone> {
    snapshots.delete(&caller, forms::many::<Identity>(body.0)?).await.map(|()| Gone::DRIVE)
}
