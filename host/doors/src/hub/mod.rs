//! The Hub's dialect, answered by the use cases: translation and nothing else.
//!
//! A file here stands for a noun of `capstan-api-hub`. What the dialect keeps and the host has no word for lies in the `hub` member of a
//! noun's open attributes, which only this door reads.

mod bucket_settings;
mod buckets;
mod client_keys;
mod external_targets;
mod failures;
mod files;
mod groups;
mod health;
mod job_stats;
mod jobs;
mod listing;
mod permissions;
mod refusals;
mod site_attributes;
mod sites;
mod spaces;
mod tasks;
mod tokens;
mod users;
mod words;
mod workflows;

use std::sync::Arc;

use axum::Router;
use capstan_api_http::{Authenticator, Caller, Document};
use capstan_api_hub::{Answer, DataPath, Hub, Identity};
use capstan_app::App;
use capstan_domain::identity;
use capstan_domain::ids::Number;

use crate::authenticator::{AskedOfEach, caller_of};

/// One for all nouns; each noun's trait is implemented in its own file.
pub(crate) struct Door {
    app: Arc<App>,
}

impl Door {
    fn caller(&self, caller: &Caller) -> Answer<identity::Caller> {
        caller_of(caller).map_err(failures::error)
    }

    /// The caller, if they may make this call about this object; who may not even look at it is told that it is not there.
    fn caller_on(&self, caller: &Caller, (nouns, verb): (&str, &str), object: Number) -> Answer<identity::Caller> {
        let caller = self.caller(caller)?;
        caller.check_on(nouns, verb, object).map_err(failures::missing(noun_of(nouns)))?;
        Ok(caller)
    }
}

/// One of them.
fn noun_of(nouns: &str) -> &'static str {
    match nouns {
        "buckets" => "bucket",
        "jobs" => "job",
        "sites" => "site",
        "spaces" => "space",
        _ => "object",
    }
}

/// Health shows the sites that the caller may look at.
pub(crate) const ASKED_OF_EACH: AskedOfEach = &[
    ("buckets", &["index", "show", "update", "destroy"]),
    ("jobs", &["index", "show", "destroy", "cancel", "pause", "resume", "resubmit"]),
    ("sites", &["index", "show", "update", "destroy", "refresh"]),
    ("spaces", &["index", "show", "update", "destroy"]),
];

pub(crate) fn router(app: Arc<App>, authenticator: Arc<dyn Authenticator>) -> (Router, Document) {
    let door = Arc::new(Door { app });
    let identity = Identity {
        client_keys: door.clone(),
        groups: door.clone(),
        permissions: door.clone(),
        tokens: door.clone(),
        users: door.clone(),
    };
    let data_path = DataPath {
        buckets: door.clone(),
        external_targets: door.clone(),
        files: door.clone(),
        job_stats: door.clone(),
        jobs: door.clone(),
        sites: door.clone(),
        spaces: door.clone(),
        tasks: door.clone(),
        workflows: door.clone(),
    };
    capstan_api_hub::router(Hub { health: door, identity, data_path: Some(data_path) }, authenticator)
}
