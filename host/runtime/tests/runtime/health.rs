//! The time after a swap: a version that is worse than the one before goes by itself, one whose target is worse stays.

use std::time::Duration;

use crate::support::{bench, fixture, plugin, short, target};
use capstan_domain::failure::{Blame, Kind};
use capstan_domain::plugin::VersionState;
use capstan_domain::ports::{GetOptions, ListOptions};
use capstan_runtime::{Event, Limits, TargetStatus};
use serde_json::json;
use std::sync::atomic::Ordering;

fn page() -> ListOptions {
    ListOptions { limit: 10, ..ListOptions::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_that_answers_nonsense_is_rolled_back_by_itself() {
    let bench = bench(Limits { health_faults: 5, ..short() });
    let mut events = bench.runtime.events();
    bench.serve(plugin("memory")).await;
    let settings = target("t", "memory", json!({}));
    let id = settings.id;
    let objects = bench.runtime.open_target(settings).objects().unwrap();
    for _ in 0..20 {
        objects.list("main", page()).await.unwrap();
    }
    let lying = bench.serve(fixture("memory-lying")).await;
    for _ in 0..5 {
        let failure = objects.list("main", page()).await.unwrap_err();
        assert_eq!((failure.code.as_deref(), failure.blame), (Some("list-overlong"), Blame::Plugin));
        assert_eq!(failure.origin.version.as_deref(), Some(lying.version.as_str()));
        assert_eq!(failure.origin.function.as_deref(), Some("objects.list"));
    }
    let event = tokio::time::timeout(Duration::from_secs(10), events.recv()).await.unwrap().unwrap();
    assert!(matches!(event, Event::RolledBack { from, to, .. } if from == lying.version && to == "0.1.0"));
    objects.list("main", page()).await.unwrap();
    assert_eq!(bench.runtime.status(id), Some(TargetStatus::Serving { version: "0.1.0".to_owned() }));
    assert_eq!(bench.runtime.metrics().traps.load(Ordering::Relaxed), 0);
    assert_eq!(bench.runtime.metrics().plugin_faults.load(Ordering::Relaxed), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_whose_target_or_whose_callers_fail_stays() {
    let bench = bench(Limits { health_faults: 2, ..short() });
    let mut events = bench.runtime.events();
    bench.serve(plugin("memory")).await;
    let objects = bench.runtime.open_target(target("t", "memory", json!({}))).objects().unwrap();
    let stranded = bench.serve(fixture("memory-stranded")).await;
    for _ in 0..50 {
        let failure = objects.head("main", "k", GetOptions::default()).await.unwrap_err();
        assert_eq!((failure.kind, failure.blame), (Kind::Unavailable, Blame::Target));
        // What the caller did wrong is not the version's fault either.
        assert_eq!(objects.delete_location("main", "1").await.unwrap_err().blame, Blame::Caller);
    }
    let records = bench.runtime.versions(Some("memory"));
    let active = records.iter().find(|record| record.state == VersionState::Active).unwrap();
    assert_eq!(active.version, stranded.version);
    assert_eq!(bench.runtime.metrics().plugin_faults.load(Ordering::Relaxed), 0);
    assert!(events.try_recv().is_err(), "nothing happened by itself");
}
