//! What the plugin says of itself.

use capstan_sdk::named;
use capstan_sdk::types::Description;

use crate::config::SCHEMA;
use crate::parts::{MAX_OBJECT_BYTES, MAX_PARTS, MAX_SINGLE_BYTES};

/// Keys of one `delete-many`; they go in batches.
const MAX_DELETE_KEYS: u64 = 1_000;

pub(crate) fn describe() -> Description {
    Description {
        id: "azure".to_owned(),
        vendor: "Capstan".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "Azure Blob Storage".to_owned(),
        configuration: SCHEMA.to_owned(),
        grants: [
            "http {/endpoint}",
            "http https://{/account}.blob.core.windows.net unless {/endpoint}",
            "http {/token-endpoint}",
            "http https://login.microsoftonline.com/{/tenant} unless {/token-endpoint}",
            "http {/proxy}",
            "insecure-tls {/endpoint} if {/tls-insecure}",
        ]
        .map(str::to_owned)
        .to_vec(),
        capabilities: vec![
            named("session", "shared"),
            // No word of an order: accounts with a hierarchical namespace list folder by folder.
            named("conditional-put", "true"),
            named("copy", "true"),
            named("restore", "true"),
            // 1,024 characters, which so many bytes never exceed.
            named("max-key-bytes", "1024"),
            // The service takes it for a slash.
            named("name-escape", "\\"),
            named("max-single-put-bytes", MAX_SINGLE_BYTES.to_string()),
            named("max-object-bytes", MAX_OBJECT_BYTES.to_string()),
            named("max-parts", MAX_PARTS.to_string()),
            named("max-delete-keys", MAX_DELETE_KEYS.to_string()),
            // The probe tells whether this endpoint checks a CRC64 as well.
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
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
        let fields = schema["properties"].as_object().unwrap();
        for field in [
            "account",
            "endpoint",
            "account-key",
            "sas",
            "client-secret",
            "client-id",
            "tenant",
            "token-endpoint",
            "token-scope",
            "containers",
            "checksum",
            "storage-class",
            "restore-class",
            "part-bytes",
            "delete-snapshots",
            "proxy",
            "tls-ca",
            "tls-insecure",
            "timeout-ms",
        ] {
            assert!(fields.contains_key(field), "{field}");
        }
        assert_eq!(fields.len(), 19);
        let secret = |name: &str| fields[name]["x-capstan-secret"] == serde_json::Value::Bool(true);
        assert!(secret("account-key") && secret("sas") && secret("client-secret") && !secret("account"));
    }
}
