//! CloudSigma API 2.0 (`/api/2.0`), as far as drives need it, as types and routes.
//!
//! A noun is a file or two: what it looks like on the wire, what makes a request for it wrong, a trait that someone implements, and its
//! routes. How anything is done is not known here. The implementer gets requests that are well formed, validated and allowed, and
//! answers with wire types or an `Error`.

mod accept;
mod answer;
mod errors;
mod forms;
mod link;
mod listing;
mod meta;
mod moment;
mod nouns;
mod size;
mod validation;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use capstan_api_http::{Authenticator, Document, Routes};

pub use answer::{Answer, Page};
pub use errors::{Error, ErrorItem, ErrorType, Reason};
pub use forms::OBJECTS_LIMIT;
pub use link::{Link, Noun};
pub use listing::{DEFAULT_LIMIT, Fields, Filter, Listing};
pub use meta::{META_BYTES_LIMIT, META_KEY_LIMIT, META_MEMBERS_LIMIT, Meta};
pub use moment::Moment;
pub use nouns::*;
pub use size::SIZE_LIMIT_BYTES;
pub use validation::{NAME_LIMIT, REFERENCES_LIMIT};

pub const BASE: &str = "/api/2.0";

/// Version of the published API that this follows.
pub const VERSION: &str = "2.0";

/// Who stands behind each noun.
#[derive(Clone)]
pub struct CloudSigma {
    pub availability_groups: Arc<dyn AvailabilityGroups>,
    pub capabilities: Arc<dyn CapabilitiesOf>,
    pub drive_users: Arc<dyn DriveUsers>,
    pub drives: Arc<dyn Drives>,
    pub jobs: Arc<dyn Jobs>,
    pub profiles: Arc<dyn Profiles>,
    pub servers: Arc<dyn Servers>,
    pub snapshots: Arc<dyn Snapshots>,
    pub tags: Arc<dyn Tags>,
}

/// The dialect under `/api/2.0`, with its document at `/api/2.0/openapi.json`.
pub fn router(behind: CloudSigma, authenticator: Arc<dyn Authenticator>) -> (Router, Document) {
    let (router, document) = Routes::new()
        .merge(availability_group::routes(behind.availability_groups))
        .merge(capabilities::routes(behind.capabilities))
        .merge(drive_user::routes(behind.drive_users))
        .merge(drives::routes(Arc::clone(&behind.drives)))
        .merge(job::routes(behind.jobs))
        .merge(profile::routes(behind.profiles))
        .merge(servers::routes(Arc::clone(&behind.servers)))
        .merge(snapshot::routes(behind.snapshots))
        .merge(tag::routes(behind.tags, behind.drives, behind.servers))
        .finish::<Error>(BASE, "Capstan: CloudSigma API 2.0, drives", VERSION, authenticator, errors::document);
    (router.layer(from_fn(accept::only_json)), document)
}
