//! What the plugin says of itself.

use capstan_sdk::named;
use capstan_sdk::types::Description;

use crate::config::SCHEMA;
use crate::parts::{MAX_OBJECT_BYTES, MAX_PARTS, MIN_PART_BYTES};

pub(crate) fn describe() -> Description {
    Description {
        id: "gcs".to_owned(),
        vendor: "Capstan".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "Google Cloud Storage".to_owned(),
        configuration: SCHEMA.to_owned(),
        grants: [
            "http {/endpoint}",
            "http {/token-endpoint}",
            "http {/proxy}",
            "insecure-tls {/endpoint} if {/tls-insecure}",
            "insecure-tls {/token-endpoint} if {/tls-insecure}",
        ]
        .map(str::to_owned)
        .to_vec(),
        capabilities: vec![
            named("session", "shared"),
            named("list-order", "bytewise"),
            named("conditional-put", "true"),
            named("copy", "true"),
            named("max-key-bytes", "1024"),
            named("max-single-put-bytes", MAX_OBJECT_BYTES.to_string()),
            named("max-object-bytes", MAX_OBJECT_BYTES.to_string()),
            named("min-part-bytes", MIN_PART_BYTES.to_string()),
            named("max-parts", MAX_PARTS.to_string()),
            named("max-delete-keys", crate::writer::MAX_DELETE_KEYS.to_string()),
            named("checksums", "crc32c"),
        ],
        extras: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_json_and_names_every_field_of_the_configuration() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
        let fields: Vec<&str> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let mut wanted = [
            "access-key",
            "buckets",
            "client-email",
            "endpoint",
            "location",
            "part-bytes",
            "private-key",
            "project",
            "proxy",
            "secret-key",
            "storage-class",
            "timeout-ms",
            "tls-ca",
            "tls-insecure",
            "token-endpoint",
        ];
        wanted.sort_unstable();
        assert_eq!(fields, wanted);
    }

    #[test]
    fn every_grant_is_a_template_over_a_field_of_the_schema() {
        for grant in describe().grants {
            let field = grant.split(['{', '}']).nth(1).unwrap().trim_start_matches('/').to_owned();
            assert!(SCHEMA.contains(&format!("\"{field}\":")), "{grant}");
        }
    }
}
