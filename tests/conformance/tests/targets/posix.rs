//! A directory of the host keeps the whole contract.

use capstan_conformance::check;
use capstan_conformance::host::built;
use capstan_conformance::target_file::TargetFile;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn posix_keeps_the_contract() {
    // Not under /tmp, where extended attributes of users may be missing.
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    std::fs::create_dir(directory.path().join("share")).unwrap();
    let path = directory.path().to_str().unwrap();
    let file = TargetFile::plain(json!({ "path": path, "shares": ["share"] }), "share");
    check::small(&built("posix"), file, &[]).await.unwrap().passed().unwrap();
    // Not even what is hidden from a listing stays.
    let left: Vec<_> = std::fs::read_dir(directory.path().join("share")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}
