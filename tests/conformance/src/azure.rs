//! The Azure plugin on a server of the tests.

use std::time::{SystemTime, UNIX_EPOCH};

use capstan_test_servers::Blob;
use serde_json::{Value, json};

use crate::host::{Host, built};
use crate::laid_over::laid_over;
use crate::target_file::TargetFile;

/// What the plugin needs to reach this account, and `more`.
pub fn configuration(blob: &Blob, more: Value) -> Value {
    laid_over(json!({ "endpoint": blob.endpoint, "account": blob.account, "part-bytes": 5 << 20 }), more)
}

/// With the account's key.
pub async fn host(blob: &Blob, more: Value) -> anyhow::Result<Host> {
    Host::start(&built("azure"), configuration(blob, more), &[("account-key", &blob.key)]).await
}

/// With a signature instead of the key.
pub async fn host_with_signature(blob: &Blob, signature: &str, more: Value) -> anyhow::Result<Host> {
    Host::start(&built("azure"), configuration(blob, more), &[("sas", signature)]).await
}

/// The target file of the kit, with the account's key.
pub fn target(blob: &Blob, more: Value) -> TargetFile {
    TargetFile::making(configuration(blob, more)).with_secret("account-key", &blob.key)
}

/// A name that no other run has.
pub fn container(name: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    format!("{name}-{now}")
}
