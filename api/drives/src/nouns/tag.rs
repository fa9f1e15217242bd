//! Tags: names that drives, snapshots and servers are found by.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Extension;
use axum::extract::State;
use capstan_api_http::{Access, Caller, Operation, Routes};
use http::Uri;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::drive::{Drive, DriveRow, SHORT};
use super::drives::{self, Drives};
use super::server::Server;
use super::servers::{self, Servers};
use super::{At, Body, Who};
use crate::answer::{Answer, Created, Gone, Listed, Objects, Page, Shown, shown};
use crate::forms::{self, Form, OneOrMany};
use crate::link::{Link, Named};
use crate::listing::{By, Fields, Filter, Listing, listed};
use crate::meta::Meta;
use crate::validation::Check;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = resource_kind)]
pub enum ResourceKind {
    Drives,
    Servers,
    Snapshots,
}

/// Something that has a tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = tag_resource)]
pub struct TagResource {
    pub res_type: ResourceKind,
    #[schema(value_type = String)]
    pub uuid: Uuid,
    pub resource_uri: String,
    pub owner: Option<Link>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = tag)]
pub struct Tag {
    #[schema(value_type = String)]
    pub uuid: Uuid,
    /// `Noun::Tags.uri(uuid)`.
    pub resource_uri: String,
    pub name: String,
    pub meta: Meta,
    pub owner: Option<Link>,
    pub resources: Vec<TagResource>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagDefinition {
    pub name: String,
    pub meta: Meta,
    /// Everything that has it. None: nothing on create, and no change on an update, so that a new name does not take it from all.
    pub resources: Option<Vec<Uuid>>,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[schema(as = tag_input)]
struct TagInput {
    #[schema(required = true)]
    name: Option<String>,
    meta: Option<Meta>,
    resources: Option<Vec<Named>>,
}

impl Form for TagInput {
    type Meaning = TagDefinition;

    fn meaning(self, check: &mut Check) -> Option<TagDefinition> {
        let name = check.name(self.name);
        let meta = check.meta(self.meta);
        let resources = self.resources.map(|resources| check.references("resources", resources));
        Some(TagDefinition { name: name?, meta, resources })
    }
}

#[async_trait]
pub trait Tags: Send + Sync + 'static {
    /// Tags that the caller may see.
    async fn list(&self, caller: &Caller, listing: Listing) -> Answer<Page<Tag>>;
    async fn show(&self, caller: &Caller, tag: Uuid) -> Answer<Tag>;
    /// All of them or none, in the order they were asked for.
    async fn create(&self, caller: &Caller, tags: Vec<TagDefinition>) -> Answer<Vec<Tag>>;
    async fn edit(&self, caller: &Caller, tag: Uuid, definition: TagDefinition) -> Answer<Tag>;
    async fn delete(&self, caller: &Caller, tag: Uuid) -> Answer<()>;
}

const FILTERS: &[By] = &[By::Name, By::NameContains, By::Uuid];

#[derive(Clone)]
struct Behind {
    tags: Arc<dyn Tags>,
    drives: Arc<dyn Drives>,
    servers: Arc<dyn Servers>,
}

type Shared = State<Behind>;

pub(crate) fn routes(tags: Arc<dyn Tags>, drives: Arc<dyn Drives>, servers: Arc<dyn Servers>) -> Routes {
    let scope = |verb| Access::Scope("tags", verb);
    let tagged = |path, id, noun, filters| listed(Operation::get(path, id, Access::Scope(noun, "index")), filters);
    let all = "/tags/";
    let one = "/tags/{uuid}/";
    Routes::new()
        .on(
            listed(Operation::get(all, "list_tags", scope("index")), FILTERS)
                .summary("Lists tags with what has them.")
                .answers::<Listed<Tag>>(200, "Tags."),
            list,
        )
        .on(
            listed(Operation::get("/tags/detail/", "list_tags_in_detail", scope("index")), FILTERS)
                .summary("Lists the same.")
                .answers::<Listed<Tag>>(200, "Tags."),
            list,
        )
        .on(
            Operation::post(all, "create_tags", scope("create"))
                .summary("Creates tags.")
                .takes::<OneOrMany<TagInput>>()
                .answers::<Objects<Tag>>(201, "The new tags."),
            create,
        )
        .on(Operation::get(one, "show_tag", scope("show")).summary("Shows a tag.").answers::<Tag>(200, "The tag."), show)
        .on(
            Operation::put(one, "edit_tag", scope("update"))
                .summary("Changes a tag, and what has it.")
                .takes::<TagInput>()
                .answers::<Tag>(200, "The tag as it is now."),
            edit,
        )
        .on(
            Operation::delete(one, "delete_tag", scope("destroy"))
                .summary("Deletes a tag; what had it stays.")
                .answers_nothing(204, "Deleted."),
            delete,
        )
        .on(
            tagged("/tags/{uuid}/drives/", "list_drives_of_tag", "drives", drives::FILTERS)
                .summary("Lists the drives that have a tag in short.")
                .answers::<Listed<DriveRow>>(200, "Drives."),
            drives_in_short,
        )
        .on(
            tagged("/tags/{uuid}/drives/detail/", "list_drives_of_tag_in_detail", "drives", drives::FILTERS)
                .summary("Lists the drives that have a tag with all that is known of them.")
                .answers::<Listed<Drive>>(200, "Drives."),
            drives_in_detail,
        )
        .on(
            tagged("/tags/{uuid}/servers/", "list_servers_of_tag", "servers", servers::FILTERS)
                .summary("Lists the servers that have a tag in short.")
                .answers::<Listed<Server>>(200, "Servers; only some members of each."),
            servers_in_short,
        )
        .on(
            tagged("/tags/{uuid}/servers/detail/", "list_servers_of_tag_in_detail", "servers", servers::FILTERS)
                .summary("Lists the servers that have a tag with all that is known of them.")
                .answers::<Listed<Server>>(200, "Servers."),
            servers_in_detail,
        )
        .with_state(Behind { tags, drives, servers })
}

async fn list(State(behind): Shared, Extension(caller): Who, uri: Uri) -> Answer<Shown<Listed<Value>>> {
    let listing = Listing::of(&uri, FILTERS, Fields::All)?;
    let page = behind.tags.list(&caller, listing.clone()).await?;
    Ok(shown(listing.show(&page)))
}

async fn create(State(behind): Shared, Extension(caller): Who, body: Body) -> Answer<Created<Tag>> {
    let made = behind.tags.create(&caller, forms::many::<TagInput>(body.0)?).await?;
    Ok(Created::of(made, |tag| tag.resource_uri.clone()))
}

async fn show(State(behind): Shared, Extension(caller): Who, at: At) -> Answer<Shown<Tag>> {
    behind.tags.show(&caller, at.0).await.map(shown)
}

async fn edit(State(behind): Shared, Extension(caller): Who, at: At, body: Body) -> Answer<Shown<Tag>> {
    behind.tags.edit(&caller, at.0, forms::one::<TagInput>(body.0)?).await.map(shown)
}

async fn delete(State(behind): Shared, Extension(caller): Who, at: At) -> Answer<Gone> {
    behind.tags.delete(&caller, at.0).await.map(|()| Gone::OTHER)
}

/// The listing of what has the tag, which has to be there.
async fn of_tag(behind: &Behind, caller: &Caller, at: &At, mut listing: Listing) -> Answer<Listing> {
    behind.tags.show(caller, at.0).await?;
    listing.filters.push(Filter::Tag(vec![at.0]));
    Ok(listing)
}

async fn drives_in_short(State(behind): Shared, Extension(caller): Who, at: At, uri: Uri) -> Answer<Shown<Listed<Value>>> {
    let listing = Listing::of(&uri, drives::FILTERS, Fields::these(&SHORT))?;
    drives::listing(&*behind.drives, &caller, of_tag(&behind, &caller, &at, listing).await?).await
}

async fn drives_in_detail(State(behind): Shared, Extension(caller): Who, at: At, uri: Uri) -> Answer<Shown<Listed<Value>>> {
    let listing = Listing::of(&uri, drives::FILTERS, Fields::All)?;
    drives::listing(&*behind.drives, &caller, of_tag(&behind, &caller, &at, listing).await?).await
}

async fn servers_in_short(State(behind): Shared, Extension(caller): Who, at: At, uri: Uri) -> Answer<Shown<Listed<Value>>> {
    let listing = Listing::of(&uri, servers::FILTERS, Fields::these(&servers::SHORT))?;
    servers::listing(&*behind.servers, &caller, of_tag(&behind, &caller, &at, listing).await?).await
}

async fn servers_in_detail(State(behind): Shared, Extension(caller): Who, at: At, uri: Uri) -> Answer<Shown<Listed<Value>>> {
    let listing = Listing::of(&uri, servers::FILTERS, Fields::All)?;
    servers::listing(&*behind.servers, &caller, of_tag(&behind, &caller, &at, listing).await?).await
}
