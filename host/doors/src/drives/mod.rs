//! The dialect of CloudSigma API 2.0, answered by the use cases: translation and nothing else.
//!
//! A file here stands for a file of `capstan-api-drives`. What the dialect keeps and the host has no word for lies in the
//! `cloudsigma` member of a noun's open attributes, which only this door reads.

mod attributes;
mod availability_groups;
mod capabilities;
mod clone_naming;
mod drive;
mod drive_operations;
mod drive_users;
mod failures;
mod jobs;
mod listing;
mod mounts;
mod profiles;
mod resources;
mod servers;
mod snapshots;
mod tags;

use std::sync::Arc;

use axum::Router;
use capstan_api_drives::{Answer, CloudSigma};
use capstan_api_http::{Authenticator, Caller, Document};
use capstan_app::App;
use capstan_domain::identity;

use crate::authenticator::caller_of;

/// One for all nouns; each noun's trait is implemented in its own file.
pub(crate) struct Door {
    app: Arc<App>,
}

impl Door {
    fn caller(&self, caller: &Caller) -> Answer<identity::Caller> {
        caller_of(caller).map_err(failures::error)
    }
}

pub(crate) fn router(app: Arc<App>, authenticator: Arc<dyn Authenticator>) -> (Router, Document) {
    let door = Arc::new(Door { app });
    let behind = CloudSigma {
        availability_groups: door.clone(),
        capabilities: door.clone(),
        drive_users: door.clone(),
        drives: door.clone(),
        jobs: door.clone(),
        profiles: door.clone(),
        servers: door.clone(),
        snapshots: door.clone(),
        tags: door,
    };
    capstan_api_drives::router(behind, authenticator)
}
