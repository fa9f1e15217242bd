//! The reference target keeps the whole contract.

use capstan_conformance::host::built;
use capstan_conformance::target_file::TargetFile;
use capstan_conformance::{check, objects, uploads};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn memory_keeps_the_contract() {
    check::small(&built("memory"), TargetFile::plain(json!({ "locations": ["main"] }), "main"), &[])
        .await
        .unwrap()
        .passed()
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_makes_and_removes_locations() {
    let file = TargetFile::making(json!({}));
    check::small(&built("memory"), file, &["objects/location*", "target/*"]).await.unwrap().passed().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_with_ports_of_its_own_holds_them_to_the_same_cases() {
    let host = capstan_conformance::host::Host::start(&built("memory"), json!({ "locations": ["main"] }), &[]).await.unwrap();
    let port = host.connection.objects().unwrap();
    objects::all(&*port, "main", true).await.unwrap();
    objects::a_location_is_made_once_and_removed_when_empty(&*port, "another").await.unwrap();
    uploads::all(&*port, &*host.connection.uploads().unwrap(), "main").await.unwrap();
}
