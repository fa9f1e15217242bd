//! What the plugin says of itself.

use capstan_sdk::named;
use capstan_sdk::types::Description;

use crate::config::SCHEMA;
use crate::parts::{MAX_OBJECT_BYTES, MAX_PARTS, MAX_SINGLE_BYTES, MIN_PART_BYTES};

pub(crate) fn describe() -> Description {
    Description {
        id: "s3".to_owned(),
        vendor: "Capstan".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "S3 object storage".to_owned(),
        configuration: SCHEMA.to_owned(),
        grants: ["http {/endpoint}", "http *.{/endpoint}", "http {/proxy}", "insecure-tls {/endpoint} if {/tls-insecure}"]
            .map(str::to_owned)
            .to_vec(),
        capabilities: vec![
            named("session", "shared"),
            named("list-order", "bytewise"),
            named("conditional-put", "true"),
            named("copy", "true"),
            named("restore", "true"),
            named("max-key-bytes", "1024"),
            named("max-single-put-bytes", MAX_SINGLE_BYTES.to_string()),
            named("max-object-bytes", MAX_OBJECT_BYTES.to_string()),
            named("min-part-bytes", MIN_PART_BYTES.to_string()),
            named("max-parts", MAX_PARTS.to_string()),
            named("max-delete-keys", crate::writer::MAX_DELETE_KEYS.to_string()),
            // What every service holds a body against; the probe tells what else this one does.
            named("checksums", "md5"),
        ],
        extras: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_json_and_names_every_field_of_the_configuration() {
        let schema: serde::de::IgnoredAny = capstan_sdk::config::parse(SCHEMA).unwrap();
        let _ = schema;
        for field in
            ["endpoint", "region", "access-key", "secret-key", "session-token", "use-session-token", "buckets", "addressing"]
        {
            assert!(SCHEMA.contains(&format!("\"{field}\":")), "{field}");
        }
    }
}
