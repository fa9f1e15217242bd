//! Targets: the configured instances of plugins, with what they are, whether they serve, and why not.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Json as Input, Operation, PathOf, Routes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::AdminError;
use crate::listing::{Page, Window};

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Target {
    pub id: String,
    pub number: i64,
    pub name: String,
    pub plugin: String,
    /// The version that serves it instead of the plugin's active one.
    pub pinned: Option<String>,
    /// Secrets left out.
    pub configuration: serde_json::Value,
    /// Names of the secrets that are set.
    pub secrets: Vec<String>,
    /// `available` or `unavailable`.
    pub status: String,
    /// Since when it is not reached, as its calls tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Why it is unavailable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<AdminError>,
    pub created: String,
    pub updated: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewTarget {
    pub name: String,
    pub plugin: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<String>,
    /// As the plugin's JSON Schema says; fields that are secret may stand here, and are sealed and never shown again.
    pub configuration: serde_json::Value,
}

/// What is left out stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct TargetChange {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The whole document; secrets that it leaves out stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<serde_json::Value>,
    /// A version, or an empty text to follow the active one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<String>,
}

/// What a target answered when it was reached.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Probe {
    /// Microseconds.
    pub latency_us: u64,
    pub clock_skew_ms: Option<i64>,
    pub locations: Vec<String>,
    pub extras: std::collections::BTreeMap<String, String>,
}

#[async_trait]
pub trait Targets: Send + Sync + 'static {
    async fn list_targets(&self, caller: &Caller, window: Window) -> Result<Page<Target>, AdminError>;
    async fn show_target(&self, caller: &Caller, target: &str) -> Result<Target, AdminError>;
    async fn create_target(&self, caller: &Caller, target: NewTarget) -> Result<Target, AdminError>;
    async fn change_target(&self, caller: &Caller, target: &str, change: TargetChange) -> Result<Target, AdminError>;
    async fn remove_target(&self, caller: &Caller, target: &str) -> Result<(), AdminError>;
    async fn probe_target(&self, caller: &Caller, target: &str) -> Result<Probe, AdminError>;
}

pub(crate) fn routes() -> Routes<Arc<dyn Targets>> {
    Routes::new()
        .on(
            Window::asked_of(Operation::get("/targets", "list_targets", Access::Scope("targets", "index")))
                .summary("Lists targets.")
                .answers::<Page<Target>>(200, "Targets."),
            list,
        )
        .on(
            Operation::post("/targets", "create_target", Access::Scope("targets", "create"))
                .summary("Configures a target. Doing so grants it the host and port that it names, and nothing else.")
                .takes::<NewTarget>()
                .answers::<Target>(201, "Configured."),
            create,
        )
        .on(
            Operation::get("/targets/{target}", "show_target", Access::Scope("targets", "show"))
                .summary("Shows one target, by name or id, with its status and why it is unavailable.")
                .answers::<Target>(200, "The target."),
            show,
        )
        .on(
            Operation::put("/targets/{target}", "change_target", Access::Scope("targets", "update"))
                .summary("Changes a target; calls that run finish with the old configuration.")
                .takes::<TargetChange>()
                .answers::<Target>(200, "The target."),
            change,
        )
        .on(
            Operation::delete("/targets/{target}", "remove_target", Access::Scope("targets", "destroy"))
                .summary("Forgets a target; refused while a pool uses a location of it.")
                .answers_nothing(204, "Forgotten.")
                .answers::<AdminError>(409, "It is in use."),
            remove,
        )
        .on(
            Operation::post("/targets/{target}/probe", "probe_target", Access::Scope("targets", "show"))
                .summary("Reaches the target now.")
                .answers::<Probe>(200, "It answered.")
                .answers::<AdminError>(503, "It did not."),
            probe,
        )
}

async fn list(
    State(targets): State<Arc<dyn Targets>>,
    Extension(caller): Extension<Arc<Caller>>,
    uri: Uri,
) -> Result<Json<Page<Target>>, AdminError> {
    let window = Window::of(&uri)?;
    targets.list_targets(&caller, window).await.map(Json)
}

async fn create(
    State(targets): State<Arc<dyn Targets>>,
    Extension(caller): Extension<Arc<Caller>>,
    Input { 0: target, .. }: Input<NewTarget, AdminError>,
) -> Result<(StatusCode, Json<Target>), AdminError> {
    targets.create_target(&caller, target).await.map(|target| (StatusCode::CREATED, Json(target)))
}

async fn show(
    State(targets): State<Arc<dyn Targets>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: target, .. }: PathOf<String, AdminError>,
) -> Result<Json<Target>, AdminError> {
    targets.show_target(&caller, &target).await.map(Json)
}

async fn change(
    State(targets): State<Arc<dyn Targets>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: target, .. }: PathOf<String, AdminError>,
    Input { 0: change, .. }: Input<TargetChange, AdminError>,
) -> Result<Json<Target>, AdminError> {
    targets.change_target(&caller, &target, change).await.map(Json)
}

async fn remove(
    State(targets): State<Arc<dyn Targets>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: target, .. }: PathOf<String, AdminError>,
) -> Result<StatusCode, AdminError> {
    targets.remove_target(&caller, &target).await.map(|()| StatusCode::NO_CONTENT)
}

async fn probe(
    State(targets): State<Arc<dyn Targets>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: target, .. }: PathOf<String, AdminError>,
) -> Result<Json<Probe>, AdminError> {
    targets.probe_target(&caller, &target).await.map(Json)
}
