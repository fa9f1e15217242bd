//! What the plugin says of itself.

use capstan_iscsi::PORT;
use capstan_sdk::named;
use capstan_sdk::types::Description;

use crate::config::SCHEMA;

pub(crate) fn describe() -> Description {
    Description {
        id: "tape".to_owned(),
        vendor: "Capstan".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "Tape library over iSCSI or SCSI".to_owned(),
        configuration: SCHEMA.to_owned(),
        grants: vec![
            "connect {/host}:{/port}".to_owned(),
            format!("connect {{/host}}:{PORT} unless {{/port}}"),
            "scsi {/devices}".to_owned(),
        ],
        // A tape has one place: whoever moves it moves it for all. What a drive can do besides, only the drive knows.
        capabilities: vec![
            named("session", "exclusive"),
            named("sequential", "true"),
            named("list-order", "bytewise"),
            named("conditional-put", "if-absent"),
            named("max-name-bytes", "255"),
            named("xattrs", "true"),
            named("links", "true"),
        ],
        extras: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_names_every_field_of_the_configuration_and_marks_its_secret() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
        let fields = schema["properties"].as_object().unwrap();
        let secrets: Vec<&str> =
            fields.iter().filter(|(_, field)| field["x-capstan-secret"] == true).map(|(name, _)| name.as_str()).collect();
        assert_eq!(secrets, [crate::config::CHAP_SECRET]);
        // Every field that is no secret is one the configuration knows: it would refuse another.
        for (name, field) in fields.iter().filter(|(name, _)| !secrets.contains(&name.as_str())) {
            let value = match field["type"].as_str() {
                Some("integer") => field["minimum"].clone(),
                Some("array") => serde_json::json!(["/dev/sg3"]),
                Some(_) => "x".into(),
                None => field["enum"][0].clone(),
            };
            let mut document = serde_json::json!({ "host": "h", "target": "iqn.a" });
            document[name.as_str()] = value;
            capstan_sdk::config::parse::<crate::config::Config>(&document.to_string()).unwrap();
        }
    }
}
