//! Availability groups: which drives share a storage host, so that clients can see whether `avoid` was heard.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Extension;
use axum::extract::State;
use capstan_api_http::{Access, Caller, Operation, Routes};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{At, Who};
use crate::answer::{Answer, Shown, shown};

#[async_trait]
pub trait AvailabilityGroups: Send + Sync + 'static {
    /// One group a storage host, with the drives that the caller may see.
    async fn list(&self, caller: &Caller) -> Answer<Vec<Vec<Uuid>>>;
    /// The drives that share this one's storage host, itself among them.
    async fn of_drive(&self, caller: &Caller, drive: Uuid) -> Answer<Vec<Uuid>>;
}

/// Without an envelope.
#[derive(ToSchema)]
#[schema(as = availability_group)]
#[expect(dead_code, reason = "what it holds is only read by the document")]
struct Group(Vec<String>);

#[derive(ToSchema)]
#[schema(as = availability_groups)]
#[expect(dead_code, reason = "what it holds is only read by the document")]
struct Groups(Vec<Vec<String>>);

type Shared = State<Arc<dyn AvailabilityGroups>>;

pub(crate) fn routes(groups: Arc<dyn AvailabilityGroups>) -> Routes {
    let scope = |verb| Access::Scope("drives", verb);
    Routes::new()
        .on(
            Operation::get("/drives/availability_groups/", "list_availability_groups", scope("index"))
                .summary("Lists which drives share a storage host.")
                .answers::<Groups>(200, "A list of drives for each storage host."),
            list,
        )
        .on(
            Operation::get("/drives/availability_groups/{uuid}/", "show_availability_group", scope("show"))
                .summary("Lists the drives that share the storage host of this one.")
                .answers::<Group>(200, "Drives, this one among them."),
            show,
        )
        .with_state(groups)
}

async fn list(State(groups): Shared, Extension(caller): Who) -> Answer<Shown<Vec<Vec<Uuid>>>> {
    groups.list(&caller).await.map(shown)
}

async fn show(State(groups): Shared, Extension(caller): Who, at: At) -> Answer<Shown<Vec<Uuid>>> {
    groups.of_drive(&caller, at.0).await.map(shown)
}
