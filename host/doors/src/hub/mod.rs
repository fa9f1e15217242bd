//! The Hub's dialect, answered by the use cases: translation and nothing else.
//!
//! A file here stands for a noun of `capstan-api-hub`.

mod client_keys;
mod failures;
mod groups;
mod health;
mod listing;
mod permissions;
mod tokens;
mod users;

use std::sync::Arc;

use axum::Router;
use capstan_api_http::{Authenticator, Caller, Document};
use capstan_api_hub::{Answer, Hub, Identity};
use capstan_app::App;
use capstan_domain::identity;

use crate::authenticator::{AskedOfEach, caller_of};

/// One for all nouns; each noun's trait is implemented in its own file.
pub(crate) struct Door {
    app: Arc<App>,
}

impl Door {
    fn caller(&self, caller: &Caller) -> Answer<identity::Caller> {
        caller_of(caller).map_err(failures::error)
    }
}

/// Health shows the sites that the caller may look at.
pub(crate) const ASKED_OF_EACH: AskedOfEach = &[("sites", &["index"])];

pub(crate) fn router(app: Arc<App>, authenticator: Arc<dyn Authenticator>) -> (Router, Document) {
    let door = Arc::new(Door { app });
    let identity = Identity {
        client_keys: door.clone(),
        groups: door.clone(),
        permissions: door.clone(),
        tokens: door.clone(),
        users: door.clone(),
    };
    capstan_api_hub::router(Hub { health: door, identity, data_path: None }, authenticator)
}
