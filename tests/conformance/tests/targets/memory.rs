//! The reference target keeps the whole contract.

use capstan_conformance::check;
use capstan_conformance::host::built;
use capstan_conformance::target_file::TargetFile;
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
