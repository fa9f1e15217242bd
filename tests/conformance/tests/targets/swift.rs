//! Swift keeps the contract: OpenStack Swift behind TempAuth and behind Keystone, and Ceph's gateway by Swift's API.

#![allow(clippy::unwrap_used, reason = "a test that fails here says where")]

use capstan_conformance::check::{CONTRACT, FAULTS, kept};
use capstan_conformance::host::{Host, built};
use capstan_conformance::s3::bucket as container;
use capstan_conformance::swift::{cloud_host, cloud_target, target};
use capstan_conformance::target_file::TargetFile;
use capstan_test_servers::{Rgw, Swift, server_or_skip};
use serde_json::json;

/// What OpenStack Swift does not do.
fn swifts(file: TargetFile) -> TargetFile {
    let two_steps = "Swift's object server looks for the object and stores the new one in two steps (\"If-None-Match: *\" is a question \
                     in its API), so of puts at the same moment several are told that they were the first";
    file.with_race("no race has one winner", two_steps, &["objects/put-if-absent-at-once"])
}

#[tokio::test(flavor = "multi_thread")]
async fn swift_keeps_the_contract_behind_tempauth() {
    let server = server_or_skip!(Swift::get());
    kept("swift", swifts(target(&server.tester(), json!({}))), CONTRACT).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn swift_keeps_the_contract_behind_keystone() {
    let server = server_or_skip!(Swift::get());
    // Its tokens are what differs; the store behind them is the same, and Keystone is one process that takes its time.
    let told = &["target/*", "objects/get*", "objects/put*", "uploads/*"];
    kept("swift", swifts(cloud_target(&server.cloud, json!({}))), told).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn swift_endures_faults_between_it_and_the_service() {
    let server = server_or_skip!(Swift::get());
    kept("swift", target(&server.tester(), json!({})), FAULTS).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn swift_keeps_the_contract_on_ceph() {
    let server = server_or_skip!(Rgw::get());
    let ignores = "Ceph's gateway ignores conditions in Swift's API, so the plugin refuses them there";
    // The last two put something under a condition on the way.
    let conditions = [
        "objects/put-if-absent*",
        "objects/copy-if-absent*",
        "objects/*condition*",
        "calls/*-if-absent",
        "objects/attempt-is-not-metadata",
        "calls/attempt-longest",
    ];
    let file = target(&server.swift(), json!({})).with_limit("no conditions", ignores, &conditions);
    kept("swift", file, CONTRACT).await.unwrap();
}

#[tokio::test]
async fn an_application_credential_opens_the_same_containers() {
    let server = server_or_skip!(Swift::get());
    let cloud = &server.cloud;
    let configured = json!({
        "auth-url": cloud.auth_url,
        "application-credential-id": cloud.credential_id,
        "region": cloud.region,
        "storage-url": cloud.storage_url,
    });
    let secrets = [("application-credential-secret", cloud.credential_secret.as_str())];
    let by_credential = Host::start(&built("swift"), configured, &secrets).await.unwrap();
    let by_password = cloud_host(cloud, json!({})).await.unwrap();
    let name = container("credential");
    by_password.connection.objects().unwrap().create_location(&name, "create", Vec::new()).await.unwrap();
    let report = by_credential.connection.probe().await.unwrap();
    assert!(report.locations.iter().any(|location| location.name == name), "{report:?}");
}
