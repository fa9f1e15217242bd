//! The plugin for drives on Ceph, on a server of the tests.

use capstan_test_servers::CephDrives;
use serde_json::{Value, json};

use crate::host::{Host, built};
use crate::laid_over::laid_over;
use crate::target_file::{Fields, TargetFile};

/// What the plugin needs to reach the pool, and `more`.
pub fn configuration(server: &CephDrives, more: Value) -> Value {
    let all = json!({
        "dashboard": server.dashboard,
        "username": CephDrives::USER,
        "pool": CephDrives::POOL,
        "nbd-host": "127.0.0.1",
        "nbd-port": server.nbd_port,
        "qmp-port": server.qmp_port,
        "ceph-conf": server.conf,
    });
    laid_over(all, more)
}

pub async fn host(server: &CephDrives, more: Value) -> anyhow::Result<Host> {
    Host::start(&built("dssd"), configuration(server, more), &[("password", CephDrives::PASSWORD)]).await
}

/// The target file of the kit; faults stand before the dashboard.
pub fn target(server: &CephDrives, more: Value) -> TargetFile {
    let mut file = TargetFile::plain(configuration(server, more), CephDrives::POOL).with_secret("password", CephDrives::PASSWORD);
    let nobody = json!({ "name": "a user nobody knows", "configuration": { "username": "nobody" } });
    file.wrong_credentials.extend(serde_json::from_value(nobody));
    file.front = Some(Fields { url: Some("/dashboard".to_owned()), host: None, port: None });
    file.with_limit(
        "plain http stays on this machine",
        "the password does not go to other names over plain http, known or not",
        &["target/probe-unknown-host"],
    )
}

/// The same; faults stand before the bytes.
pub fn target_before_bytes(server: &CephDrives, more: Value) -> TargetFile {
    let mut file = target(server, more);
    file.front = Some(Fields { url: None, host: Some("/nbd-host".to_owned()), port: Some("/nbd-port".to_owned()) });
    file
}
