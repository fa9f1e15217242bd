//! What happens at the bounds: too many calls, spent stores, bodies that would hold a store, powers taken away.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::calls::s3;
use crate::support::{bench, collect, content, fixture, plugin, server, short, target};
use capstan_domain::failure::{Blame, Kind, Retry};
use capstan_domain::ports::{ByteRange, GetOptions, ListOptions, Objects, PutOptions};
use capstan_runtime::Limits;
use futures::StreamExt;
use serde_json::json;

fn page() -> ListOptions {
    ListOptions { limit: 10, ..ListOptions::default() }
}

async fn parked(objects: &Arc<dyn Objects>, calls: usize) -> Vec<tokio::task::JoinHandle<()>> {
    let calls = (0..calls).map(|_| {
        let objects = Arc::clone(objects);
        tokio::spawn(async move { drop(objects.head("main", "k", GetOptions::default()).await) })
    });
    let calls = calls.collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    calls
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_finds_no_place_in_time_is_refused_as_busy() {
    let limits = Limits { stores_per_target: 1, calls_per_store: 2, queue_wait: Duration::from_millis(50), ..short() };
    let bench = bench(Limits { call_deadline: Duration::from_secs(30), ..limits });
    bench.serve(fixture("hostile-shared")).await;
    let settings = target("t", "hostile-shared", json!({ "misbehave": "park" }));
    let objects = bench.runtime.open_target(settings).objects().unwrap();
    let _parked = parked(&objects, 2).await;
    let failure = objects.head("main", "k", GetOptions::default()).await.unwrap_err();
    assert_eq!((failure.kind, failure.blame, failure.retry), (Kind::Busy, Blame::Host, Retry::Later));
    assert_eq!(failure.code.as_deref(), Some("target-queue-full"));
    let metrics = bench.runtime.metrics();
    assert_eq!((metrics.busy.load(Ordering::Relaxed), metrics.waiting.load(Ordering::Relaxed)), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_full_refuses_at_once() {
    let limits =
        Limits { stores_per_target: 1, calls_per_store: 1, queue_depth: 1, queue_wait: Duration::from_secs(20), ..short() };
    let bench = bench(Limits { call_deadline: Duration::from_secs(30), ..limits });
    bench.serve(fixture("hostile-shared")).await;
    let settings = target("t", "hostile-shared", json!({ "misbehave": "park" }));
    let objects = bench.runtime.open_target(settings).objects().unwrap();
    let _parked = parked(&objects, 2).await;
    assert_eq!(bench.runtime.metrics().waiting.load(Ordering::Relaxed), 1);
    let refused = tokio::time::timeout(Duration::from_secs(5), objects.head("main", "k", GetOptions::default()));
    assert_eq!(refused.await.unwrap().unwrap_err().code.as_deref(), Some("target-queue-full"));
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_that_all_targets_share_run_out_as_busy() {
    let bench = bench(Limits { stores: 1, queue_wait: Duration::from_millis(50), ..short() });
    bench.serve(fixture("hostile-shared")).await;
    let open = |name| bench.runtime.open_target(target(name, "hostile-shared", json!({}))).objects().unwrap();
    let (first, second) = (open("first"), open("second"));
    first.list("main", page()).await.unwrap();
    let failure = second.list("main", page()).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Busy, Some("stores-exhausted")));
    first.list("main", page()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_store_is_replaced_after_its_calls_and_no_call_notices() {
    let bench = bench(Limits { stores_per_target: 1, recycle_calls: 10, ..short() });
    bench.serve(fixture("hostile-shared")).await;
    let objects = bench.runtime.open_target(target("t", "hostile-shared", json!({}))).objects().unwrap();
    for _ in 0..45 {
        objects.list("main", page()).await.unwrap();
    }
    let metrics = bench.runtime.metrics();
    assert_eq!(metrics.recycled.load(Ordering::Relaxed), 4);
    assert_eq!(metrics.starts.load(Ordering::Relaxed), 5);
    assert_eq!((metrics.restarts.load(Ordering::Relaxed), metrics.failures.load(Ordering::Relaxed)), (0, 0));
    settle("stores", || metrics.stores.load(Ordering::Relaxed) == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exclusive_store_is_replaced_after_its_calls_and_never_held_twice() {
    let bench = bench(Limits { recycle_calls: 10, ..short() });
    bench.serve(fixture("hostile")).await;
    let objects = bench.runtime.open_target(target("t", "hostile", json!({}))).objects().unwrap();
    objects.put("main", "k", content("held by the first store"), "1", PutOptions::default()).await.unwrap();
    let metrics = bench.runtime.metrics();
    let call = || {
        let objects = Arc::clone(&objects);
        async move { objects.list("main", page()).await.unwrap().entries.len() }
    };
    assert_eq!(call().await, 1);
    for round in 1..=5 {
        // Many at a time, so that some are in flight when the session is handed over.
        futures::future::join_all((0..12).map(|_| call())).await;
        settle("the hand-over", || metrics.recycled.load(Ordering::Relaxed) >= round).await;
        assert!(metrics.stores.load(Ordering::Relaxed) <= 1);
    }
    assert_eq!(call().await, 0, "the session was never handed over");
    assert_eq!(metrics.failures.load(Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exclusive_store_that_hangs_is_gone_before_the_next_begins() {
    let bench = bench(Limits { call_deadline: Duration::from_millis(300), drain_deadline: Duration::from_secs(60), ..short() });
    bench.serve(fixture("hostile")).await;
    let objects = bench.runtime.open_target(target("t", "hostile", json!({ "misbehave": "park" }))).objects().unwrap();
    for _ in 0..3 {
        let failure = objects.head("main", "k", GetOptions::default()).await.unwrap_err();
        assert_eq!(failure.code.as_deref(), Some("deadline"));
        assert!(bench.runtime.metrics().stores.load(Ordering::Relaxed) <= 1);
    }
    assert_eq!(bench.runtime.metrics().starts.load(Ordering::Relaxed), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_of_unknown_length_that_comes_through_a_store_has_one_of_its_own() {
    // The fixture makes up a body of a megabyte for a key nobody put.
    let bench = bench(Limits { large_bytes: 1 << 20, stores_per_target: 1, calls_per_store: 1, ..short() });
    bench.serve(fixture("hostile-shared")).await;
    let settings = target("t", "hostile-shared", json!({ "misbehave": "endless-download" }));
    let objects = bench.runtime.open_target(settings).objects().unwrap();
    let metrics = bench.runtime.metrics();
    let (object, mut body) = objects.get("main", "k", None, GetOptions::default()).await.unwrap();
    assert_eq!(object.size, 1 << 20);
    assert!(body.next().await.unwrap().is_ok());
    assert_eq!(metrics.fresh_stores.load(Ordering::Relaxed), 1);
    // The one place of the long-lived store is free while the body is read.
    tokio::time::timeout(Duration::from_secs(2), objects.list("main", page())).await.unwrap().unwrap();
    drop(body);
    // A piece that is known to be small stays where it is.
    let range = Some(ByteRange { offset: 0, length: Some(1000) });
    drop(objects.get("main", "k", range, GetOptions::default()).await.unwrap());
    assert_eq!(metrics.fresh_stores.load(Ordering::Relaxed), 1);
    settle("stores", || metrics.stores.load(Ordering::Relaxed) == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_taken_away_cuts_what_is_under_way_also_on_a_version_that_drains() {
    for swapped in [false, true] {
        let bench = bench(Limits { drain_deadline: Duration::from_secs(60), ..short() });
        let server = server::start().await;
        bench.serve(plugin("s3")).await;
        let mut settings = s3(&bench, "s3", &server).await;
        let objects = bench.runtime.open_target(settings.clone()).objects().unwrap();
        let (_, mut body) = objects.get("bucket", "stalls-1000000", None, GetOptions::default()).await.unwrap();
        assert!(body.next().await.unwrap().is_ok());
        if swapped {
            bench.serve(fixture("s3-next")).await;
        }
        let waiting = tokio::spawn(async move {
            while let Some(chunk) = body.next().await {
                chunk?;
            }
            Ok::<_, capstan_domain::Failure>(())
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!waiting.is_finished(), "the server stalls");
        settings.grants.clear();
        assert_eq!(bench.runtime.update_target(settings).await.unwrap_err().kind, Kind::Denied);
        let failure = tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap().unwrap_err();
        assert_eq!(failure.kind, Kind::Denied, "swapped: {swapped}: {failure:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_read_to_its_end_leaves_nothing_in_its_store() {
    let bench = bench(Limits { stores_per_target: 1, calls_per_store: 1, ..short() });
    bench.serve(fixture("hostile-shared")).await;
    let objects = bench.runtime.open_target(target("t", "hostile-shared", json!({}))).objects().unwrap();
    objects.put("main", "k", content(vec![3; 500_000]), "1", PutOptions::default()).await.unwrap();
    for _ in 0..5 {
        let (_, body) = objects.get("main", "k", None, GetOptions::default()).await.unwrap();
        assert_eq!(collect(body).await.unwrap().len(), 500_000);
    }
    assert_eq!(bench.runtime.metrics().in_flight.load(Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_caller_left_still_ends_at_its_deadline() {
    let limits = Limits { call_deadline: Duration::from_millis(300), drain_deadline: Duration::from_millis(100), ..short() };
    let bench = bench(limits);
    bench.serve(fixture("hostile-shared")).await;
    let settings = target("t", "hostile-shared", json!({ "misbehave": "park" }));
    let objects = bench.runtime.open_target(settings).objects().unwrap();
    let left = tokio::time::timeout(Duration::from_millis(50), objects.head("main", "k", GetOptions::default()));
    assert!(left.await.is_err());
    let metrics = bench.runtime.metrics();
    assert_eq!(metrics.in_flight.load(Ordering::Relaxed), 1, "the guest knows nothing of it");
    settle("the call", || metrics.in_flight.load(Ordering::Relaxed) == 0).await;
    assert_eq!(metrics.deadlines.load(Ordering::Relaxed), 1);
}

/// Waits for what ends a moment later than the call that caused it.
pub(crate) async fn settle(what: &str, so: impl Fn() -> bool) {
    for _ in 0..500 {
        if so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} did not settle");
}
