//! Sites: their routes.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Kind, Operation, Routes};
use http::Uri;

use super::health::SiteHealth;
use super::site::{Site, SiteRow};
use super::site_input::SiteInput;
use super::site_setting::{SettingChange, SettingChanges, SiteSetting, SiteSettings};
use super::{At, Body, Who};
use crate::answer::{Accepted, Answer, Created, Nothing, Page, TaskReference};
use crate::paging::{Listed, Paging, Window, paged};
use crate::query::Query;
use crate::validation::For;

#[async_trait]
pub trait Sites: Send + Sync + 'static {
    async fn list(&self, caller: &Caller, window: Window) -> Answer<Page<Site>>;
    async fn create(&self, caller: &Caller, input: SiteInput) -> Answer<Site>;
    async fn show(&self, caller: &Caller, site: i64) -> Answer<Site>;
    async fn update(&self, caller: &Caller, site: i64, input: SiteInput) -> Answer<Site>;
    async fn delete(&self, caller: &Caller, site: i64) -> Answer<()>;
    async fn health(&self, caller: &Caller, site: i64) -> Answer<SiteHealth>;
    /// Reads its inventory and counts anew.
    async fn refresh(&self, caller: &Caller, site: i64) -> Answer<Site>;
    async fn settings(&self, caller: &Caller, site: i64) -> Answer<Vec<SiteSetting>>;
    /// Begins to push them; answers the task's id.
    async fn change_settings(&self, caller: &Caller, site: i64, changes: Vec<SettingChange>) -> Answer<String>;
    /// Begins to read them from the site; answers the task's id.
    async fn refresh_settings(&self, caller: &Caller, site: i64) -> Answer<String>;
}

type Shared = State<Arc<dyn Sites>>;

pub(crate) fn routes(sites: Arc<dyn Sites>) -> Routes {
    let scope = |verb| Access::Scope("sites", verb);
    let (all, one, settings) = ("/sites/", "/sites/{id}/", "/sites/{id}/settings/");
    Routes::new()
        .on(
            paged(Operation::get(all, "list_sites", scope("index")))
                .summary("Lists sites in short.")
                .answers::<Listed<SiteRow>>(200, "Sites."),
            list,
        )
        .on(
            Operation::post(all, "create_site", scope("create"))
                .summary("Adds a site; it works when a worker of its name comes up.")
                .takes::<SiteInput>()
                .answers::<Site>(201, "The new site."),
            create,
        )
        .on(Operation::get(one, "show_site", scope("show")).summary("Shows a site.").answers::<Site>(200, "The site."), show)
        .on(
            Operation::patch(one, "update_site", scope("update"))
                .summary("Changes the members that are given.")
                .takes::<SiteInput>()
                .answers::<Site>(200, "The site as it is now."),
            update,
        )
        .on(
            Operation::delete(one, "delete_site", scope("destroy"))
                .summary("Deletes a site that no space is on.")
                .answers_nothing(204, "Deleted."),
            delete,
        )
        .on(
            Operation::get("/sites/{id}/health/", "show_site_health", scope("show"))
                .summary("Tells whether the workers of a site answer.")
                .answers::<SiteHealth>(200, "Health of the site."),
            health,
        )
        .on(
            Operation::post("/sites/{id}/refresh/", "refresh_site", scope("refresh"))
                .summary("Reads the inventory of a site and counts its files anew.")
                .answers::<Site>(200, "The site as it is now."),
            refresh,
        )
        .on(
            Operation::get(settings, "list_site_settings", scope("show"))
                .summary("Lists the settings of a site.")
                .query("flat", Kind::Boolean, false, "Answer an object of values by key.")
                .answers::<SiteSettings>(200, "Settings."),
            list_settings,
        )
        .on(
            Operation::patch(settings, "update_site_settings", scope("update"))
                .summary("Begins to push settings to a site.")
                .takes::<SettingChanges>()
                .answers::<TaskReference>(202, "The task that does it."),
            change_settings,
        )
        .on(
            Operation::post("/sites/{id}/settings/refresh/", "refresh_site_settings", scope("refresh"))
                .summary("Begins to read the settings of a site.")
                .answers::<TaskReference>(202, "The task that does it."),
            refresh_settings,
        )
        .with_state(sites)
}

async fn list(State(sites): Shared, Extension(caller): Who, uri: Uri) -> Answer<Json<Listed<SiteRow>>> {
    let paging = Paging::of(&uri)?;
    let Page { count, items } = sites.list(&caller, paging.window()).await?;
    paging.listed(Page { count, items: items.into_iter().map(SiteRow::from).collect() }).map(Json)
}

async fn create(State(sites): Shared, Extension(caller): Who, input: Body<SiteInput>) -> Answer<Created<Site>> {
    input.0.check(For::Create)?;
    sites.create(&caller, input.0).await.map(Created)
}

async fn show(State(sites): Shared, Extension(caller): Who, at: At) -> Answer<Json<Site>> {
    sites.show(&caller, at.0).await.map(Json)
}

async fn update(State(sites): Shared, Extension(caller): Who, at: At, input: Body<SiteInput>) -> Answer<Json<Site>> {
    input.0.check(For::Update)?;
    sites.update(&caller, at.0, input.0).await.map(Json)
}

async fn delete(State(sites): Shared, Extension(caller): Who, at: At) -> Answer<Nothing> {
    sites.delete(&caller, at.0).await.map(|()| Nothing)
}

async fn health(State(sites): Shared, Extension(caller): Who, at: At) -> Answer<Json<SiteHealth>> {
    sites.health(&caller, at.0).await.map(Json)
}

async fn refresh(State(sites): Shared, Extension(caller): Who, at: At) -> Answer<Json<Site>> {
    sites.refresh(&caller, at.0).await.map(Json)
}

async fn list_settings(State(sites): Shared, Extension(caller): Who, at: At, uri: Uri) -> Answer<Json<SiteSettings>> {
    let mut query = Query::of(&uri);
    let flat = query.flag("flat").unwrap_or(false);
    query.finish()?;
    let settings = sites.settings(&caller, at.0).await?;
    Ok(Json(SiteSettings::of(settings, flat)))
}

async fn change_settings(
    State(sites): Shared,
    Extension(caller): Who,
    at: At,
    changes: Body<SettingChanges>,
) -> Answer<Accepted<TaskReference>> {
    let task_id = sites.change_settings(&caller, at.0, changes.0.check()?).await?;
    Ok(Accepted(TaskReference { task_id }))
}

async fn refresh_settings(State(sites): Shared, Extension(caller): Who, at: At) -> Answer<Accepted<TaskReference>> {
    let task_id = sites.refresh_settings(&caller, at.0).await?;
    Ok(Accepted(TaskReference { task_id }))
}
