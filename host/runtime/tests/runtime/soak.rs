//! Thousands of calls with everything that goes wrong in between: nothing of it stays.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::bounds::settle;
use crate::support::{Bench, bench, collect, content, fixture, short, target};
use capstan_domain::ids::TargetId;
use capstan_domain::ports::{GetOptions, ListOptions, Objects, PutOptions};
use capstan_runtime::Limits;
use serde_json::json;

/// Rounds of a soak; CI makes do with fewer.
const ROUNDS: usize = 2000;
/// Set to a number, it replaces `ROUNDS`.
const ROUNDS_VARIABLE: &str = "CAPSTAN_SOAK_ROUNDS";
/// What a run of the whole suite has time for.
const ROUNDS_IN_CI: usize = 120;

fn rounds() -> usize {
    match std::env::var(ROUNDS_VARIABLE) {
        Ok(text) if text == "full" => ROUNDS,
        Ok(text) => text.parse().unwrap(),
        Err(_) => ROUNDS_IN_CI,
    }
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Calls that go well, bodies that are read, bodies that are dropped, calls that are given up, crashes, and a swap now and then.
async fn round(bench: &Bench, number: usize, good: &Arc<dyn Objects>, bad: &Arc<dyn Objects>, parked: &Arc<dyn Objects>) {
    let key = format!("k{}", number % 7);
    good.put("main", &key, content(vec![1; 70_000]), "1", PutOptions::default()).await.unwrap();
    let lists = (0..8).map(|_| good.list("main", ListOptions { limit: 10, ..ListOptions::default() }));
    assert!(futures::future::join_all(lists).await.iter().all(Result::is_ok));
    // Several stores serve the target, so the one that is asked may never have seen the key.
    if let Ok((_, body)) = good.get("main", &key, None, GetOptions::default()).await {
        if number.is_multiple_of(2) {
            drop(body);
        } else {
            assert_eq!(collect(body).await.unwrap().len(), 70_000);
        }
    }
    let given_up = tokio::time::timeout(Duration::from_millis(1), parked.head("main", "k", GetOptions::default()));
    assert!(given_up.await.is_err());
    if number.is_multiple_of(4) {
        assert!(bad.head("main", "k", GetOptions::default()).await.is_err());
        let failed = bad.put("main", "k", content(vec![2; 2 << 20]), "1", PutOptions::default()).await;
        assert!(failed.is_err());
    }
    if number.is_multiple_of(10) {
        // The same version again: every target gets new stores, and the old ones drain.
        bench.runtime.activate("hostile-shared", "0.1.0").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_calls_with_crashes_cancels_and_swaps_leave_no_growth() {
    let bench = bench(Limits {
        large_bytes: 1 << 20,
        stores: 96,
        calls_per_store: 512,
        recycle_calls: 100,
        drain_deadline: Duration::from_millis(200),
        call_deadline: Duration::from_millis(500),
        health_faults: 1_000_000,
        restart_budget: 1_000_000,
        ..short()
    });
    bench.serve(fixture("hostile-shared")).await;
    let open = |name: &str, configuration| -> (TargetId, Arc<dyn Objects>) {
        let settings = target(name, "hostile-shared", configuration);
        let id = settings.id;
        (id, bench.runtime.open_target(settings).objects().unwrap())
    };
    let (_, good) = open("good", json!({}));
    let (_, bad) = open("bad", json!({ "misbehave": "trap" }));
    let (_, parked) = open("parked", json!({ "misbehave": "park" }));
    let metrics = bench.runtime.metrics();
    let quiet = || async {
        settle("calls in flight", || metrics.in_flight.load(Ordering::Relaxed) == 0).await;
        // Two for each target, at most.
        settle("stores", || metrics.stores.load(Ordering::Relaxed) <= 6).await;
    };
    // Pools, threads and caches are as large as they get before anything is measured.
    let rounds = rounds();
    for number in 0..rounds / 4 {
        round(&bench, number, &good, &bad, &parked).await;
    }
    quiet().await;
    let (files, entries) = (open_files(), metrics.table_entries.load(Ordering::Relaxed));
    for number in 0..rounds {
        round(&bench, number, &good, &bad, &parked).await;
    }
    quiet().await;
    println!(
        "{} calls, {} stores started, {} for one call, {} lost, {} recycled",
        metrics.calls.load(Ordering::Relaxed),
        metrics.starts.load(Ordering::Relaxed),
        metrics.fresh_stores.load(Ordering::Relaxed),
        metrics.traps.load(Ordering::Relaxed),
        metrics.recycled.load(Ordering::Relaxed),
    );
    assert!(open_files() <= files + 2, "{} files are open, {files} were", open_files());
    assert!(metrics.table_entries.load(Ordering::Relaxed) <= entries);
    assert_eq!(metrics.table_entries.load(Ordering::Relaxed), 0);
    assert_eq!(metrics.waiting.load(Ordering::Relaxed), 0);
}
