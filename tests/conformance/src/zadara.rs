//! The Zadara plugin on the simulator of the tests.

use capstan_test_servers::Vpsa;
use serde_json::{Value, json};

use crate::host::{Host, built};
use crate::laid_over::laid_over;
use crate::target_file::{Fields, TargetFile};

/// What the plugin needs to reach the simulator, and `more`.
pub fn configuration(server: &Vpsa, more: Value) -> Value {
    let all = json!({ "endpoint": server.endpoint, "iscsi-host": "127.0.0.1", "iscsi-port": server.iscsi_port });
    laid_over(all, more)
}

pub async fn host(server: &Vpsa, more: Value) -> anyhow::Result<Host> {
    Host::start(&built("zadara"), configuration(server, more), &[("access-key", &server.access_key)]).await
}

/// The target file of the kit. Faults stand before the API.
pub fn target(server: &Vpsa, more: Value) -> TargetFile {
    let mut file = TargetFile::plain(configuration(server, more), Vpsa::POOL);
    file.front = Some(Fields { url: Some("/endpoint".to_owned()), host: None, port: None });
    file.with_secret("access-key", &server.access_key)
}

/// The same with faults before the bytes.
pub fn target_of_bytes(server: &Vpsa, more: Value) -> TargetFile {
    let mut file = target(server, more);
    file.front = Some(Fields { url: None, host: Some("/iscsi-host".to_owned()), port: Some("/iscsi-port".to_owned()) });
    file
}
