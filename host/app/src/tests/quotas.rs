//! What a space may take, and what stands where a copy goes: between two spaces, without any plugin.

use std::path::Path;

use capstan_domain::Kind;
use capstan_domain::ids::DefinitionId;
use capstan_domain::job::{End, Job, JobState, NewDefinition, PathOutcome, PathState, Place};
use capstan_domain::listing::Listing;
use capstan_domain::space::Space;
use serde_json::{Value, json};

use super::host::{Host, bare};
use crate::spaces::{SpaceChange, SpaceRequest};

async fn space(host: &Host, name: &str, quota_bytes: Option<u64>) -> Space {
    let request = SpaceRequest {
        name: name.into(),
        comment: None,
        directory: None,
        quota_bytes,
        cache_quota_bytes: None,
        push_pool: None,
        cleaning_pool: None,
        attributes: json!({}),
    };
    host.app.spaces.create(&host.admin, request).await.unwrap()
}

fn place(space: &Space) -> Place {
    Place::Space { space: space.id, path: String::new() }
}

async fn definition(host: &Host, action: &str, from: &Space, to: &Space, options: Value) -> DefinitionId {
    let new = NewDefinition {
        name: action.into(),
        comment: None,
        workflow: "data_migration".into(),
        action: action.into(),
        active: true,
        options,
        attributes: json!({}),
    };
    let definition = host.app.definitions.create(&host.admin, new).await.unwrap();
    for (end, place) in [(End::Source, place(from)), (End::Destination, place(to))] {
        host.app.definitions.create_endpoint(&host.admin, definition.id, end, json!({}), place).await.unwrap();
    }
    definition.id
}

async fn run(host: &Host, definition: DefinitionId) -> (Job, Vec<PathOutcome>) {
    let job = host.app.jobs.run_definition(&host.admin, definition).await.unwrap();
    let job = host.ended(job.id).await;
    let mut outcomes = host.app.jobs.outcomes(job.id, Listing::first(1000)).await.unwrap().items;
    outcomes.sort_by(|a, b| a.path.cmp(&b.path));
    (job, outcomes)
}

fn write(space: &Space, name: &str, content: &[u8]) {
    std::fs::write(Path::new(&space.directory).join(name), content).unwrap();
}

fn read(space: &Space, name: &str) -> Vec<u8> {
    std::fs::read(Path::new(&space.directory).join(name)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_quota_has_no_room_for_is_told_path_by_path_and_the_rest_goes_on() {
    let host = bare().await;
    let (from, to) = (space(&host, "from", None).await, space(&host, "to", Some(100)).await);
    // One of them is more than the mover holds in memory.
    write(&from, "a-large", &vec![7; 3 << 20]);
    write(&from, "b-fits", &[1; 60]);
    write(&from, "c-fits-not", &[2; 120]);
    write(&from, "d-fits", &[3; 40]);
    let copy = definition(&host, "copy", &from, &to, json!({})).await;
    let (job, outcomes) = run(&host, copy).await;
    assert_eq!(job.state, JobState::DoneWithWarnings, "{job:?}");
    let told: Vec<_> = outcomes.iter().map(|one| (one.path.as_str(), one.state)).collect();
    let expected = [
        ("a-large", PathState::Failed),
        ("b-fits", PathState::Done),
        ("c-fits-not", PathState::Failed),
        ("d-fits", PathState::Done),
    ];
    assert_eq!(told, expected);
    for failed in outcomes.iter().filter(|one| one.state == PathState::Failed) {
        let failure = failed.failure.as_ref().unwrap();
        assert_eq!((failure.kind, failure.code.as_deref()), (Kind::NoSpace, Some("quota")), "{failure:?}");
    }
    assert_eq!(host.app.spaces.get(to.id).await.unwrap().file_bytes, 100);
    assert!(!Path::new(&to.directory).join("c-fits-not").exists());

    // What is there already needs no more room, and a larger quota lets the rest in.
    let raise = SpaceChange { quota_bytes: Some(Some(220)), ..SpaceChange::default() };
    host.app.spaces.update(&host.admin, to.id, raise).await.unwrap();
    std::fs::remove_file(Path::new(&from.directory).join("a-large")).unwrap();
    let (job, _) = run(&host, copy).await;
    assert_eq!(job.state, JobState::Done, "{job:?}");
    assert_eq!(host.app.spaces.get(to.id).await.unwrap().file_bytes, 220);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_erased_makes_room_also_after_a_restart() {
    let mut host = bare().await;
    let (from, to) = (space(&host, "from", None).await, space(&host, "to", Some(100)).await);
    write(&from, "one", &[1; 90]);
    let copy = definition(&host, "copy", &from, &to, json!({})).await;
    assert_eq!(run(&host, copy).await.0.state, JobState::Done);
    let erase = definition(&host, "erase", &to, &to, json!({})).await;
    assert_eq!(run(&host, erase).await.0.state, JobState::Done);
    let erased = host.app.spaces.get(to.id).await.unwrap();
    assert_eq!((erased.file_bytes, erased.resident_bytes), (0, 0));
    write(&from, "one", &[2; 95]);
    assert_eq!(run(&host, copy).await.0.state, JobState::Done);

    host.app.close().await;
    let Host { data, app, .. } = host;
    drop(app);
    host = super::host::start(data, crate::settings::Settings::default()).await;
    assert_eq!(host.app.spaces.get(to.id).await.unwrap().resident_bytes, 95);
    write(&from, "two", &[3; 6]);
    let (job, outcomes) = run(&host, copy).await;
    assert_eq!(job.state, JobState::DoneWithWarnings, "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_share_of_the_cache_is_a_part_of_the_quota_and_counts_what_lies_on_disk() {
    let host = bare().await;
    let (from, to) = (space(&host, "from", None).await, space(&host, "to", Some(100)).await);
    let more = SpaceChange { cache_quota_bytes: Some(Some(101)), ..SpaceChange::default() };
    let refused = host.app.spaces.update(&host.admin, to.id, more).await.unwrap_err();
    assert_eq!(refused.code.as_deref(), Some("quota-on-cache"));
    let half = SpaceChange { cache_quota_bytes: Some(Some(50)), ..SpaceChange::default() };
    host.app.spaces.update(&host.admin, to.id, half).await.unwrap();
    write(&from, "a", &[1; 40]);
    write(&from, "b", &[1; 40]);
    let copy = definition(&host, "copy", &from, &to, json!({})).await;
    let (job, outcomes) = run(&host, copy).await;
    assert_eq!(job.state, JobState::DoneWithWarnings, "{outcomes:?}");
    assert_eq!(host.app.spaces.get(to.id).await.unwrap().resident_bytes, 40);
}

/// A small and a large file that differ from what stands there, copied with these options.
async fn onto_others(options: Value) -> (Host, Space, Job, Vec<PathOutcome>, DefinitionId) {
    let host = bare().await;
    let (from, to) = (space(&host, "from", None).await, space(&host, "to", None).await);
    let large = |byte| vec![byte; 2 << 20];
    write(&from, "s.txt", b"new");
    write(&to, "s.txt", b"old");
    write(&from, "l.bin", &large(1));
    write(&to, "l.bin", &large(2));
    let copy = definition(&host, "copy", &from, &to, options).await;
    let (job, outcomes) = run(&host, copy).await;
    (host, to, job, outcomes, copy)
}

#[tokio::test(flavor = "multi_thread")]
async fn rename_stores_beside_what_differs_and_a_second_run_stores_nothing_more() {
    let (host, to, job, outcomes, copy) = onto_others(json!({ "overwrite": false, "rename": true })).await;
    assert_eq!(job.state, JobState::Done, "{outcomes:?}");
    assert_eq!((read(&to, "s.txt"), read(&to, "s (1).txt")), (b"old".to_vec(), b"new".to_vec()));
    assert_eq!((read(&to, "l.bin")[0], read(&to, "l (1).bin")[0]), (2, 1));
    let (job, _) = run(&host, copy).await;
    assert_eq!(job.state, JobState::Done);
    assert_eq!(std::fs::read_dir(&to.directory).unwrap().count(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn ignore_leaves_what_differs_and_says_so() {
    let (_host, to, job, outcomes, _) = onto_others(json!({ "overwrite": false })).await;
    assert!(outcomes.iter().all(|one| one.state == PathState::Skipped), "{outcomes:?}");
    assert_ne!(job.state, JobState::Done);
    assert_eq!((read(&to, "s.txt"), read(&to, "l.bin")[0]), (b"old".to_vec(), 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn overwrite_replaces_what_differs() {
    let (_host, to, job, outcomes, _) = onto_others(json!({ "overwrite": true })).await;
    assert_eq!(job.state, JobState::Done, "{outcomes:?}");
    assert_eq!((read(&to, "s.txt"), read(&to, "l.bin")[0]), (b"new".to_vec(), 1));
}
