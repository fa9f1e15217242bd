//! What this dialect keeps beside a noun.

use capstan_api_drives::Answer;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::failures::error;
use crate::attributes;

const NAME: &str = "cloudsigma";

/// What is kept; defaults where another door made the noun.
pub(super) fn read<T: DeserializeOwned + Default>(kept: &Value) -> T {
    attributes::read(NAME, kept)
}

/// The attributes with this part of them written anew; what other doors keep stays.
pub(super) fn write<T: Serialize>(old: &Value, kept: &T) -> Answer<Value> {
    attributes::write(NAME, old, kept).map_err(error)
}
