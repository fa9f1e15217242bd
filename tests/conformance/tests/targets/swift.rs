//! Swift keeps the contract: OpenStack Swift behind TempAuth and behind Keystone, and Ceph's gateway by Swift's API.

#![allow(clippy::unwrap_used, reason = "a test that fails here says where")]

use capstan_conformance::host::{Host, built};
use capstan_conformance::s3::bucket as container;
use capstan_conformance::swift::{cloud_host, host};
use capstan_conformance::{objects, uploads};
use capstan_test_servers::{Rgw, Swift, server_or_skip};
use serde_json::json;

/// Of conditions it has this one.
const IF_ABSENT: Option<&str> = Some("if-absent");

async fn whole_contract(host: &Host, name: &str, conditions: Option<&str>) {
    let (port, parts) = (host.connection.objects().unwrap(), host.connection.uploads().unwrap());
    let name = container(name);
    port.create_location(&name, "create", Vec::new()).await.unwrap();
    let report = host.connection.probe().await.unwrap();
    assert!(report.locations.iter().any(|location| location.name == name), "{report:?}");
    assert_eq!(report.clock_skew_ms, Some(0));
    objects::claiming(&*port, &name, "", conditions).await.unwrap();
    uploads::all(&*port, &*parts, &name).await.unwrap();
    objects::a_location_is_made_once_and_removed_when_empty(&*port, &format!("{name}-2")).await.unwrap();
}

#[tokio::test]
async fn swift_keeps_the_contract_behind_tempauth() {
    let server = server_or_skip!(Swift::get());
    let host = host(&server.tester(), json!({})).await.unwrap();
    whole_contract(&host, "tempauth", IF_ABSENT).await;
}

#[tokio::test]
async fn swift_keeps_the_contract_behind_keystone() {
    let server = server_or_skip!(Swift::get());
    let host = cloud_host(&server.cloud, json!({})).await.unwrap();
    whole_contract(&host, "keystone", IF_ABSENT).await;
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

#[tokio::test]
async fn swift_keeps_the_contract_on_ceph() {
    let server = server_or_skip!(Rgw::get());
    let host = host(&server.swift(), json!({})).await.unwrap();
    // Ceph's gateway ignores conditions in Swift's API, so the plugin refuses them.
    whole_contract(&host, "ceph", None).await;
}
