//! What this dialect keeps beside a noun, under its own name among the open attributes.

use capstan_api_nodeum::Answer;
use capstan_domain::Failure;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::failures::error;

const NAME: &str = "nodeum";

/// What is kept; defaults where another door made the noun.
pub(super) fn read<T: DeserializeOwned + Default>(attributes: &Value) -> T {
    attributes.get(NAME).cloned().and_then(|kept| serde_json::from_value(kept).ok()).unwrap_or_default()
}

/// The attributes with this part of them written anew; what other doors keep stays.
pub(super) fn write<T: Serialize>(attributes: &Value, kept: &T) -> Answer<Value> {
    let kept = serde_json::to_value(kept).map_err(|cause| error(Failure::host("The attributes cannot be kept", cause)))?;
    let mut all = match attributes {
        Value::Object(all) => all.clone(),
        _ => Map::new(),
    };
    all.insert(NAME.to_owned(), kept);
    Ok(Value::Object(all))
}
