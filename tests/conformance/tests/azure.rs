//! The Azure plugin keeps the contract against Azurite, which checks keys, signatures, leases and conditions.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails here says where")]

use capstan_conformance::azure::{container, host, host_with_signature};
use capstan_conformance::content::{counting, same};
use capstan_conformance::host::Host;
use capstan_conformance::{fails, objects, uploads};
use capstan_domain::failure::Kind;
use capstan_domain::ports::{GetOptions, ListOptions, Objects, PutOptions};
use capstan_test_servers::{Azurite, server_or_skip};
use serde_json::json;

async fn whole_contract(host: &Host, name: &str) {
    let (port, parts) = (host.connection.objects().unwrap(), host.connection.uploads().unwrap());
    let container = container(name);
    port.create_location(&container, "create", Vec::new()).await.unwrap();
    let report = host.connection.probe().await.unwrap();
    assert!(report.locations.iter().any(|location| location.name == container), "{report:?}");
    assert_eq!(report.clock_skew_ms, Some(0));
    objects::all(&*port, &container, false).await.unwrap();
    uploads::all(&*port, &*parts, &container).await.unwrap();
    objects::a_location_is_made_once_and_removed_when_empty(&*port, &format!("{container}-2")).await.unwrap();
}

#[tokio::test]
async fn azure_keeps_the_contract_with_the_accounts_key() {
    let server = server_or_skip!(Azurite::start());
    whole_contract(&host(&server.blob, json!({})).await.unwrap(), "key").await;
}
