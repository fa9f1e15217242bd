//! External targets: which files of a space go to which bucket.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Given, Kind, Operation, Routes};
use http::Uri;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bucket::Bucket;
use super::remote_listing::{RemoteListing, RemoteQuery};
use super::{At, Body, Object, Who};
use crate::answer::{Answer, Created, Nothing, Page};
use crate::paging::{Listed, Paging, Window, paged};
use crate::query::Query;
use crate::validation::{Check, For, ITEMS_LIMIT, NAME_LIMIT, REQUIRED};

/// The space that a target takes files of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = space_of_target)]
pub struct SpaceOfTarget {
    pub name: String,
    pub mountpoint: String,
    /// Ids.
    pub sites: Vec<i64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = external_target)]
pub struct ExternalTarget {
    pub id: i64,
    pub name: String,
    /// Of the files that belong here, by their path in the space.
    pub local_file_regex: String,
    pub space: SpaceOfTarget,
    pub bucket: Bucket,
    /// Id of the bucket.
    pub bucket_instance: i64,
    /// Ids of sites.
    pub available_on_sites: Vec<i64>,
    pub enabled: bool,
    /// A recall removes the remote copy.
    pub delete_on_recall: bool,
    /// It takes copies and nothing is stubbed for them.
    pub backup_only: bool,
    /// Id of the site that backs up here.
    pub backup_site: Option<i64>,
    /// What steps name it by in their argument `endpoint`.
    pub endpoint_name: String,
    /// All of its sites know it.
    pub is_ready: bool,
    #[schema(value_type = Object)]
    pub advanced_settings: Object,
}

/// Members that are left out stay as they are; name, pattern, space and bucket are given on create.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = external_target_input)]
pub struct ExternalTargetInput {
    pub name: Option<String>,
    pub local_file_regex: Option<String>,
    #[schema(value_type = Option<SpaceOfTarget>)]
    pub space: Option<SpaceChoice>,
    /// Counts before `bucket`.
    pub bucket_instance: Option<i64>,
    /// Only its name counts.
    #[schema(value_type = Option<Bucket>)]
    pub bucket: Option<BucketChoice>,
    pub available_on_sites: Option<Vec<i64>>,
    pub enabled: Option<bool>,
    pub delete_on_recall: Option<bool>,
    pub backup_only: Option<bool>,
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub backup_site: Given<i64>,
    #[schema(value_type = Option<Object>)]
    pub advanced_settings: Option<Object>,
}

/// A space by its name, or else by its mountpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SpaceChoice {
    pub name: Option<String>,
    pub mountpoint: Option<String>,
}

/// A bucket by its name. What else answers show of it is not looked at: buckets are changed where they live.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct BucketChoice {
    pub name: Option<String>,
}

impl ExternalTargetInput {
    fn check(&self, purpose: For) -> Answer<()> {
        let mut check = Check::new(purpose);
        check.name("name", self.name.as_deref(), NAME_LIMIT);
        check.name("local_file_regex", self.local_file_regex.as_deref(), REGEX_LIMIT);
        check.required("space", self.space.as_ref());
        if self.space.as_ref().is_some_and(|space| space.name.is_none() && space.mountpoint.is_none()) {
            check.refuse("space.name", REQUIRED);
        }
        let named = self.bucket.as_ref().and_then(|bucket| bucket.name.as_ref());
        if self.bucket_instance.is_none() {
            check.required("bucket_instance", named);
        }
        if self.available_on_sites.as_ref().is_some_and(|sites| sites.len() > ITEMS_LIMIT) {
            check.refuse("available_on_sites", format!("Ensure this field has no more than {ITEMS_LIMIT} elements."));
        }
        check.finish()
    }
}

/// Characters of a pattern.
const REGEX_LIMIT: usize = 1_024;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetFilter {
    /// Name of the bucket.
    pub bucket: Option<String>,
}

#[async_trait]
pub trait ExternalTargets: Send + Sync + 'static {
    async fn list(&self, caller: &Caller, filter: TargetFilter, window: Window) -> Answer<Page<ExternalTarget>>;
    async fn create(&self, caller: &Caller, input: ExternalTargetInput) -> Answer<ExternalTarget>;
    async fn show(&self, caller: &Caller, target: i64) -> Answer<ExternalTarget>;
    async fn update(&self, caller: &Caller, target: i64, input: ExternalTargetInput) -> Answer<ExternalTarget>;
    async fn delete(&self, caller: &Caller, target: i64) -> Answer<()>;
    /// The remote side, one level of it.
    async fn files(&self, caller: &Caller, target: i64, query: RemoteQuery) -> Answer<RemoteListing>;
}

type Shared = State<Arc<dyn ExternalTargets>>;

pub(crate) fn routes(targets: Arc<dyn ExternalTargets>) -> Routes {
    let scope = |verb| Access::Scope("external_targets", verb);
    let (all, one) = ("/external_targets/", "/external_targets/{id}/");
    Routes::new()
        .on(
            paged(Operation::get(all, "list_external_targets", scope("index")))
                .summary("Lists external targets.")
                .query("bucket", Kind::Text, false, "Only those of the bucket with this name.")
                .answers::<Listed<ExternalTarget>>(200, "External targets."),
            list,
        )
        .on(
            Operation::post(all, "create_external_target", scope("create"))
                .summary("Sends files of a space to a bucket.")
                .takes::<ExternalTargetInput>()
                .answers::<ExternalTarget>(201, "The new external target."),
            create,
        )
        .on(
            Operation::get(one, "show_external_target", scope("show"))
                .summary("Shows an external target.")
                .answers::<ExternalTarget>(200, "The external target."),
            show,
        )
        .on(
            Operation::patch(one, "update_external_target", scope("update"))
                .summary("Changes the members that are given.")
                .takes::<ExternalTargetInput>()
                .answers::<ExternalTarget>(200, "The external target as it is now."),
            update,
        )
        .on(
            Operation::delete(one, "delete_external_target", scope("destroy"))
                .summary("Deletes an external target; the bucket and its data stay.")
                .answers_nothing(204, "Deleted."),
            delete,
        )
        .on(
            paged(Operation::get("/external_targets/{id}/files/", "list_external_target_files", scope("show")))
                .summary("Lists one level of the remote side, page by page with markers; page and page_size do nothing here.")
                .query("path", Kind::Text, false, "Folder, or a pattern with * and ? that stays within one folder.")
                .query("marker", Kind::Text, false, "The next_marker of the page before.")
                .query("max_items", Kind::Integer, false, "Items of a page, 100 at most.")
                .answers::<RemoteListing>(200, "Folders and files."),
            files,
        )
        .with_state(targets)
}

async fn list(State(targets): Shared, Extension(caller): Who, uri: Uri) -> Answer<Json<Listed<ExternalTarget>>> {
    let paging = Paging::of(&uri)?;
    let mut query = Query::of(&uri);
    let filter = TargetFilter { bucket: query.text("bucket") };
    query.finish()?;
    paging.listed(targets.list(&caller, filter, paging.window()).await?).map(Json)
}

async fn create(
    State(targets): Shared,
    Extension(caller): Who,
    input: Body<ExternalTargetInput>,
) -> Answer<Created<ExternalTarget>> {
    input.0.check(For::Create)?;
    targets.create(&caller, input.0).await.map(Created)
}

async fn show(State(targets): Shared, Extension(caller): Who, at: At) -> Answer<Json<ExternalTarget>> {
    targets.show(&caller, at.0).await.map(Json)
}

async fn update(
    State(targets): Shared,
    Extension(caller): Who,
    at: At,
    input: Body<ExternalTargetInput>,
) -> Answer<Json<ExternalTarget>> {
    input.0.check(For::Update)?;
    targets.update(&caller, at.0, input.0).await.map(Json)
}

async fn delete(State(targets): Shared, Extension(caller): Who, at: At) -> Answer<Nothing> {
    targets.delete(&caller, at.0).await.map(|()| Nothing)
}

async fn files(State(targets): Shared, Extension(caller): Who, at: At, uri: Uri) -> Answer<Json<RemoteListing>> {
    targets.files(&caller, at.0, RemoteQuery::of(&uri)?).await.map(Json)
}
