//! The whole dialect: every noun's routes, the check of the caller's right before each, and the document.

use std::sync::Arc;

use axum::Router;
use capstan_api_http::{Authenticator, Document, Routes};

use crate::errors::AdminError;
use crate::{audit, drives, grants, jobs, mounts, plugins, snapshots, spaces, targets, users};

/// Where this API is mounted.
pub const BASE: &str = "/capstan/v1";

/// Who answers for each noun.
#[derive(Clone)]
pub struct Nouns {
    pub plugins: Arc<dyn plugins::Plugins>,
    pub grants: Arc<dyn grants::Grants>,
    pub targets: Arc<dyn targets::Targets>,
    pub jobs: Arc<dyn jobs::Jobs>,
    pub mounts: Arc<dyn mounts::Mounts>,
    pub drives: Arc<dyn drives::Drives>,
    pub snapshots: Arc<dyn snapshots::Snapshots>,
    pub spaces: Arc<dyn spaces::Spaces>,
    pub audit: Arc<dyn audit::Audit>,
    pub users: Arc<dyn users::Users>,
}

pub fn router(nouns: Nouns, authenticator: Arc<dyn Authenticator>) -> (Router, Document) {
    Routes::new()
        .merge(plugins::routes().with_state(nouns.plugins))
        .merge(grants::routes().with_state(nouns.grants))
        .merge(targets::routes().with_state(nouns.targets))
        .merge(jobs::routes().with_state(nouns.jobs))
        .merge(mounts::routes().with_state(nouns.mounts))
        .merge(drives::routes().with_state(nouns.drives))
        .merge(snapshots::routes().with_state(nouns.snapshots))
        .merge(spaces::routes().with_state(nouns.spaces))
        .merge(audit::routes().with_state(nouns.audit))
        .merge(users::routes().with_state(nouns.users))
        .finish::<AdminError>(BASE, "Capstan", "1", authenticator, |operation| {
            operation
                .answers::<AdminError>(401, "Credentials are missing or wrong.")
                .answers::<AdminError>(403, "These credentials do not allow it.")
                .answers::<AdminError>(404, "There is no such thing.")
        })
}
