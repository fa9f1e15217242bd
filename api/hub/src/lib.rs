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
    pub health: Arc<dyn Health>,
    pub identity: Identity,
    /// None: this host does not serve the data path, and nothing of it is in the document.
    pub data_path: Option<DataPath>,
}

/// Who comes in and what they may.
#[derive(Clone)]
pub struct Identity {
    pub client_keys: Arc<dyn ClientKeys>,
    pub groups: Arc<dyn Groups>,
    pub permissions: Arc<dyn Permissions>,
    pub tokens: Arc<dyn Tokens>,
    pub users: Arc<dyn Users>,
}

/// Files, where they lie, and the work that moves them.
#[derive(Clone)]
pub struct DataPath {
    pub buckets: Arc<dyn Buckets>,
    pub external_targets: Arc<dyn ExternalTargets>,
    pub files: Arc<dyn Files>,
    pub job_stats: Arc<dyn JobStats>,
    pub jobs: Arc<dyn Jobs>,
    pub sites: Arc<dyn Sites>,
    pub spaces: Arc<dyn Spaces>,
    pub tasks: Arc<dyn Tasks>,
    pub workflows: Arc<dyn Workflows>,
}

impl Identity {
    fn routes(self) -> Routes {
        Routes::new()
            .merge(client_key::routes(self.client_keys))
            .merge(group::routes(self.groups))
            .merge(permission::routes(self.permissions))
            .merge(token::routes(self.tokens))
            .merge(users::routes(self.users))
    }
}

impl DataPath {
    fn routes(self) -> Routes {
        Routes::new()
            .merge(bucket::routes(self.buckets))
            .merge(external_target::routes(self.external_targets))
            .merge(file::routes(self.files))
            .merge(job_stat::routes(self.job_stats))
            .merge(jobs::routes(Arc::clone(&self.jobs)))
            .merge(sites::routes(self.sites))
            .merge(space::routes(self.spaces))
            .merge(task::routes(self.tasks))
            .merge(workflow::routes(self.workflows))
            .merge(workflow_run::routes(self.jobs))
    }
}

/// The dialect under `/api`, with its document at `/api/openapi.json` and Swagger UI, which shows it, at `/api/docs/`.
pub fn router(hub: Hub, authenticator: Arc<dyn Authenticator>) -> (Router, Document) {
    let mut routes = health::routes(hub.health).merge(hub.identity.routes());
    if let Some(data_path) = hub.data_path {
        routes = routes.merge(data_path.routes());
    }
    let (router, document) = routes.finish::<Error>(BASE, "Capstan: Ngenea Hub 2.7", VERSION, authenticator, errors::document);
    (router.merge(docs::router()).layer(from_fn(asked::remember)), document)
}
