//! What the plugin says of itself.

use capstan_sdk::named;
use capstan_sdk::types::Description;

use crate::call::MAX_KEY_BYTES;
use crate::config::SCHEMA;
use crate::uploads::{MAX_OBJECT_BYTES, MAX_SINGLE_BYTES, USUAL_PARTS};

/// A catalogue may name any server as the storage's; only a configured one is granted with the configuration.
const GRANTS: [&str; 5] = [
    "http {/auth-url}",
    "http {/storage-url}",
    "http {/proxy}",
    "insecure-tls {/auth-url} if {/tls-insecure}",
    "insecure-tls {/storage-url} if {/tls-insecure}",
];

pub(crate) fn describe() -> Description {
    Description {
        id: "swift".to_owned(),
        vendor: "Capstan".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "OpenStack Swift object storage".to_owned(),
        configuration: SCHEMA.to_owned(),
        grants: GRANTS.map(str::to_owned).to_vec(),
        capabilities: vec![
            named("session", "shared"),
            named("list-order", "bytewise"),
            named("conditional-put", "if-absent"),
            named("copy", "true"),
            named("max-key-bytes", MAX_KEY_BYTES.to_string()),
            named("max-single-put-bytes", MAX_SINGLE_BYTES.to_string()),
            named("max-object-bytes", MAX_OBJECT_BYTES.to_string()),
            named("max-parts", USUAL_PARTS.to_string()),
            named("max-delete-keys", crate::deleter::MAX_DELETE_KEYS.to_string()),
            named("checksums", "md5"),
        ],
        extras: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_names_every_field_of_the_configuration_and_marks_its_secrets() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
        let fields = schema["properties"].as_object().unwrap();
        let secrets: Vec<&str> =
            fields.iter().filter(|(_, field)| field["x-capstan-secret"] == true).map(|(name, _)| name.as_str()).collect();
        assert_eq!(secrets, [crate::config::APPLICATION_SECRET, crate::config::PASSWORD]);
        // Every field that is no secret is one the configuration knows: it would refuse another.
        for (name, field) in fields.iter().filter(|(name, _)| !secrets.contains(&name.as_str())) {
            let value = match field["type"].as_str() {
                Some("integer") => field["minimum"].to_string(),
                Some("boolean") => "true".to_owned(),
                Some("array") => "[]".to_owned(),
                Some(_) => "\"x\"".to_owned(),
                None => field["enum"][0].to_string(),
            };
            let document = format!(r#"{{"auth-url": "http://h", "{name}": {value}}}"#)
                .replace(r#""auth-url": "http://h", "auth-url""#, r#""auth-url""#);
            capstan_sdk::config::parse::<crate::config::Config>(&document).unwrap();
        }
    }
}
