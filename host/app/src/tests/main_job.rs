use capstan_domain::Kind;
use capstan_domain::ids::DefinitionId;
use capstan_domain::job::{End, JobState, NewDefinition, PathState, Place, Request};
use capstan_domain::listing::Listing;
use capstan_domain::pool::{NewPool, PoolContent, PoolRole};
use serde_json::json;

use super::host::{Host, bare};
use super::plugins::memory;
use crate::spaces::SpaceRequest;

pub(super) async fn space(host: &Host, name: &str) -> capstan_domain::space::Space {
    let request = SpaceRequest {
        name: name.into(),
        comment: None,
        directory: None,
        quota_bytes: None,
        cache_quota_bytes: None,
        push_pool: None,
        cleaning_pool: None,
        attributes: json!({}),
    };
    host.app.spaces.create(&host.admin, request).await.unwrap()
}

async fn definition(host: &Host, action: &str, from: Place, to: Place) -> DefinitionId {
    let new = NewDefinition {
        name: format!("{action} it"),
        comment: None,
        workflow: "active_archive".into(),
        action: action.into(),
        active: true,
        options: json!({}),
        attributes: json!({}),
    };
    let definition = host.app.definitions.create(&host.admin, new).await.unwrap();
    for (end, place) in [(End::Source, from), (End::Destination, to)] {
        host.app.definitions.create_endpoint(&host.admin, definition.id, end, json!({}), place).await.unwrap();
    }
    definition.id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_goes_into_a_plugin_and_comes_back() {
    let host = bare().await;
    host.install("plugins", "memory").await.unwrap();
    let target = host.app.targets.create(&host.admin, memory("m")).await.unwrap();
    let sync = host.app.jobs.sync_locations(&host.admin, target.id).await.unwrap();
    assert_eq!(host.ended(sync.id).await.state, JobState::Done);
    let locations = host.app.locations.list(Listing::first(10)).await.unwrap().items;
    assert_eq!(locations.iter().map(|location| location.name.as_str()).collect::<Vec<_>>(), ["main"]);
    let new = NewPool {
        name: "archive".into(),
        comment: None,
        content: PoolContent::Cloud,
        role: PoolRole::ActiveArchive,
        protects_full: false,
        attributes: json!({}),
    };
    let pool = host.app.pools.create(&host.admin, new, vec![locations[0].number]).await.unwrap();

    let (there, back) = (space(&host, "there").await, space(&host, "back").await);
    let tree = std::path::Path::new(&there.directory);
    std::fs::create_dir_all(tree.join("d/e")).unwrap();
    for index in 0..50 {
        std::fs::write(tree.join(format!("d/e/{index}")), format!("content {index}").repeat(index)).unwrap();
    }
    let at_pool = Place::Pool { pool: pool.id, path: String::new() };
    let up = definition(&host, "copy", Place::Space { space: there.id, path: String::new() }, at_pool.clone()).await;
    let job = host.app.jobs.run_definition(&host.admin, up).await.unwrap();
    let job = host.ended(job.id).await;
    assert_eq!(job.state, JobState::Done, "{job:?}");
    let outcomes = host.app.jobs.outcomes(job.id, Listing::first(1000)).await.unwrap();
    assert!(outcomes.items.iter().all(|outcome| outcome.state == PathState::Done), "{outcomes:?}");
    let again = host.app.jobs.run_definition(&host.admin, up).await.unwrap();
    assert_eq!(host.ended(again.id).await.state, JobState::Done);

    let down = definition(&host, "copy", at_pool, Place::Space { space: back.id, path: String::new() }).await;
    let job = host.app.jobs.run_definition(&host.admin, down).await.unwrap();
    let job = host.ended(job.id).await;
    assert_eq!(job.state, JobState::Done, "{job:?}");
    let names = |directory: &str| {
        let mut files: Vec<_> = walk(std::path::Path::new(directory));
        files.iter_mut().for_each(|(path, _)| *path = path.rsplit('/').next().unwrap().to_owned());
        files.sort();
        files
    };
    let (wanted, found) = (names(&there.directory), names(&back.directory));
    assert_eq!(found.len(), 50);
    assert_eq!(found, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_without_ends_is_not_run_and_one_that_does_not_run_cannot_be_paused() {
    let host = bare().await;
    let new = NewDefinition {
        name: "empty".into(),
        comment: None,
        workflow: "active_archive".into(),
        action: "copy".into(),
        active: true,
        options: json!({}),
        attributes: json!({}),
    };
    let definition = host.app.definitions.create(&host.admin, new).await.unwrap();
    assert_eq!(host.app.jobs.run_definition(&host.admin, definition.id).await.unwrap_err().kind, Kind::Invalid);
    let paused = host.app.jobs.request(&host.admin, definition.id, Request::Pause).await.unwrap_err();
    assert_eq!((paused.kind, paused.code.as_deref()), (Kind::Conflict, Some("not-running")));
}

/// Paths and contents of all files.
fn walk(directory: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(walk(&path));
        } else {
            all.push((path.to_string_lossy().into_owned(), std::fs::read(&path).unwrap()));
        }
    }
    all
}
