//! Nodeum API v2 (`/api/v2`, the data-archiving edition), as types and routes.
//!
//! A noun is a file: what it looks like on the wire, what makes a request for it wrong, a trait that someone implements, and its
//! routes. How anything is done is not known here. The implementer gets requests that are well formed, validated and allowed, and
//! answers with wire types or an `Error`.

mod answer;
mod errors;
mod listing;
mod moment;
mod nouns;
mod validation;

use std::sync::Arc;

use axum::Router;
use capstan_api_http::{Authenticator, Document, Routes};

pub use answer::{Answer, Page};
pub use errors::{AttributeError, Code, Error, ErrorBody, Reason};
pub use listing::{Criterion, DEFAULT_LIMIT, Listing, MAX_LIMIT, Operator, Order};
pub use moment::Moment;
pub use nouns::*;

pub const BASE: &str = "/api/v2";

/// Version of the published API that this follows.
pub const VERSION: &str = "2.1.0";

/// Who stands behind each noun.
#[derive(Clone)]
pub struct Nodeum {
    pub api_keys: Arc<dyn ApiKeys>,
    pub cloud_buckets: Arc<dyn CloudBuckets>,
    pub cloud_connectors: Arc<dyn CloudConnectors>,
    pub containers: Arc<dyn Containers>,
    pub files: Arc<dyn Files>,
    pub mounts: Arc<dyn Mounts>,
    pub nas: Arc<dyn NasServers>,
    pub nas_shares: Arc<dyn NasShares>,
    pub on_tapes_files: Arc<dyn OnTapesFiles>,
    pub pools: Arc<dyn Pools>,
    pub primary_scans: Arc<dyn PrimaryScans>,
    pub tape_drives: Arc<dyn TapeDrives>,
    pub tape_libraries: Arc<dyn TapeLibraries>,
    pub tape_stats: Arc<dyn TapeStats>,
    pub tapes: Arc<dyn Tapes>,
    pub task_actions: Arc<dyn TaskActions>,
    pub task_destinations: Arc<dyn TaskDestinations>,
    pub task_executions: Arc<dyn TaskExecutions>,
    pub task_options: Arc<dyn TaskOptions>,
    pub task_sources: Arc<dyn TaskSources>,
    pub tasks: Arc<dyn Tasks>,
}

/// The dialect under `/api/v2`, with its document at `/api/v2/openapi.json`.
pub fn router(nodeum: Nodeum, authenticator: Arc<dyn Authenticator>) -> (Router, Document) {
    Routes::new()
        .merge(api_key::routes(nodeum.api_keys))
        .merge(cloud_bucket::routes(nodeum.cloud_buckets))
        .merge(cloud_connector::routes(nodeum.cloud_connectors))
        .merge(container::routes(nodeum.containers))
        .merge(file::routes(nodeum.files))
        .merge(mount::routes(nodeum.mounts))
        .merge(nas::routes(nodeum.nas))
        .merge(nas_share::routes(nodeum.nas_shares))
        .merge(on_tapes_file::routes(nodeum.on_tapes_files))
        .merge(pool::routes(nodeum.pools))
        .merge(primary_scan::routes(nodeum.primary_scans))
        .merge(tape::routes(nodeum.tapes))
        .merge(tape_drive::routes(nodeum.tape_drives))
        .merge(tape_library::routes(nodeum.tape_libraries))
        .merge(tape_stat::routes(nodeum.tape_stats))
        .merge(task::routes(nodeum.tasks))
        .merge(task_action::routes(nodeum.task_actions))
        .merge(task_destination::routes(nodeum.task_destinations))
        .merge(task_execution::routes(nodeum.task_executions))
        .merge(task_option::routes(nodeum.task_options))
        .merge(task_source::routes(nodeum.task_sources))
        .finish::<Error>(BASE, "Capstan: Nodeum API v2", VERSION, authenticator, errors::document)
}
