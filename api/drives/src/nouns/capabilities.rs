//! Capabilities: the storage types that drives can be made on now, and their bounds. A type that cannot be served is left out.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Extension;
use axum::extract::State;
use capstan_api_http::{Access, Caller, Operation, Routes};
use serde::Serialize;
use utoipa::ToSchema;

use super::Who;
use crate::answer::{Answer, Shown, shown};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = capabilities)]
pub struct Capabilities {
    /// What a drive is made on that names none.
    pub default_storage_type: String,
    /// By storage type.
    pub drives: BTreeMap<String, DriveLimits>,
    pub snapshots: SnapshotLimits,
}

/// Bytes, from smallest to largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = range)]
pub struct Range {
    pub min: u64,
    pub max: u64,
}

/// The bounds of a drive's size, in the new form and in the old one that clients still read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = drive_limits)]
pub struct DriveLimits {
    min_size: u64,
    max_size: u64,
    size: Range,
}

impl DriveLimits {
    pub fn of(size: Range) -> Self {
        Self { min_size: size.min, max_size: size.max, size }
    }
}

/// Of the caller, not of a drive, but for the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = snapshot_limits)]
pub struct SnapshotLimits {
    pub current: u64,
    pub max: u64,
    pub max_per_drive: u64,
}

#[async_trait]
pub trait CapabilitiesOf: Send + Sync + 'static {
    async fn show(&self, caller: &Caller) -> Answer<Capabilities>;
}

type Shared = State<Arc<dyn CapabilitiesOf>>;

pub(crate) fn routes(capabilities: Arc<dyn CapabilitiesOf>) -> Routes {
    Routes::new()
        .on(
            Operation::get("/capabilities/", "show_capabilities", Access::Anyone)
                .summary("Says what can be asked for here.")
                .answers::<Capabilities>(200, "Storage types and their bounds."),
            show,
        )
        .with_state(capabilities)
}

async fn show(State(capabilities): Shared, Extension(caller): Who) -> Answer<Shown<Capabilities>> {
    capabilities.show(&caller).await.map(shown)
}
