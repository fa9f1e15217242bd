//! Plugins: installed, listed, activated, rolled back and removed while the host serves.

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::{Extension, Json};
use base64::prelude::{BASE64_STANDARD, Engine};
use capstan_api_http::{Access, Caller, Operation, PathOf, Routes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::AdminError;

/// Carries the detached signature of a component that is installed.
const SIGNATURE: &str = "Capstan-Signature";

/// A plugin with every version that is kept.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Plugin {
    /// The short name its vendor gave it, such as `s3`.
    pub id: String,
    /// The version that serves calls.
    pub active: Option<String>,
    pub title: Option<String>,
    pub vendor: Option<String>,
    /// Newest first.
    pub versions: Vec<PluginVersion>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PluginVersion {
    pub plugin: String,
    pub version: String,
    /// SHA-256 of the component, hex.
    pub digest: String,
    /// Bytes.
    pub size: u64,
    /// The contract it was built for, such as `0.1`.
    pub track: String,
    pub facets: Vec<String>,
    /// The host interfaces it imports.
    pub imports: Vec<String>,
    /// What it asks to be granted, as templates over a target's configuration.
    pub grants: Vec<String>,
    /// `active`, `idle`, `quarantined` or `refused`.
    pub state: String,
    /// Why it is quarantined or refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<AdminError>,
    /// RFC 3339.
    pub installed: String,
    pub installed_by: Option<String>,
    pub activated: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PluginList {
    pub plugins: Vec<Plugin>,
    /// Components that the load gate refused before it knew what plugin they are.
    pub refused: Vec<PluginVersion>,
}

/// What the host does with plugins.
#[async_trait]
pub trait Plugins: Send + Sync + 'static {
    async fn list_plugins(&self, caller: &Caller) -> Result<PluginList, AdminError>;
    async fn show_plugin(&self, caller: &Caller, id: &str) -> Result<Plugin, AdminError>;
    /// Takes the component from the stream, up to the host's cap, and passes it through the load gate. `signature` is the content
    /// of its `.minisig` file.
    async fn install_plugin(
        &self,
        caller: &Caller,
        component: Body,
        signature: Option<Vec<u8>>,
    ) -> Result<PluginVersion, AdminError>;
    async fn activate_plugin(&self, caller: &Caller, id: &str, version: &str) -> Result<Plugin, AdminError>;
    async fn roll_back_plugin(&self, caller: &Caller, id: &str) -> Result<Plugin, AdminError>;
    /// One version, or with `None` the whole plugin.
    async fn remove_plugin(&self, caller: &Caller, id: &str, version: Option<&str>) -> Result<(), AdminError>;
}

pub(crate) fn routes() -> Routes<Arc<dyn Plugins>> {
    Routes::new()
        .on(
            Operation::get("/plugins", "list_plugins", Access::Scope("plugins", "index"))
                .summary("Lists plugins with their versions, and what was refused.")
                .answers::<PluginList>(200, "Plugins."),
            list,
        )
        .on(
            Operation::post("/plugins", "install_plugin", Access::Scope("plugins", "create"))
                .summary("Installs a component. The first version of a plugin becomes active, a later one waits to be activated.")
                .takes_bytes("application/wasm")
                .header(SIGNATURE, "The content of the component's .minisig file, in base64.")
                .answers::<PluginVersion>(201, "Installed.")
                .answers::<AdminError>(413, "It is too large.")
                .answers::<AdminError>(422, "The load gate refused it, and why."),
            install,
        )
        .on(
            Operation::get("/plugins/{plugin}", "show_plugin", Access::Scope("plugins", "show"))
                .summary("Shows one plugin.")
                .answers::<Plugin>(200, "The plugin."),
            show,
        )
        .on(
            Operation::delete("/plugins/{plugin}", "remove_plugin", Access::Scope("plugins", "destroy"))
                .summary("Removes a plugin with all its versions; refused while a target uses it.")
                .answers_nothing(204, "Removed.")
                .answers::<AdminError>(409, "It is in use."),
            remove,
        )
        .on(
            Operation::post(
                "/plugins/{plugin}/versions/{version}/activate",
                "activate_plugin",
                Access::Scope("plugins", "update"),
            )
            .summary("Makes a version the one that serves. Running calls finish on the old one, new ones go to this one.")
            .answers::<Plugin>(200, "The plugin.")
            .answers::<AdminError>(409, "It cannot serve, and why; the old version has never stopped."),
            activate,
        )
        .on(
            Operation::post("/plugins/{plugin}/rollback", "roll_back_plugin", Access::Scope("plugins", "update"))
                .summary("Goes back to the version that was active before.")
                .answers::<Plugin>(200, "The plugin.")
                .answers::<AdminError>(409, "There is none to go back to."),
            rollback,
        )
        .on(
            Operation::delete(
                "/plugins/{plugin}/versions/{version}",
                "remove_plugin_version",
                Access::Scope("plugins", "destroy"),
            )
            .summary("Removes one version that does not serve.")
            .answers_nothing(204, "Removed.")
            .answers::<AdminError>(409, "It serves."),
            remove_version,
        )
}

async fn list(
    State(plugins): State<Arc<dyn Plugins>>,
    Extension(caller): Extension<Arc<Caller>>,
) -> Result<Json<PluginList>, AdminError> {
    plugins.list_plugins(&caller).await.map(Json)
}

async fn install(
    State(plugins): State<Arc<dyn Plugins>>,
    Extension(caller): Extension<Arc<Caller>>,
    headers: HeaderMap,
    component: Body,
) -> Result<(StatusCode, Json<PluginVersion>), AdminError> {
    let malformed = || AdminError::malformed(format!("the header {SIGNATURE} is not base64"));
    let decode = |text: &HeaderValue| BASE64_STANDARD.decode(text).map_err(|_| malformed());
    let signature = headers.get(SIGNATURE).map(decode).transpose()?;
    plugins.install_plugin(&caller, component, signature).await.map(|version| (StatusCode::CREATED, Json(version)))
}

async fn show(
    State(plugins): State<Arc<dyn Plugins>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: plugin, .. }: PathOf<String, AdminError>,
) -> Result<Json<Plugin>, AdminError> {
    plugins.show_plugin(&caller, &plugin).await.map(Json)
}

async fn remove(
    State(plugins): State<Arc<dyn Plugins>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: plugin, .. }: PathOf<String, AdminError>,
) -> Result<StatusCode, AdminError> {
    plugins.remove_plugin(&caller, &plugin, None).await.map(|()| StatusCode::NO_CONTENT)
}

async fn activate(
    State(plugins): State<Arc<dyn Plugins>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: (plugin, version), .. }: PathOf<(String, String), AdminError>,
) -> Result<Json<Plugin>, AdminError> {
    plugins.activate_plugin(&caller, &plugin, &version).await.map(Json)
}

async fn rollback(
    State(plugins): State<Arc<dyn Plugins>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: plugin, .. }: PathOf<String, AdminError>,
) -> Result<Json<Plugin>, AdminError> {
    plugins.roll_back_plugin(&caller, &plugin).await.map(Json)
}

async fn remove_version(
    State(plugins): State<Arc<dyn Plugins>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: (plugin, version), .. }: PathOf<(String, String), AdminError>,
) -> Result<StatusCode, AdminError> {
    plugins.remove_plugin(&caller, &plugin, Some(&version)).await.map(|()| StatusCode::NO_CONTENT)
}
