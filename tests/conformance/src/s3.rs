//! The S3 plugin on a server of the tests.

use std::time::{SystemTime, UNIX_EPOCH};

use capstan_test_servers::S3;
use serde_json::{Value, json};

use crate::host::{Host, built};
use crate::laid_over::laid_over;
use crate::target_file::TargetFile;

/// What the plugin needs to reach this server, and `more`.
pub fn configuration(server: &S3, more: Value) -> Value {
    let own =
        json!({ "endpoint": server.endpoint, "region": server.region, "access-key": server.access_key, "part-bytes": 5 << 20 });
    laid_over(own, more)
}

pub async fn host(server: &S3, more: Value) -> anyhow::Result<Host> {
    Host::start(&built("s3"), configuration(server, more), &[("secret-key", &server.secret_key)]).await
}

/// The target file of the kit: a bucket of its own, and credentials that must be refused.
pub fn target(server: &S3, more: Value) -> TargetFile {
    let mut file = TargetFile::making(configuration(server, more));
    let nobody = serde_json::from_value(json!({ "name": "a key nobody has", "configuration": { "access-key": "nobody" } }));
    file.wrong_credentials.extend(nobody);
    file.with_secret("secret-key", &server.secret_key)
}

/// The same on Ceph's gateway, with what that is known not to do.
pub fn ceph(server: &S3, more: Value) -> TargetFile {
    target(server, more)
        .with_limit("no restore", "the gateway has no cold storage and answers 501", &["objects/restore-of-an-absent-object"])
        .with_limit(
            "all parts or none",
            "the gateway completes an upload only with every part that was put",
            &["uploads/complete-fewer"],
        )
}

/// A name that no other run has.
pub fn bucket(name: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    format!("conform-{name}-{now}")
}
