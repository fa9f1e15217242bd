//! Health: whether the workers of each site answer.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Operation, Routes};
use serde::Serialize;
use utoipa::ToSchema;

use super::Who;
use crate::answer::Answer;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = health_state)]
pub enum HealthState {
    Ok,
    /// Some nodes do not answer.
    Warning,
    /// None of a site does.
    Critical,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = node_health)]
pub struct NodeHealth {
    pub name: String,
    pub health: HealthState,
    /// It was heard of lately.
    pub online: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = site_health)]
pub struct SiteHealth {
    /// Its name.
    pub site: String,
    pub health: HealthState,
    pub nodes: Vec<NodeHealth>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = hub_status)]
pub struct HubStatus {
    pub health: HealthState,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = hub_health)]
pub struct HubHealth {
    /// The worst of all below.
    pub overall_health: HealthState,
    pub hub_status: HubStatus,
    pub site_status: Vec<SiteHealth>,
}

#[async_trait]
pub trait Health: Send + Sync + 'static {
    /// With the sites that the caller may see.
    async fn show(&self, caller: &Caller) -> Answer<HubHealth>;
}

type Shared = State<Arc<dyn Health>>;

pub(crate) fn routes(health: Arc<dyn Health>) -> Routes {
    Routes::new()
        .on(
            Operation::get("/health/", "show_health", Access::Scope("sites", "index"))
                .summary("Tells how the host and the workers of its sites are.")
                .answers::<HubHealth>(200, "Health of all."),
            show,
        )
        .with_state(health)
}

async fn show(State(health): Shared, Extension(caller): Who) -> Answer<Json<HubHealth>> {
    health.show(&caller).await.map(Json)
}
