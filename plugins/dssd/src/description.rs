//! What the plugin says of itself.

use capstan_sdk::named;
use capstan_sdk::types::Description;

use crate::config::SCHEMA;

const GRANTS: [&str; 5] = [
    "http {/dashboard}",
    "insecure-tls {/dashboard} if {/tls-insecure}",
    "connect {/nbd-host}:{/nbd-port}",
    "connect {/qmp-host}:{/qmp-port}",
    "connect {/nbd-host}:{/qmp-port} unless {/qmp-host}",
];

pub(crate) fn describe() -> Description {
    Description {
        id: "dssd".to_owned(),
        vendor: "Capstan".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "Ceph block devices (RBD)".to_owned(),
        configuration: SCHEMA.to_owned(),
        grants: GRANTS.map(str::to_owned).to_vec(),
        capabilities: vec![
            named("session", "shared"),
            named("snapshots", "true"),
            named("thin", "true"),
            named("discard", "true"),
            named("clone", "constant"),
        ],
        extras: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, PASSWORD};

    #[test]
    fn the_schema_names_every_field_of_the_configuration_and_marks_its_secret() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
        let fields = schema["properties"].as_object().unwrap();
        let mut document = serde_json::Map::new();
        for (name, field) in fields {
            if field["x-capstan-secret"] == true {
                assert_eq!(name, PASSWORD);
                continue;
            }
            let value = match field["type"].as_str() {
                Some("integer") => field["minimum"].clone(),
                Some("boolean") => true.into(),
                _ => "x".into(),
            };
            document.insert(name.clone(), value);
        }
        // It would refuse a field that it does not know.
        capstan_sdk::config::parse::<Config>(&serde_json::Value::Object(document).to_string()).unwrap();
    }
}
