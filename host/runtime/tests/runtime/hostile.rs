//! Plugins that misbehave: each is survived, says who it was and why, and leaves other targets serving.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::support::{bench, collect, content, fixture, plugin, short, target};
use capstan_domain::failure::{Blame, Failure, Kind, Retry};
use capstan_domain::ports::{GetOptions, ListOptions, Objects, PutOptions};
use capstan_domain::{Outcome, plugin::VersionState};
use capstan_runtime::{Event, Limits};
use serde_json::json;

/// A target that misbehaves so, and one that works for as long as the other is tried.
async fn beside_a_good_one<F: Future>(wrong: &str, limits: Limits, try_it: impl FnOnce(Arc<dyn Objects>) -> F) -> F::Output {
    let bench = bench(limits);
    bench.serve(plugin("memory")).await;
    bench.serve(fixture("hostile")).await;
    let good = bench.runtime.open_target(target("good", "memory", json!({}))).objects().unwrap();
    good.put("main", "k", content("good"), "1", PutOptions::default()).await.unwrap();
    let bad = bench.runtime.open_target(target("bad", "hostile", json!({ "misbehave": wrong }))).objects().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let (served, ended) = (Arc::new(AtomicU64::new(0)), Arc::clone(&stop));
    let counted = Arc::clone(&served);
    let steady = tokio::spawn(async move {
        while !ended.load(Ordering::Relaxed) {
            let (_, body) = good.get("main", "k", None, GetOptions::default()).await.unwrap();
            assert_eq!(collect(body).await.unwrap(), b"good");
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    let result = try_it(bad).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    stop.store(true, Ordering::Relaxed);
    steady.await.unwrap();
    assert!(served.load(Ordering::Relaxed) > 0, "the good target served nothing beside {wrong}");
    result
}

fn blamed(failure: &Failure, kind: Kind, code: &str) {
    assert_eq!((failure.kind, failure.code.as_deref()), (kind, Some(code)), "{failure:?}");
    assert_eq!(failure.origin.plugin.as_deref(), Some("hostile"));
    assert_eq!(failure.origin.target.as_deref(), Some("bad"));
}

async fn head(objects: &Arc<dyn Objects>) -> Outcome<u64> {
    objects.head("main", "k", GetOptions::default()).await.map(|object| object.size)
}

async fn put(objects: &Arc<dyn Objects>, bytes: usize) -> Outcome<u64> {
    objects.put("main", "k", content(vec![1; bytes]), "1", PutOptions::default()).await.map(|object| object.size)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_is_stopped_by_its_cpu_budget() {
    let failure = beside_a_good_one("loop", short(), async |bad| head(&bad).await.unwrap_err()).await;
    blamed(&failure, Kind::PluginFault, "cpu-budget");
    assert_eq!(failure.retry, Retry::AtOnce);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_waits_for_ever_ends_at_its_deadline() {
    let limits = Limits { call_deadline: Duration::from_millis(600), ..short() };
    let failure = beside_a_good_one("park", limits, async |bad| head(&bad).await.unwrap_err()).await;
    blamed(&failure, Kind::TimedOut, "deadline");
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_without_end_is_refused_and_named() {
    let failure = beside_a_good_one("grow", short(), async |bad| head(&bad).await.unwrap_err()).await;
    blamed(&failure, Kind::PluginFault, "memory-limit");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_costs_its_store_and_the_next_call_has_another() {
    beside_a_good_one("trap", short(), async |bad| {
        for _ in 0..5 {
            let failure = head(&bad).await.unwrap_err();
            if failure.code.as_deref() == Some("restart-pause") {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
            blamed(&failure, Kind::PluginFault, "trap");
            assert!(failure.detail.as_ref().unwrap().contains("this plugin traps on purpose"), "{failure:?}");
            assert!(!failure.maybe_done);
        }
        let failure = bad.delete_many("main", vec!["k".to_owned()], "1").await.unwrap_err();
        assert!(failure.maybe_done || failure.code.as_deref() == Some("restart-pause"), "{failure:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_in_the_middle_of_a_transfer_ends_the_transfer_with_a_failure() {
    beside_a_good_one("trap-in-transfer", short(), async |bad| {
        let failure = put(&bad, 4 << 20).await.unwrap_err();
        blamed(&failure, Kind::PluginFault, "trap");
        assert!(failure.maybe_done);
        tokio::time::sleep(Duration::from_millis(20)).await;
        // The download began well; its body must not end as if it were whole.
        let (_, body) = bad.get("main", "k", None, GetOptions::default()).await.unwrap();
        assert!(collect(body).await.is_err());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overfull_page_is_refused_and_an_endless_list_stays_one_page_a_call() {
    let list = async |bad: Arc<dyn Objects>| bad.list("main", ListOptions { limit: 10, ..ListOptions::default() }).await;
    let failure = beside_a_good_one("overfull-page", short(), list).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Corrupt, Some("list-overlong")));
    let page = beside_a_good_one("endless-list", short(), list).await.unwrap();
    assert!(page.entries.len() <= 10 && page.next.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn lies_about_size_and_hash_are_caught_in_the_answer() {
    let failure = beside_a_good_one("lie-about-size", short(), async |bad| put(&bad, 1000).await.unwrap_err()).await;
    assert_eq!((failure.kind, failure.code.as_deref(), failure.blame), (Kind::Corrupt, Some("size-mismatch"), Blame::Plugin));
    let failure = beside_a_good_one("lie-about-hash", short(), async |bad| put(&bad, 1000).await.unwrap_err()).await;
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Corrupt, Some("checksum-mismatch")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_without_end_is_cut_at_its_announced_length() {
    let failure = beside_a_good_one("endless-download", short(), async |bad| {
        let (_, body) = bad.get("main", "k", None, GetOptions::default()).await.unwrap();
        collect(body).await.unwrap_err()
    })
    .await;
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Corrupt, Some("body-overlong")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_nobody_granted_is_denied_with_the_command_that_would_grant_it() {
    let failure = beside_a_good_one("ungranted-host", short(), async |bad| head(&bad).await.unwrap_err()).await;
    assert_eq!(failure.kind, Kind::Denied);
    assert_eq!(failure.origin.plugin.as_deref(), Some("hostile"));
    assert!(failure.next_step.unwrap().contains("capstan grant allow bad connect 169.254.169.254:80"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_floods_its_log_is_only_slowed_by_its_own_words() {
    let outcome = beside_a_good_one("chatter", short(), async |bad| head(&bad).await).await;
    assert_eq!(outcome.unwrap_err().kind, Kind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_takes_its_siblings_in_the_store_with_it_and_tells_them() {
    let bench = bench(short());
    bench.serve(fixture("hostile")).await;
    let bad = bench.runtime.open_target(target("bad", "hostile", json!({ "misbehave": "loop" }))).objects().unwrap();
    let calls = (0..8).map(|_| head(&bad));
    for outcome in futures::future::join_all(calls).await {
        let failure = outcome.unwrap_err();
        blamed(&failure, Kind::PluginFault, "cpu-budget");
        assert_eq!(failure.retry, Retry::AtOnce);
    }
    assert_eq!(bench.runtime.metrics().traps.load(Ordering::Relaxed), 1);
    assert_eq!(bench.runtime.metrics().in_flight.load(Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_in_a_large_transfer_costs_no_other_call_of_the_same_target() {
    let bench = bench(Limits { large_bytes: 1 << 20, ..short() });
    bench.serve(fixture("hostile-shared")).await;
    let settings = target("bad", "hostile-shared", json!({ "misbehave": "trap-in-transfer" }));
    let bad = bench.runtime.open_target(settings).objects().unwrap();
    let crashes = futures::future::join_all((0..2).map(|_| put(&bad, 4 << 20)));
    let steady = async {
        for _ in 0..50 {
            bad.list("main", ListOptions { limit: 10, ..ListOptions::default() }).await.unwrap();
        }
    };
    let (crashed, ()) = tokio::join!(crashes, steady);
    assert!(crashed.iter().all(|outcome| outcome.as_ref().is_err_and(|failure| failure.kind == Kind::PluginFault)));
    let metrics = bench.runtime.metrics();
    assert_eq!(metrics.traps.load(Ordering::Relaxed), 2);
    assert_eq!(metrics.restarts.load(Ordering::Relaxed), 0);
}

async fn until(wanted: impl Fn(&Event) -> bool, mut events: tokio::sync::broadcast::Receiver<Event>) -> Event {
    let wait = async {
        loop {
            let event = events.recv().await.unwrap();
            if wanted(&event) {
                return event;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_uses_up_its_restart_budget_is_quarantined_until_it_is_activated_again() {
    let bench = bench(Limits { restart_budget: 4, health_faults: 100, ..short() });
    let events = bench.runtime.events();
    bench.serve(fixture("hostile")).await;
    let bad = bench.runtime.open_target(target("bad", "hostile", json!({ "misbehave": "trap" }))).objects().unwrap();
    let mut last = None;
    for _ in 0..200 {
        let failure = head(&bad).await.unwrap_err();
        let quarantined = failure.code.as_deref() == Some("quarantined");
        last = Some(failure);
        if quarantined {
            break;
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    blamed(&last.unwrap(), Kind::Unavailable, "quarantined");
    until(|event| matches!(event, Event::Quarantined { plugin, .. } if plugin == "hostile"), events).await;
    let record = bench.runtime.versions(Some("hostile")).remove(0);
    assert!(matches!(record.state, VersionState::Quarantined { .. }));
    bench.runtime.activate("hostile", "0.1.0").await.unwrap();
    assert_ne!(head(&bad).await.unwrap_err().code.as_deref(), Some("quarantined"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_that_crashes_in_its_health_window_is_rolled_back_by_itself() {
    let bench = bench(short());
    let events = bench.runtime.events();
    bench.serve(plugin("memory")).await;
    let objects = bench.runtime.open_target(target("t", "memory", json!({}))).objects().unwrap();
    assert_eq!(head(&objects).await.unwrap_err().kind, Kind::NotFound);
    bench.serve(fixture("memory-broken")).await;
    for _ in 0..200 {
        if head(&objects).await.unwrap_err().kind == Kind::NotFound {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let event = until(|event| matches!(event, Event::RolledBack { .. }), events).await;
    assert!(matches!(event, Event::RolledBack { from, to, .. } if from == "0.3.0" && to == "0.1.0"));
    assert_eq!(head(&objects).await.unwrap_err().kind, Kind::NotFound);
    let states: Vec<_> =
        bench.runtime.versions(Some("memory")).into_iter().map(|record| (record.version, record.state)).collect();
    assert!(states.contains(&("0.1.0".to_owned(), VersionState::Active)));
    assert!(states.iter().any(|(version, state)| version == "0.3.0" && matches!(state, VersionState::Quarantined { .. })));
}
