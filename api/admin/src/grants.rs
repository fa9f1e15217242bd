//! Grants: what a target may reach beyond what its configuration names, allowed and revoked at once.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Json as Input, Kind, Operation, PathOf, Routes, pairs};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::AdminError;

/// One power that a target may hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", tag = "to")]
pub enum Power {
    /// Connect to this host and port.
    Connect { host: String, port: u16 },
    /// Use this directory of the host under the name `root`.
    Directory { root: String, path: String, write: bool },
    /// Skip the check of this server's certificate.
    InsecureTls { host: String, port: u16 },
    /// Give commands to this SCSI device of the host: `/dev/sg3`.
    ScsiDevice { path: String },
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Grant {
    pub id: String,
    /// Name of the target.
    pub target: String,
    pub power: Power,
    /// `configured` when it came with an administrator's edit of the target; else who allowed it.
    pub by: String,
    pub reason: Option<String>,
    pub created: String,
    pub revoked: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewGrant {
    /// Name or id of the target.
    pub target: String,
    pub power: Power,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct GrantList {
    pub grants: Vec<Grant>,
}

#[async_trait]
pub trait Grants: Send + Sync + 'static {
    async fn list_grants(&self, caller: &Caller, target: Option<&str>) -> Result<GrantList, AdminError>;
    async fn allow_grant(&self, caller: &Caller, grant: NewGrant) -> Result<Grant, AdminError>;
    /// Cuts live connections that rest on it.
    async fn revoke_grant(&self, caller: &Caller, id: &str) -> Result<(), AdminError>;
}

pub(crate) fn routes() -> Routes<Arc<dyn Grants>> {
    Routes::new()
        .on(
            Operation::get("/grants", "list_grants", Access::Scope("grants", "index"))
                .summary("Lists grants, revoked ones included.")
                .query("target", Kind::Text, false, "Name or id of a target; left out: all.")
                .answers::<GrantList>(200, "Grants."),
            list,
        )
        .on(
            Operation::post("/grants", "allow_grant", Access::Scope("grants", "create"))
                .summary("Allows a target something.")
                .takes::<NewGrant>()
                .answers::<Grant>(201, "Allowed."),
            allow,
        )
        .on(
            Operation::delete("/grants/{grant}", "revoke_grant", Access::Scope("grants", "destroy"))
                .summary("Revokes a grant at once; live connections that rest on it are cut.")
                .answers_nothing(204, "Revoked."),
            revoke,
        )
}

async fn list(
    State(grants): State<Arc<dyn Grants>>,
    Extension(caller): Extension<Arc<Caller>>,
    uri: Uri,
) -> Result<Json<GrantList>, AdminError> {
    let target = pairs(&uri).into_iter().find_map(|(name, value)| (name == "target").then_some(value));
    grants.list_grants(&caller, target.as_deref()).await.map(Json)
}

async fn allow(
    State(grants): State<Arc<dyn Grants>>,
    Extension(caller): Extension<Arc<Caller>>,
    Input { 0: grant, .. }: Input<NewGrant, AdminError>,
) -> Result<(StatusCode, Json<Grant>), AdminError> {
    grants.allow_grant(&caller, grant).await.map(|grant| (StatusCode::CREATED, Json(grant)))
}

async fn revoke(
    State(grants): State<Arc<dyn Grants>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: grant, .. }: PathOf<String, AdminError>,
) -> Result<StatusCode, AdminError> {
    grants.revoke_grant(&caller, &grant).await.map(|()| StatusCode::NO_CONTENT)
}
