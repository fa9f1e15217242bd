//! What the plugin says of itself.

use capstan_sdk::named;
use capstan_sdk::types::Description;

use crate::config::SCHEMA;

pub(crate) fn describe() -> Description {
    Description {
        id: "posix".to_owned(),
        vendor: "Capstan".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "Directory of the host".to_owned(),
        configuration: SCHEMA.to_owned(),
        grants: vec!["files root {/path}".to_owned()],
        capabilities: vec![
            named("session", "shared"),
            named("list-order", "bytewise"),
            named("conditional-put", "if-absent"),
            named("max-name-bytes", "255"),
            named("ranged-write", "true"),
            named("directory-times", "names"),
            named("xattrs", "true"),
            named("links", "true"),
            named("acl", "none"),
        ],
        extras: Vec::new(),
    }
}
