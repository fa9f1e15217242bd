//! Servers, as far as mounting a drive needs them: a drive is mounted while a server lists it, running or not.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Extension;
use axum::extract::State;
use capstan_api_http::{Access, Caller, Kind, Operation, Routes};
use http::Uri;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::server::{Server, ServerAction, ServerChange, ServerDefinition, ServerInput};
use super::{At, Body, Who, action, asked};
use crate::answer::{Answer, Created, Gone, Listed, Objects, Page, Shown, begun, shown};
use crate::errors::Error;
use crate::forms::{self, OneOrMany};
use crate::listing::{By, Fields, Listing, listed};

/// Which drives go with a server that is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recurse {
    /// They are unmounted and stay.
    #[default]
    None,
    AllDrives,
    Disks,
    Cdroms,
}

const RECURSE: [&str; 3] = ["all_drives", "disks", "cdroms"];

impl Recurse {
    fn of(uri: &Uri) -> Answer<Self> {
        match asked(uri, "recurse").as_deref() {
            None => Ok(Self::None),
            Some("all_drives") => Ok(Self::AllDrives),
            Some("disks") => Ok(Self::Disks),
            Some("cdroms") => Ok(Self::Cdroms),
            Some(_) => Err(Error::invalid("recurse", format!("Has to be one of {}", RECURSE.join(", ")))),
        }
    }
}

/// What became of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = server_action_result)]
struct ActionResult {
    action: ServerAction,
    result: &'static str,
    #[schema(value_type = String)]
    uuid: Uuid,
}

#[async_trait]
pub trait Servers: Send + Sync + 'static {
    /// Servers that the caller may see.
    async fn list(&self, caller: &Caller, listing: Listing) -> Answer<Page<Server>>;
    async fn show(&self, caller: &Caller, server: Uuid) -> Answer<Server>;
    /// All of them or none, in the order they were asked for.
    async fn create(&self, caller: &Caller, servers: Vec<ServerDefinition>) -> Answer<Vec<Server>>;
    /// Mounts the drives that are new in its list and unmounts those that are no longer there.
    async fn edit(&self, caller: &Caller, server: Uuid, change: ServerChange) -> Answer<Server>;
    /// Refused while it runs.
    async fn delete(&self, caller: &Caller, server: Uuid, recurse: Recurse) -> Answer<()>;
    /// Refused when it is already in the state that the action leads to.
    async fn act(&self, caller: &Caller, server: Uuid, action: ServerAction) -> Answer<()>;
}

pub(crate) const FILTERS: &[By] = &[By::Name, By::NameContains, By::Tag, By::TagName, By::Uuid];

/// The members of a row in the short list.
pub(crate) const SHORT: [&str; 6] = ["name", "owner", "resource_uri", "runtime", "status", "uuid"];

const ACTIONS: [(&str, ServerAction); 3] =
    [("start", ServerAction::Start), ("stop", ServerAction::Stop), ("shutdown", ServerAction::Shutdown)];

type Shared = State<Arc<dyn Servers>>;

pub(crate) fn routes(servers: Arc<dyn Servers>) -> Routes {
    let scope = |verb| Access::Scope("servers", verb);
    let all = "/servers/";
    let one = "/servers/{uuid}/";
    Routes::new()
        .on(
            listed(Operation::get(all, "list_servers", scope("index")), FILTERS)
                .summary("Lists servers in short.")
                .answers::<Listed<Server>>(200, "Servers; only some members of each."),
            list,
        )
        .on(
            listed(Operation::get("/servers/detail/", "list_servers_in_detail", scope("index")), FILTERS)
                .summary("Lists servers with all that is known of them.")
                .answers::<Listed<Server>>(200, "Servers."),
            list_in_detail,
        )
        .on(
            Operation::post(all, "create_servers", scope("create"))
                .summary("Creates servers, which mounts their drives.")
                .takes::<OneOrMany<ServerInput>>()
                .answers::<Objects<Server>>(201, "The new servers."),
            create,
        )
        .on(
            Operation::get(one, "show_server", scope("show")).summary("Shows a server.").answers::<Server>(200, "The server."),
            show,
        )
        .on(
            Operation::put(one, "edit_server", scope("update"))
                .summary("Changes a server; its list of drives is what mounts and unmounts them.")
                .takes::<ServerInput>()
                .answers::<Server>(200, "The server as it is now."),
            edit,
        )
        .on(
            Operation::delete(one, "delete_server", scope("destroy"))
                .query("recurse", Kind::OneOf(&RECURSE), false, "Which of its drives are deleted with it; none when left out.")
                .summary("Deletes a server.")
                .answers_nothing(204, "Deleted."),
            delete,
        )
        .on(
            Operation::post("/servers/{uuid}/action/", "act_on_server", scope("action"))
                .query("do", Kind::OneOf(&["start", "stop", "shutdown"]), true, "What to do.")
                .summary("Starts or stops a server.")
                .answers::<ActionResult>(202, "Begun."),
            act,
        )
        .with_state(servers)
}

async fn list(State(servers): Shared, Extension(caller): Who, uri: Uri) -> Answer<Shown<Listed<Value>>> {
    listing(&*servers, &caller, Listing::of(&uri, FILTERS, Fields::these(&SHORT))?).await
}

async fn list_in_detail(State(servers): Shared, Extension(caller): Who, uri: Uri) -> Answer<Shown<Listed<Value>>> {
    listing(&*servers, &caller, Listing::of(&uri, FILTERS, Fields::All)?).await
}

pub(crate) async fn listing(servers: &dyn Servers, caller: &Caller, listing: Listing) -> Answer<Shown<Listed<Value>>> {
    let page = servers.list(caller, listing.clone()).await?;
    Ok(shown(listing.show(&page)))
}

async fn create(State(servers): Shared, Extension(caller): Who, body: Body) -> Answer<Created<Server>> {
    let wanted = forms::many::<ServerInput>(body.0)?.into_iter().map(ServerDefinition::from).collect();
    let made = servers.create(&caller, wanted).await?;
    Ok(Created::of(made, |server| server.resource_uri.clone()))
}

async fn show(State(servers): Shared, Extension(caller): Who, at: At) -> Answer<Shown<Server>> {
    servers.show(&caller, at.0).await.map(shown)
}

async fn edit(State(servers): Shared, Extension(caller): Who, at: At, body: Body) -> Answer<Shown<Server>> {
    servers.edit(&caller, at.0, forms::one::<ServerInput>(body.0)?).await.map(shown)
}

async fn delete(State(servers): Shared, Extension(caller): Who, at: At, uri: Uri) -> Answer<Gone> {
    servers.delete(&caller, at.0, Recurse::of(&uri)?).await.map(|()| Gone::OTHER)
}

/// The body is not read: clients send an empty object, and nothing in it would matter.
async fn act(State(servers): Shared, Extension(caller): Who, at: At, uri: Uri) -> Answer<Shown<ActionResult>> {
    let action = action(&uri, &ACTIONS)?;
    servers.act(&caller, at.0, action).await?;
    Ok(begun(ActionResult { action, result: "success", uuid: at.0 }))
}
