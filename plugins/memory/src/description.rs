//! What the plugin says of itself.

use capstan_sdk::named;
use capstan_sdk::types::Description;

use crate::config::SCHEMA;

pub(crate) fn describe() -> Description {
    Description {
        id: "memory".to_owned(),
        vendor: "Capstan".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "Objects in memory".to_owned(),
        configuration: SCHEMA.to_owned(),
        grants: Vec::new(),
        capabilities: vec![
            named("session", "exclusive"),
            named("durability", "none"),
            named("list-order", "bytewise"),
            named("conditional-put", "true"),
            named("max-key-bytes", crate::backend::MAX_KEY_BYTES.to_string()),
            named("checksums", crate::writer::ALGORITHMS.join(" ")),
        ],
        extras: Vec::new(),
    }
}
