//! Calls that go well: small and large, through long-lived stores and through stores of their own.

use std::sync::atomic::Ordering;

use crate::support::{Bench, bench, collect, content, plugin, server, short, target};
use capstan_domain::failure::Kind;
use capstan_domain::ports::{ByteRange, GetOptions, ListOptions, PutOptions};
use capstan_domain::secret::SecretText;
use capstan_grants::{Granted, requested};
use capstan_runtime::{Limits, TargetSettings};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_put_listed_read_and_deleted() {
    let bench = bench(short());
    bench.serve(plugin("memory")).await;
    let connection = bench.runtime.open_target(target("t", "memory", json!({})));
    let objects = connection.objects().unwrap();
    assert!(connection.uploads().is_some() && connection.files().is_none());
    let data: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    let stored = objects.put("main", "a/b", content(data.clone()), "try-1", PutOptions::default()).await.unwrap();
    assert_eq!(stored.size, 300_000);
    let (object, body) = objects.get("main", "a/b", None, GetOptions::default()).await.unwrap();
    assert_eq!(object.size, 300_000);
    assert_eq!(collect(body).await.unwrap(), data);
    let range = Some(ByteRange { offset: 1000, length: Some(500) });
    let (_, body) = objects.get("main", "a/b", range, GetOptions::default()).await.unwrap();
    assert_eq!(collect(body).await.unwrap(), data[1000..1500]);
    let page = objects.list("main", ListOptions { limit: 10, ..ListOptions::default() }).await.unwrap();
    assert_eq!(page.entries.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["a/b"]);
    let gone = objects.delete_many("main", vec!["a/b".to_owned()], "try-2").await.unwrap();
    assert!(gone.iter().all(|outcome| outcome.result.is_ok()));
    let failure = objects.head("main", "a/b", GetOptions::default()).await.unwrap_err();
    assert_eq!(failure.kind, Kind::NotFound);
    let origin = &failure.origin;
    assert_eq!(origin.plugin.as_deref(), Some("memory"));
    assert_eq!(origin.version.as_deref(), Some("0.1.0"));
    assert_eq!(origin.function.as_deref(), Some("objects.head"));
    assert_eq!(origin.target.as_deref(), Some("t"));
    assert_eq!(origin.digest.as_ref().map(String::len), Some(64));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_given_up_frees_its_place() {
    let bench = bench(Limits { calls_per_store: 2, ..short() });
    bench.serve(plugin("memory")).await;
    let objects = bench.runtime.open_target(target("t", "memory", json!({}))).objects().unwrap();
    objects.put("main", "k", content(vec![7; 2_000_000]), "1", PutOptions::default()).await.unwrap();
    for _ in 0..10 {
        let (_, body) = objects.get("main", "k", None, GetOptions::default()).await.unwrap();
        drop(body);
    }
    let (_, body) = objects.get("main", "k", None, GetOptions::default()).await.unwrap();
    assert_eq!(collect(body).await.unwrap().len(), 2_000_000);
}

/// An s3 target on the test's own server, granted by its configuration as an administrator's create would.
pub(crate) async fn s3(bench: &Bench, name: &str, server: &server::Server) -> TargetSettings {
    let configuration = json!({
        "endpoint": format!("http://{}", server.address), "region": "us-east-1", "access-key": "key",
        "addressing": "path", "payload-signing": "unsigned", "checksum": "none"
    });
    let mut settings = target(name, "s3", configuration);
    settings.secrets = vec![("secret-key".to_owned(), SecretText::new("secret"))];
    let description = bench.runtime.versions(Some("s3")).remove(0).description.unwrap();
    let wanted = requested(&description.grants, &settings.configuration).unwrap();
    settings.grants = wanted
        .into_iter()
        .map(|one| Granted { power: one.power, configured: one.configured })
        .filter(|grant| grant.configured)
        .collect();
    settings
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_take_a_store_of_their_own_and_never_enter_it() {
    let bench = bench(Limits { large_bytes: 1 << 20, ..short() });
    let server = server::start().await;
    bench.serve(plugin("s3")).await;
    let settings = s3(&bench, "s3", &server).await;
    let objects = bench.runtime.open_target(settings).objects().unwrap();
    let metrics = bench.runtime.metrics();
    const SIZE: usize = 24 << 20;
    let stored = objects.put("bucket", "size-1", content(vec![b'y'; SIZE]), "1", PutOptions::default()).await.unwrap();
    assert_eq!(stored.size, SIZE as u64);
    assert_eq!(server.received.load(Ordering::Relaxed), SIZE as u64);
    let range = Some(ByteRange { offset: 0, length: Some(SIZE as u64) });
    let (_, body) = objects.get("bucket", &format!("size-{SIZE}"), range, GetOptions::default()).await.unwrap();
    assert_eq!(collect(body).await.unwrap().len(), SIZE);
    assert_eq!(metrics.fresh_stores.load(Ordering::Relaxed), 2);
    assert!(metrics.streams.unwrapped.load(Ordering::Relaxed) >= 2);
    assert_eq!(metrics.streams.piped.load(Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn small_calls_share_a_few_stores() {
    let bench = bench(Limits { stores_per_target: 2, ..short() });
    let server = server::start().await;
    bench.serve(plugin("s3")).await;
    let settings = s3(&bench, "s3", &server).await;
    let objects = bench.runtime.open_target(settings).objects().unwrap();
    let calls = (0..400).map(|n| {
        let objects = objects.clone();
        async move { objects.head("bucket", &format!("size-{n}"), GetOptions::default()).await.unwrap() }
    });
    let sizes: Vec<u64> = futures::future::join_all(calls).await.into_iter().map(|object| object.size).collect();
    assert_eq!(sizes, (0..400).collect::<Vec<u64>>());
    let metrics = bench.runtime.metrics();
    assert_eq!(metrics.starts.load(Ordering::Relaxed), 2);
    assert_eq!(metrics.fresh_stores.load(Ordering::Relaxed), 0);
    // A call gives its place back a moment after its answer.
    for _ in 0..200 {
        if metrics.in_flight.load(Ordering::Relaxed) == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("a place is not given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_without_its_grants_is_unavailable_and_names_them_all() {
    let bench = bench(short());
    let server = server::start().await;
    bench.serve(plugin("s3")).await;
    let mut settings = s3(&bench, "s3", &server).await;
    let granted = std::mem::take(&mut settings.grants);
    let failure = bench.runtime.check(&settings).await.unwrap_err();
    assert_eq!(failure.kind, Kind::Denied);
    let expected = format!("capstan grant allow s3 connect {}", server.address);
    assert!(failure.next_step.as_ref().unwrap().contains(&expected), "{failure:?}");
    let connection = bench.runtime.open_target(settings.clone());
    assert_eq!(connection.probe().await.unwrap_err().kind, Kind::Denied);
    settings.grants = granted;
    bench.runtime.check(&settings).await.unwrap();
    bench.runtime.update_target(settings.clone()).await.unwrap();
    connection.objects().unwrap().head("bucket", "size-5", GetOptions::default()).await.unwrap();
    // Revoked: the next call is refused, without a new store.
    settings.grants.clear();
    assert_eq!(bench.runtime.update_target(settings).await.unwrap_err().kind, Kind::Denied);
    assert_eq!(connection.probe().await.unwrap_err().kind, Kind::Denied);
}
