use capstan_domain::Kind;
use serde_json::json;

use super::host::{Host, bare};
use crate::spaces::SpaceRequest;

fn request(name: &str, directory: Option<String>) -> SpaceRequest {
    SpaceRequest {
        name: name.into(),
        comment: None,
        directory,
        quota_bytes: None,
        cache_quota_bytes: None,
        push_pool: None,
        cleaning_pool: None,
        attributes: json!({}),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_space_is_a_directory_and_its_files_outlive_it() {
    let host = bare().await;
    let space = host.app.spaces.create(&host.admin, request("photos", None)).await.unwrap();
    let directory = std::path::PathBuf::from(&space.directory);
    assert!(directory.is_dir());
    std::fs::write(directory.join("a"), b"a").unwrap();
    let again = host.app.spaces.create(&host.admin, request("photos", None)).await.unwrap_err();
    assert_eq!((again.kind, again.code.as_deref()), (Kind::AlreadyExists, Some("taken")));
    host.app.spaces.delete(&host.admin, space.id).await.unwrap();
    assert_eq!(std::fs::read(directory.join("a")).unwrap(), b"a");
    assert_eq!(host.app.spaces.get(space.id).await.unwrap_err().kind, Kind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_and_no_directory_leads_out_of_the_roots() {
    let host = bare().await;
    for name in ["", ".", "..", "a/b", "a\nb", &"x".repeat(256)] {
        assert_eq!(refused(&host, request(name, None)).await, Kind::Invalid, "{name:?}");
    }
    let spaces = host.data.path().canonicalize().unwrap().join("data/spaces");
    std::os::unix::fs::symlink("/etc", spaces.join("link")).unwrap();
    let inside = |path: &str| Some(spaces.join(path).to_string_lossy().into_owned());
    for directory in
        [Some("/etc".to_owned()), Some("relative".to_owned()), inside("../../x"), inside("link/x"), inside("link"), inside("")]
    {
        assert_eq!(refused(&host, request("n", directory.clone())).await, Kind::Invalid, "{directory:?}");
    }
    assert!(!std::path::Path::new("/etc/x").exists());
    let deep = host.app.spaces.create(&host.admin, request("n", inside("deep/er"))).await.unwrap();
    assert!(std::path::Path::new(&deep.directory).is_dir());
}

async fn refused(host: &Host, request: SpaceRequest) -> Kind {
    host.app.spaces.create(&host.admin, request).await.unwrap_err().kind
}
