//! What the plugin says of itself.

use capstan_iscsi::PORT;
use capstan_sdk::named;
use capstan_sdk::types::Description;

use crate::config::SCHEMA;

pub(crate) fn describe() -> Description {
    Description {
        id: "zadara".to_owned(),
        vendor: "Capstan".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "Zadara VPSA storage array".to_owned(),
        configuration: SCHEMA.to_owned(),
        grants: vec![
            "http {/endpoint}".to_owned(),
            "http {/proxy}".to_owned(),
            "insecure-tls {/endpoint} if {/tls-insecure}".to_owned(),
            "connect {/iscsi-host}:{/iscsi-port}".to_owned(),
            format!("connect {{/iscsi-host}}:{PORT} unless {{/iscsi-port}}"),
        ],
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

    #[test]
    fn the_schema_names_every_field_of_the_configuration_and_marks_its_secrets() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
        let fields = schema["properties"].as_object().unwrap();
        let secrets: Vec<&str> =
            fields.iter().filter(|(_, field)| field["x-capstan-secret"] == true).map(|(name, _)| name.as_str()).collect();
        assert_eq!(secrets, [crate::config::ACCESS_KEY, crate::config::CHAP_SECRET]);
        // Every field that is no secret is one the configuration knows: it would refuse another.
        for (name, field) in fields.iter().filter(|(name, _)| !secrets.contains(&name.as_str())) {
            let value = match field["type"].as_str() {
                Some("integer") => field["minimum"].to_string(),
                Some("boolean") => "true".to_owned(),
                Some("array") => "[]".to_owned(),
                Some(_) => "\"x\"".to_owned(),
                None => field["enum"][0].to_string(),
            };
            let document = if name == "endpoint" {
                format!(r#"{{"endpoint": {value}}}"#)
            } else {
                format!(r#"{{"endpoint": "http://h", "{name}": {value}}}"#)
            };
            capstan_sdk::config::parse::<crate::config::Config>(&document).unwrap();
        }
    }
}
