//! The target's configuration as a Rust type.

use serde::de::DeserializeOwned;

use crate::bindings::capstan::host::config as host;
use crate::failure::{Outcome, invalid};

/// Parses a configuration document; the failure names the field.
pub fn parse<T: DeserializeOwned>(document: &str) -> Outcome<T> {
    serde_json::from_str(document).map_err(|error| invalid(format!("the configuration cannot be used: {error}")))
}

/// The configuration of the target this instance serves. A changed one starts new instances, so it can be kept.
pub fn load<T: DeserializeOwned>() -> Outcome<T> {
    parse(&host::document())
}
