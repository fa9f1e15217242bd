//! What the plugin says of itself.

use capstan_nfs3::{mount, portmap, procedures};
use capstan_sdk::named;
use capstan_sdk::types::Description;

use crate::config::SCHEMA;

pub(crate) fn describe() -> Description {
    Description {
        id: "nfs".to_owned(),
        vendor: "Capstan".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "NFS export".to_owned(),
        configuration: SCHEMA.to_owned(),
        grants: vec![
            "connect {/host}:{/port}".to_owned(),
            format!("connect {{/host}}:{} unless {{/port}}", procedures::PORT),
            "connect {/host}:{/mount-port}".to_owned(),
            format!("connect {{/host}}:{} unless {{/mount-port}}", portmap::PORT),
            // Where the mount service nearly always is; the grant for another port is named when the port mapper tells it.
            format!("connect {{/host}}:{} unless {{/mount-port}}", mount::PORT),
        ],
        capabilities: vec![
            named("session", "shared"),
            named("conditional-put", "if-absent"),
            named("max-name-bytes", "255"),
            named("ranged-write", "true"),
            named("links", "true"),
            named("acl", "none"),
            named("directory-times", "names"),
        ],
        extras: Vec::new(),
    }
}
