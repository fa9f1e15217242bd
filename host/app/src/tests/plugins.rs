use capstan_domain::Kind;
use capstan_domain::plugin::VersionState;
use capstan_domain::target::NewTarget;
use serde_json::json;

use super::host::{bare, body, component, start};
use crate::settings::Settings;

pub(super) fn memory(name: &str) -> NewTarget {
    NewTarget {
        name: name.into(),
        plugin: "memory".into(),
        pinned: None,
        configuration: json!({ "locations": ["main"] }),
        attributes: json!({}),
        secrets: Vec::new(),
        owner: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_component_is_refused_kept_and_shown() {
    let host = bare().await;
    let failure = host.app.plugins.install(&host.admin, body(b"no component at all".to_vec()), None).await.unwrap_err();
    assert_eq!(failure.kind, Kind::Invalid, "{failure:?}");
    let kept = host.app.plugins.list().await.unwrap();
    assert!(matches!(kept.as_slice(), [one] if matches!(one.state, VersionState::Refused { .. })), "{kept:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_over_the_cap_is_refused_and_leaves_nothing_behind() {
    let mut settings = Settings::default();
    settings.guests.component_bytes = 1000;
    let host = start(tempfile::tempdir().unwrap(), settings).await;
    let failure = host.app.plugins.install(&host.admin, body(vec![0; 100_000]), None).await.unwrap_err();
    assert_eq!(failure.code.as_deref(), Some("too-large"));
    let left = std::fs::read_dir(host.data.path().join("data/incoming")).unwrap().count();
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_needs_its_plugin_and_a_plugin_in_use_stays() {
    let host = bare().await;
    let failure = host.app.targets.create(&host.admin, memory("early")).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Invalid, Some("plugin")));
    let version = host.install("plugins", "memory").await.unwrap();
    assert_eq!(version.state, VersionState::Active);
    let target = host.app.targets.create(&host.admin, memory("m")).await.unwrap();
    assert_eq!(host.app.targets.create(&host.admin, memory("m")).await.unwrap_err().code.as_deref(), Some("taken"));
    assert!(host.app.targets.unavailable(&target).is_none());
    let in_use = host.app.plugins.remove(&host.admin, "memory", None).await.unwrap_err();
    assert_eq!((in_use.kind, in_use.code.as_deref()), (Kind::Conflict, Some("in-use")));
    host.app.targets.delete(&host.admin, target.id).await.unwrap();
    host.app.plugins.remove(&host.admin, "memory", None).await.unwrap();
    assert_eq!(host.app.plugins.versions("memory").await.unwrap_err().kind, Kind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_starts_without_the_component_it_remembers_and_says_why_the_target_is_away() {
    let host = bare().await;
    host.install("plugins", "memory").await.unwrap();
    let target = host.app.targets.create(&host.admin, memory("m")).await.unwrap();
    let data = host.data;
    host.app.close().await;
    drop(host.app);
    std::fs::remove_dir_all(data.path().join("data/plugins")).unwrap();
    let host = start(data, Settings::default()).await;
    let failure = host.app.targets.unavailable(&target).unwrap().failure;
    assert!(failure.next_step.is_some(), "{failure:?}");
    assert!(host.app.targets.probe(target.id).await.is_err());
    // Installing it again brings the target back.
    host.app.plugins.install(&host.admin, body(std::fs::read(component("plugins", "memory")).unwrap()), None).await.unwrap();
    host.app.targets.probe(target.id).await.unwrap();
}
