//! The host's own API, answered by the use cases: translation and nothing else.

mod audit;
mod drives;
mod grants;
mod jobs;
mod mounts;
mod plugins;
mod snapshots;
mod spaces;
mod targets;
mod users;
mod words;

use std::sync::Arc;

use axum::Router;
use capstan_api_admin::Nouns;
use capstan_api_http::{Authenticator, Document};
use capstan_app::App;

use crate::authenticator::AskedOfEach;

/// One for all nouns; each noun's trait is implemented in its own file.
#[derive(Clone)]
pub(crate) struct AdminDoor {
    app: Arc<App>,
}

pub(crate) const ASKED_OF_EACH: AskedOfEach =
    &[("jobs", &["index", "show", "update"]), ("spaces", &["update"]), ("targets", &["index", "show", "update", "destroy"])];

pub(crate) fn router(app: Arc<App>, authenticator: Arc<dyn Authenticator>) -> (Router, Document) {
    let door = Arc::new(AdminDoor { app });
    let nouns = Nouns {
        plugins: Arc::<AdminDoor>::clone(&door),
        grants: Arc::<AdminDoor>::clone(&door),
        targets: Arc::<AdminDoor>::clone(&door),
        jobs: Arc::<AdminDoor>::clone(&door),
        mounts: Arc::<AdminDoor>::clone(&door),
        drives: Arc::<AdminDoor>::clone(&door),
        snapshots: Arc::<AdminDoor>::clone(&door),
        spaces: Arc::<AdminDoor>::clone(&door),
        audit: Arc::<AdminDoor>::clone(&door),
        users: door,
    };
    capstan_api_admin::router(nouns, authenticator)
}
