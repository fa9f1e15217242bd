//! What the plugin says of itself.

use capstan_sdk::named;
use capstan_sdk::types::Description;

use crate::config::SCHEMA;

pub(crate) fn describe() -> Description {
    Description {
        id: "nvme".to_owned(),
        vendor: "Capstan".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "Drives on the host's own disks".to_owned(),
        configuration: SCHEMA.to_owned(),
        grants: vec!["files drives {/path}".to_owned()],
        capabilities: vec![
            named("session", "shared"),
            named("list-order", "bytewise"),
            named("snapshots", "true"),
            named("thin", "true"),
            named("discard", "true"),
        ],
        extras: Vec::new(),
    }
}
