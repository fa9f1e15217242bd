//! A directory of the host keeps the contract.

use capstan_conformance::files;
use capstan_conformance::host::{Host, built};
use serde_json::json;

#[tokio::test]
async fn posix_keeps_the_contract() {
    // Not under /tmp, where extended attributes of users may be missing.
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    std::fs::create_dir(directory.path().join("share")).unwrap();
    let path = directory.path().to_str().unwrap();
    let host = Host::start(&built("posix"), json!({ "path": path, "shares": ["share"] }), &[]).await.unwrap();
    let report = host.connection.probe().await.unwrap();
    assert_eq!(report.locations[0].name, "share");
    files::all(&*host.connection.files().unwrap(), "share", files::Able::default()).await.unwrap();
    assert!(host.connection.usage(Some("share")).await.unwrap().capacity.unwrap() > 0);
}
