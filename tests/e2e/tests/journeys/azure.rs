//! A tree goes into a container of Azure Blob Storage and comes back verified: a connector of the Nodeum door with the account as
//! its access key and the account's key, or a shared access signature, as its secret.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails here says where")]

use std::time::Duration;

use capstan_e2e::{Cargo, Host, Route, Shape, Tree};
use capstan_test_servers::{Azurite, server_or_skip};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(300);

#[test]
fn a_tree_goes_to_azure_and_comes_back_verified() {
    let server = server_or_skip!(Azurite::start());
    server.blob.create_container("cargo").unwrap();
    let (host, _room) = Host::fresh().unwrap();
    let cargo = Cargo::new(host.client());
    let connector = json!({
        "name": "account", "provider": "azure", "url": server.blob.endpoint,
        "access_key": server.blob.account, "secret_key": server.blob.key,
    });
    let connector = cargo.client.post("/api/v2/cloud_connectors", &connector).unwrap();
    assert_eq!((connector["provider"].as_str(), connector["access_key"].as_str()), (Some("azure"), Some("devstoreaccount1")));
    let bucket = cargo.sync_bucket(connector["id"].as_i64().unwrap(), "cargo").unwrap();
    cargo.pool("blobs", bucket).unwrap();
    for container in ["outbound", "inbound"] {
        cargo.container(container).unwrap();
    }
    // Names with backslashes and control characters among them, which the service cannot hold.
    let shape = Shape { files: 300, small: 8 << 10, large: vec![40 << 20, (1 << 20) + 1], odd: true };
    shape.make(&host.container("outbound")).unwrap();
    let before = Tree::read(&host.container("outbound")).unwrap();
    let up = cargo.task("up", "copy", Route::IntoPool { path: "/outbound", pool: "blobs" }).unwrap();
    let up = cargo.run(up, PATIENCE).unwrap();
    assert_eq!((up.files, up.bytes), (before.files.len() as u64, before.bytes()), "{}", up.whole);
    let down = cargo.task("down", "copy", Route::OutOfPool { pool: "blobs", path: "/inbound" }).unwrap();
    let down = cargo.run(down, PATIENCE).unwrap();
    assert_eq!(down.files, before.files.len() as u64, "{}", down.whole);
    before.same_as(&Tree::read(&host.container("inbound")).unwrap()).unwrap();
    host.stop().unwrap();
}

#[test]
fn a_connector_takes_a_shared_access_signature_in_place_of_the_key() {
    let server = server_or_skip!(Azurite::start());
    server.blob.create_container("signed").unwrap();
    let signature = format!("?{}", server.blob.account_signature("rwdlacup", 3600).unwrap());
    let (host, _room) = Host::fresh().unwrap();
    let cargo = Cargo::new(host.client());
    let connector = json!({
        "name": "signed", "provider": "azure", "url": server.blob.endpoint,
        "access_key": server.blob.account, "secret_key": signature,
    });
    let kept = |secrets: &[&str]| {
        let target = cargo.client.get("/capstan/v1/targets/signed").unwrap();
        assert_eq!(target["secrets"], json!(secrets), "{target}");
        assert!(!target.to_string().contains("sig="), "{target}");
        // Until when it may come in is told.
        cargo.client.post("/capstan/v1/targets/signed/probe", &json!({})).unwrap()["extras"]["credentials-expire"].clone()
    };
    cargo.cloud_pool("signed", &connector, "signed").unwrap();
    assert!(kept(&["sas"]).is_string());
    cargo.container("outbound").unwrap();
    let shape = Shape { files: 20, small: 8 << 10, large: vec![(1 << 20) + 1], odd: false };
    shape.make(&host.container("outbound")).unwrap();
    let before = Tree::read(&host.container("outbound")).unwrap();
    let up = cargo.task("up", "copy", Route::IntoPool { path: "/outbound", pool: "signed" }).unwrap();
    assert_eq!(cargo.run(up, PATIENCE).unwrap().files, before.files.len() as u64);
    let shown = cargo.client.get("/api/v2/cloud_connectors/signed").unwrap();
    assert_eq!((&shown["access_key"], shown["url"].as_str()), (&connector["access_key"], connector["url"].as_str()), "{shown}");

    // The key takes the signature's place, and nothing is left of that.
    cargo.client.put("/api/v2/cloud_connectors/signed", &json!({ "secret_key": server.blob.key })).unwrap();
    assert!(kept(&["account-key"]).is_null());
    host.stop().unwrap();
}
