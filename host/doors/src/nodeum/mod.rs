//! The Nodeum dialect, answered by the use cases: translation and nothing else.
//!
//! A file here stands for a file of `capstan-api-nodeum`. What the dialect keeps and the host has no word for lies in the `nodeum` member
//! of a noun's open attributes, which only this door reads.

mod api_keys;
mod attributes;
mod azure;
mod cloud_buckets;
mod cloud_connectors;
mod connector_settings;
mod containers;
mod ends;
mod failures;
mod files;
mod google;
mod jobs;
mod listing;
mod mounts;
mod nas;
mod nas_shares;
mod on_tapes_files;
mod openstack;
mod pools;
mod primary_scans;
mod protocols;
mod providers;
mod share_settings;
mod tape_devices;
mod tape_drives;
mod tape_libraries;
mod tape_stats;
mod tapes;
mod task_actions;
mod task_destinations;
mod task_executions;
mod task_options;
mod task_sources;
mod tasks;
mod words;

use std::sync::Arc;

use axum::Router;
use capstan_api_http::{Authenticator, Caller, Document};
use capstan_api_nodeum::{Answer, Nodeum};
use capstan_app::App;
use capstan_domain::ids::Number;
use capstan_domain::{Outcome, identity};

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
    fn caller_on(&self, caller: &Caller, (noun, verb): (&str, &str), object: Number) -> Outcome<identity::Caller> {
        let caller = caller_of(caller)?;
        caller.check_on(noun, verb, object)?;
        Ok(caller)
    }
}

pub(crate) const ASKED_OF_EACH: AskedOfEach = &[
    ("cloud_buckets", &["index", "show", "update"]),
    ("cloud_connectors", &["index", "show", "update", "destroy"]),
    ("containers", &["index", "show", "update", "destroy"]),
    ("nas_shares", &["index", "show", "update", "destroy"]),
    ("task_executions", &["index", "show"]),
];

pub(crate) fn router(app: Arc<App>, authenticator: Arc<dyn Authenticator>) -> (Router, Document) {
    let door = Arc::new(Door { app });
    let nodeum = Nodeum {
        api_keys: door.clone(),
        cloud_buckets: door.clone(),
        cloud_connectors: door.clone(),
        containers: door.clone(),
        files: door.clone(),
        mounts: door.clone(),
        nas: door.clone(),
        nas_shares: door.clone(),
        on_tapes_files: door.clone(),
        pools: door.clone(),
        primary_scans: door.clone(),
        tape_drives: door.clone(),
        tape_libraries: door.clone(),
        tape_stats: door.clone(),
        tapes: door.clone(),
        task_actions: door.clone(),
        task_destinations: door.clone(),
        task_executions: door.clone(),
        task_options: door.clone(),
        task_sources: door.clone(),
        tasks: door,
    };
    capstan_api_nodeum::router(nodeum, authenticator)
}
