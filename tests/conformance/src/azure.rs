//! The Azure plugin on a server of the tests.

use std::time::{SystemTime, UNIX_EPOCH};

use capstan_test_servers::Blob;
use serde_json::{Value, json};

use crate::host::{Host, built};

/// What the plugin needs to reach this account, and `more`.
pub fn configuration(blob: &Blob, more: Value) -> Value {
    let mut all = json!({ "endpoint": blob.endpoint, "account": blob.account, "part-bytes": 5 << 20 });
    if let (Some(all), Value::Object(more)) = (all.as_object_mut(), more) {
        all.extend(more);
    }
    all
}

/// With the account's key.
pub async fn host(blob: &Blob, more: Value) -> anyhow::Result<Host> {
    Host::start(&built("azure"), configuration(blob, more), &[("account-key", &blob.key)]).await
}

/// With a signature instead of the key.
pub async fn host_with_signature(blob: &Blob, signature: &str, more: Value) -> anyhow::Result<Host> {
    Host::start(&built("azure"), configuration(blob, more), &[("sas", signature)]).await
}

/// What keys are not asked to hold: the service takes a backslash for a slash, and Azurite fails to list a container that holds a
/// name no document can hold.
pub const UNKEPT: &str = "\\\u{1}";

/// A name that no other run has.
pub fn container(name: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    format!("{name}-{now}")
}
