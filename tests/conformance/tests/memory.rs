//! The reference target keeps the contract.

use capstan_conformance::host::{Host, built};
use capstan_conformance::{objects, uploads};
use serde_json::json;

#[tokio::test]
async fn memory_keeps_the_contract() {
    let host = Host::start(&built("memory"), json!({ "locations": ["main"] }), &[]).await.unwrap();
    let port = host.connection.objects().unwrap();
    host.connection.probe().await.unwrap();
    objects::all(&*port, "main", true).await.unwrap();
    objects::a_location_is_made_once_and_removed_when_empty(&*port, "another").await.unwrap();
    uploads::all(&*port, &*host.connection.uploads().unwrap(), "main").await.unwrap();
}
