//! Versions and configurations exchanged under running calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::support::{bench, collect, fixture, plugin, server, short, target};
use capstan_domain::ports::{GetOptions, Objects};
use capstan_grants::{Granted, requested};
use capstan_runtime::{Limits, TargetStatus};
use serde_json::json;

const WORKERS: usize = 32;

/// Calls from many sides until told to stop; answers how many calls there were and the longest one.
async fn hammer<F>(stop: Arc<AtomicBool>, call: impl Fn(usize) -> F + Clone + Send + 'static) -> (u64, Duration)
where
    F: Future<Output = ()> + Send,
{
    let calls = Arc::new(AtomicU64::new(0));
    let workers = (0..WORKERS).map(|worker| {
        let (stop, calls, call) = (Arc::clone(&stop), Arc::clone(&calls), call.clone());
        tokio::spawn(async move {
            let mut longest = Duration::ZERO;
            while !stop.load(Ordering::Relaxed) {
                let begun = Instant::now();
                call(worker).await;
                longest = longest.max(begun.elapsed());
                calls.fetch_add(1, Ordering::Relaxed);
            }
            longest
        })
    });
    let mut longest = Duration::ZERO;
    for worker in workers.collect::<Vec<_>>() {
        longest = longest.max(worker.await.unwrap());
    }
    (calls.load(Ordering::Relaxed), longest)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_fails_while_versions_are_swapped() {
    let bench = bench(Limits { large_bytes: 100_000, queue_wait: Duration::from_secs(60), ..short() });
    let server = server::start().await;
    let old = bench.serve(plugin("s3")).await;
    let new = bench.install(fixture("s3-next")).await;
    assert_ne!(old.version, new.version);
    let configuration = json!({
        "endpoint": format!("http://{}", server.address), "access-key": "key", "addressing": "path", "payload-signing": "unsigned",
        "checksum": "none"
    });
    let mut settings = target("s3", "s3", configuration);
    settings.secrets = vec![("secret-key".to_owned(), capstan_domain::secret::SecretText::new("secret"))];
    let wanted = requested(&old.description.unwrap().grants, &settings.configuration).unwrap();
    settings.grants = wanted.into_iter().map(|one| Granted { power: one.power, configured: true }).collect();
    let id = settings.id;
    let objects: Arc<dyn Objects> = bench.runtime.open_target(settings).objects().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let call = move |worker: usize| {
        let objects = Arc::clone(&objects);
        async move {
            if worker.is_multiple_of(4) {
                let range = Some(capstan_domain::ports::ByteRange { offset: 0, length: Some(300_000) });
                let (_, body) = objects.get("b", "size-300000", range, GetOptions::default()).await.unwrap();
                assert_eq!(collect(body).await.unwrap().len(), 300_000);
            } else {
                assert_eq!(objects.head("b", "size-7", GetOptions::default()).await.unwrap().size, 7);
            }
        }
    };
    let working = tokio::spawn(hammer(Arc::clone(&stop), call));
    let mut swaps = Vec::new();
    for round in 0..8 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let version = if round % 2 == 0 { &new.version } else { &old.version };
        let begun = Instant::now();
        bench.runtime.activate("s3", version).await.unwrap();
        swaps.push(begun.elapsed());
        assert_eq!(bench.runtime.status(id), Some(TargetStatus::Serving { version: version.clone() }));
    }
    stop.store(true, Ordering::Relaxed);
    let (calls, longest) = working.await.unwrap();
    println!("{calls} calls over 8 swaps, longest {longest:?}, swaps {swaps:?}");
    assert!(calls > 200, "{calls}");
    let metrics = bench.runtime.metrics();
    assert_eq!(metrics.failures.load(Ordering::Relaxed), 0);
    assert_eq!(metrics.traps.load(Ordering::Relaxed), 0);
    assert_eq!(metrics.in_flight.load(Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exclusive_session_is_handed_over_and_no_call_fails() {
    let bench = bench(Limits { queue_wait: Duration::from_secs(60), ..short() });
    bench.serve(plugin("memory")).await;
    let next = bench.install(fixture("memory-next")).await;
    let connection = bench.runtime.open_target(target("t", "memory", json!({})));
    let stop = Arc::new(AtomicBool::new(false));
    let objects = connection.objects().unwrap();
    let call = move |_| {
        let objects = Arc::clone(&objects);
        async move {
            assert_eq!(objects.list_locations().await.unwrap().len(), 1);
        }
    };
    let working = tokio::spawn(hammer(Arc::clone(&stop), call));
    for round in 0..6 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        bench.runtime.activate("memory", if round % 2 == 0 { &next.version } else { "0.1.0" }).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let (calls, _) = working.await.unwrap();
    assert!(calls > 100, "{calls}");
    assert_eq!(bench.runtime.metrics().failures.load(Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_returns_to_the_version_before_and_a_pin_stays_where_it_is() {
    let bench = bench(short());
    bench.serve(plugin("memory")).await;
    let follows = target("follows", "memory", json!({}));
    let mut pinned = target("pinned", "memory", json!({}));
    pinned.pinned = Some("0.1.0".to_owned());
    let (follows_id, pinned_id) = (follows.id, pinned.id);
    bench.runtime.open_target(follows);
    bench.runtime.open_target(pinned);
    let serving = |version: &str| Some(TargetStatus::Serving { version: version.to_owned() });
    assert_eq!(bench.runtime.rollback("memory").await.unwrap_err().code.as_deref(), Some("no-earlier-version"));
    let next = bench.serve(fixture("memory-next")).await;
    assert_eq!(bench.runtime.status(follows_id), serving(&next.version));
    assert_eq!(bench.runtime.status(pinned_id), serving("0.1.0"));
    let activation = bench.runtime.rollback("memory").await.unwrap();
    assert_eq!((activation.from.as_deref(), activation.to.as_str()), (Some(next.version.as_str()), "0.1.0"));
    assert_eq!(bench.runtime.status(follows_id), serving("0.1.0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_configuration_makes_new_stores() {
    let bench = bench(short());
    bench.serve(plugin("memory")).await;
    let mut settings = target("t", "memory", json!({ "locations": ["a"] }));
    let objects = bench.runtime.open_target(settings.clone()).objects().unwrap();
    assert_eq!(objects.list_locations().await.unwrap()[0].name, "a");
    settings.configuration = json!({ "locations": ["b"] });
    bench.runtime.update_target(settings.clone()).await.unwrap();
    assert_eq!(objects.list_locations().await.unwrap()[0].name, "b");
    settings.configuration = json!({ "locations": [""] });
    assert_eq!(bench.runtime.check(&settings).await.unwrap_err().code.as_deref(), Some("configuration-invalid"));
    bench.runtime.close_target(settings.id);
    assert!(bench.runtime.connection(settings.id).is_none());
}
