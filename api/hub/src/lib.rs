//! Ngenea Hub 2.7 (`/api`), as far as the data path and identity go, as types and routes.
//!
//! A noun is a file or two: what it looks like on the wire, what makes a request for it wrong, a trait that someone implements, and its
//! routes. How anything is done is not known here. The implementer gets requests that are well formed, validated and allowed, and
//! answers with wire types or an `Error`. What the public documents leave open and this crate decides stands in its README.

mod answer;
mod asked;
mod docs;
mod errors;
mod field_errors;
mod link;
mod moment;
mod nouns;
mod paging;
mod period;
mod query;
mod secrets;
mod validation;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use capstan_api_http::{Authenticator, Document, Routes};

pub use answer::{Answer, Page};
pub use asked::Secure;
pub use errors::{Error, Reason};
pub use link::{Link, Noun};
pub use moment::Moment;
pub use nouns::*;
pub use paging::{EVERYTHING_LIMIT, PAGE_SIZE, PAGE_SIZE_LIMIT, Window};
pub use secrets::{Disclosed, MASK, Masked, SecretJson};

pub const BASE: &str = "/api";

/// Version of the published API that this follows.
pub const VERSION: &str = "2.7.0";

/// Who stands behind each noun.
#[derive(Clone)]
pub struct Hub {
    pub buckets: Arc<dyn Buckets>,
    pub client_keys: Arc<dyn ClientKeys>,
    pub external_targets: Arc<dyn ExternalTargets>,
    pub files: Arc<dyn Files>,
    pub groups: Arc<dyn Groups>,
    pub health: Arc<dyn Health>,
    pub job_stats: Arc<dyn JobStats>,
    pub jobs: Arc<dyn Jobs>,
    pub permissions: Arc<dyn Permissions>,
    pub sites: Arc<dyn Sites>,
    pub spaces: Arc<dyn Spaces>,
    pub tasks: Arc<dyn Tasks>,
    pub tokens: Arc<dyn Tokens>,
    pub users: Arc<dyn Users>,
    pub workflows: Arc<dyn Workflows>,
}

/// The dialect under `/api`, with its document at `/api/openapi.json` and a page that shows it at `/api/docs/`.
pub fn router(hub: Hub, authenticator: Arc<dyn Authenticator>) -> (Router, Document) {
    let (router, document) = Routes::new()
        .merge(bucket::routes(hub.buckets))
        .merge(client_key::routes(hub.client_keys))
        .merge(external_target::routes(hub.external_targets))
        .merge(file::routes(hub.files))
        .merge(group::routes(hub.groups))
        .merge(health::routes(hub.health))
        .merge(job_stat::routes(hub.job_stats))
        .merge(jobs::routes(Arc::clone(&hub.jobs)))
        .merge(permission::routes(hub.permissions))
        .merge(sites::routes(hub.sites))
        .merge(space::routes(hub.spaces))
        .merge(task::routes(hub.tasks))
        .merge(token::routes(hub.tokens))
        .merge(users::routes(hub.users))
        .merge(workflow::routes(hub.workflows))
        .merge(workflow_run::routes(hub.jobs))
        .finish::<Error>(BASE, "Capstan: Ngenea Hub 2.7", VERSION, authenticator, errors::document);
    (router.merge(docs::router()).layer(from_fn(asked::remember)), document)
}
