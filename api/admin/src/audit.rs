//! The audit log: every change and every denial, who made it and when.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::http::Uri;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Operation, Routes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::AdminError;
use crate::listing::{Page, Window};

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditEvent {
    pub number: i64,
    /// RFC 3339.
    pub at: String,
    /// The user's name; none: the host by itself.
    pub actor: Option<String>,
    /// A verb, such as `create`, `revoke` or `login`.
    pub action: String,
    /// What kind of thing, such as `target` or `grant`.
    pub noun: String,
    /// Which one.
    pub subject: String,
    /// `done`, `denied` or `failed`.
    pub verdict: String,
    pub detail: serde_json::Value,
}

#[async_trait]
pub trait Audit: Send + Sync + 'static {
    /// Newest first.
    async fn list_audit(&self, caller: &Caller, window: Window) -> Result<Page<AuditEvent>, AdminError>;
}

pub(crate) fn routes() -> Routes<Arc<dyn Audit>> {
    Routes::new().on(
        Window::asked_of(Operation::get("/audit", "list_audit", Access::Scope("audit", "index")))
            .summary("Lists the audit log, newest first.")
            .answers::<Page<AuditEvent>>(200, "Events."),
        list,
    )
}

async fn list(
    State(audit): State<Arc<dyn Audit>>,
    Extension(caller): Extension<Arc<Caller>>,
    uri: Uri,
) -> Result<Json<Page<AuditEvent>>, AdminError> {
    let window = Window::of(&uri)?;
    audit.list_audit(&caller, window).await.map(Json)
}
