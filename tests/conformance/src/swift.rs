//! The Swift plugin on a server of the tests, by any of the ways to come in.

use capstan_test_servers::{Cloud, SwiftAccount};
use serde_json::{Value, json};

use crate::host::{Host, built};
use crate::laid_over::laid_over;
use crate::target_file::{Fields, TargetFile};

/// Segments as small as the plugin makes them, so that a large object needs few bytes.
const PART_BYTES: u64 = 1 << 20;

/// What the plugin needs to come in by version 1, and `more`.
pub fn configuration(account: &SwiftAccount, more: Value) -> Value {
    laid_over(json!({ "auth-url": account.auth_url, "user": account.user, "part-bytes": PART_BYTES }), more)
}

pub async fn host(account: &SwiftAccount, more: Value) -> anyhow::Result<Host> {
    Host::start(&built("swift"), configuration(account, more), &[("password", &account.password)]).await
}

/// By Keystone, with a password. The storage is at another port than Keystone, so it is configured.
pub fn cloud_configuration(cloud: &Cloud, more: Value) -> Value {
    let all = json!({
        "auth-url": cloud.auth_url,
        "user": cloud.user,
        "user-domain": cloud.user_domain,
        "project": cloud.project,
        "project-domain": cloud.project_domain,
        "region": cloud.region,
        "storage-url": cloud.storage_url,
        "part-bytes": PART_BYTES,
    });
    laid_over(all, more)
}

pub async fn cloud_host(cloud: &Cloud, more: Value) -> anyhow::Result<Host> {
    Host::start(&built("swift"), cloud_configuration(cloud, more), &[("password", &cloud.password)]).await
}

/// The target file of the kit, by version 1. The storage is wherever the front before the authentication is: it tells its own address.
pub fn target(account: &SwiftAccount, more: Value) -> TargetFile {
    let mut file = TargetFile::making(configuration(account, more));
    let nobody = serde_json::from_value(json!({ "name": "a user nobody knows", "configuration": { "user": "nobody:here" } }));
    file.wrong_credentials.extend(nobody);
    before("/auth-url", file).with_secret("password", &account.password)
}

/// The same by Keystone; faults stand before the storage.
pub fn cloud_target(cloud: &Cloud, more: Value) -> TargetFile {
    let mut file = TargetFile::making(cloud_configuration(cloud, more));
    let elsewhere = json!({ "name": "a project of others", "configuration": { "project": "service" } });
    file.wrong_credentials.extend(serde_json::from_value(elsewhere));
    before("/storage-url", file).with_secret("password", &cloud.password)
}

fn before(url: &str, mut file: TargetFile) -> TargetFile {
    file.front = Some(Fields { url: Some(url.to_owned()), host: None, port: None });
    file
}
