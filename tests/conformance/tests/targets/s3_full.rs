//! S3 services that have no room, and buckets of others: told in the words of each, and whoever reads or removes is let do so.

#![allow(clippy::unwrap_used, reason = "a test that fails here says where")]

use capstan_conformance::content::counting;
use capstan_conformance::fails;
use capstan_conformance::s3::{bucket, host};
use capstan_domain::failure::{Blame, Failure, Kind, Retry};
use capstan_domain::ports::{GetOptions, ListOptions, PutOptions};
use capstan_test_servers::{BusyFront, Rgw, TurnedAway, server_or_skip};
use serde_json::json;

use super::objects::{holds, put};

/// No room, for good, by the target's fault; nothing was made; and somebody is told what to do.
fn full(failure: &Failure, code: &str) {
    assert_eq!((failure.kind, failure.retry, failure.blame), (Kind::NoSpace, Retry::Never, Blame::Target), "{failure:?}");
    assert_eq!((failure.code.as_deref(), failure.maybe_done), (Some(code), false), "{failure:?}");
    assert!(failure.next_step.as_deref().is_some_and(|step| step.to_lowercase().contains("delete")), "{failure:?}");
}

#[tokio::test]
async fn a_bucket_whose_quota_is_used_up_says_so_and_takes_more_when_there_is_room() {
    let rgw = server_or_skip!(Rgw::get());
    let host = host(&rgw.bounded(), json!({})).await.unwrap();
    let (port, bucket) = (host.connection.objects().unwrap(), bucket("quota"));
    port.create_location(&bucket, "create", Vec::new()).await.unwrap();
    let whole = port.put(&bucket, "whole", counting(5 << 20), "whole", PutOptions::default()).await.unwrap_err();
    full(&whole, "QuotaExceeded");
    put(&*port, &bucket, "there", 3 << 20).await;
    let more = port.put(&bucket, "more", counting(2 << 20), "more", PutOptions::default()).await.unwrap_err();
    full(&more, "QuotaExceeded");
    // What is there is read, listed and removed as ever; of what was refused nothing is seen.
    holds(&*port, &bucket, "there", 3 << 20).await;
    let page = port.list(&bucket, ListOptions { limit: 10, ..ListOptions::default() }).await.unwrap();
    assert_eq!(page.entries.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["there"]);
    for outcome in port.delete_many(&bucket, vec!["there".to_owned()], "delete").await.unwrap() {
        outcome.result.unwrap();
    }
    put(&*port, &bucket, "more", 2 << 20).await;
    holds(&*port, &bucket, "more", 2 << 20).await;
}

#[tokio::test]
async fn a_part_that_does_not_fit_says_so_and_the_upload_is_given_up_without_a_trace() {
    let rgw = server_or_skip!(Rgw::get());
    let host = host(&rgw.bounded(), json!({})).await.unwrap();
    let (port, parts) = (host.connection.objects().unwrap(), host.connection.uploads().unwrap());
    let bucket = bucket("quota-parts");
    port.create_location(&bucket, "create", Vec::new()).await.unwrap();
    let size = 10 << 20;
    let begun = parts.begin(&bucket, "large", size, "begin", PutOptions::default()).await.unwrap();
    assert!(begun.part_size > Rgw::BUCKET_QUOTA);
    let part = parts.put_part(&bucket, "large", &begun.id, 1, counting(size), (0, begun.part_size)).await;
    full(&part.unwrap_err(), "QuotaExceeded");
    assert!(parts.list_parts(&bucket, "large", &begun.id, 0, 10).await.unwrap().is_empty());
    fails(port.head(&bucket, "large", GetOptions::default()).await, Kind::NotFound, "an upload that was refused").unwrap();
    parts.abort(&bucket, "large", &begun.id).await.unwrap();
    assert!(rgw.bounded().unfinished(&bucket).unwrap().is_empty());
    put(&*port, &bucket, "small", 1 << 20).await;
}

#[tokio::test]
async fn other_services_say_in_other_words_that_they_are_full() {
    let rgw = server_or_skip!(Rgw::get());
    let front = BusyFront::start(&rgw.s3).unwrap();
    let host = host(&front.s3, json!({})).await.unwrap();
    let (port, parts) = (host.connection.objects().unwrap(), host.connection.uploads().unwrap());
    let bucket = bucket("full");
    rgw.s3.create_bucket(&bucket).unwrap();
    put(&*port, &bucket, "there", 10_000).await;
    let begun = parts.begin(&bucket, "parts", 6 << 20, "begin", PutOptions::default()).await.unwrap();
    for (status, code, told) in [
        // MinIO's, of a disk and of a bucket with a quota; what others say of both.
        ("507 Insufficient Storage", Some("XMinioStorageFull"), "XMinioStorageFull"),
        ("400 Bad Request", Some("XMinioAdminBucketQuotaExceeded"), "XMinioAdminBucketQuotaExceeded"),
        ("507 Insufficient Storage", Some("InsufficientStorage"), "InsufficientStorage"),
        ("403 Forbidden", Some("StorageQuotaExceeded"), "StorageQuotaExceeded"),
        // A proxy's, without a document.
        ("507 Insufficient Storage", None, "HTTP 507"),
    ] {
        let how = TurnedAway { status, code, retry_after: Some(1) };
        let before = front.turned_away();
        front.turn_away(1, "PUT", how);
        full(&port.put(&bucket, "new", counting(10_000), "new", PutOptions::default()).await.unwrap_err(), told);
        front.turn_away(1, "PUT", how);
        let part = parts.put_part(&bucket, "parts", &begun.id, 1, counting(6 << 20), (0, 5 << 20)).await;
        full(&part.unwrap_err(), told);
        front.turn_away(1, "PUT", how);
        let copied = port.copy((&bucket, "there"), (&bucket, "copied"), "copy", PutOptions::default()).await;
        full(&copied.unwrap_err(), told);
        // Nobody asks again what has no room for good.
        assert_eq!(front.turned_away() - before, 3, "{told}");
        holds(&*port, &bucket, "there", 10_000).await;
    }
    assert_eq!(rgw.s3.list(&bucket).unwrap(), ["there"]);
    parts.abort(&bucket, "parts", &begun.id).await.unwrap();
}

#[tokio::test]
async fn a_bucket_of_somebody_else_is_denied() {
    let rgw = server_or_skip!(Rgw::get());
    let bucket = bucket("foreign");
    rgw.s3.create_bucket(&bucket).unwrap();
    rgw.s3.put(&bucket, "there", b"somebody else's").unwrap();
    let host = host(&rgw.bounded(), json!({ "buckets": [bucket] })).await.unwrap();
    let (port, parts) = (host.connection.objects().unwrap(), host.connection.uploads().unwrap());
    let removed = port.delete_many(&bucket, vec!["there".to_owned()], "delete").await.unwrap().remove(0).result;
    for (what, outcome) in [
        ("a probe", host.connection.probe().await.map(drop)),
        ("a look", port.head(&bucket, "there", GetOptions::default()).await.map(drop)),
        ("a listing", port.list(&bucket, ListOptions { limit: 5, ..ListOptions::default() }).await.map(drop)),
        ("a read", port.get(&bucket, "there", None, GetOptions::default()).await.map(drop)),
        ("a put", port.put(&bucket, "new", counting(5), "put", PutOptions::default()).await.map(drop)),
        ("an upload", parts.begin(&bucket, "new", 6 << 20, "begin", PutOptions::default()).await.map(drop)),
        ("a removal", removed),
    ] {
        let failure = outcome.unwrap_err();
        assert_eq!((failure.kind, failure.retry, failure.maybe_done), (Kind::Denied, Retry::Never, false), "{what}: {failure:?}");
        assert!(failure.next_step.as_deref().is_some_and(|step| step.contains("permissions")), "{what}: {failure:?}");
    }
    assert_eq!(rgw.s3.get(&bucket, "there").unwrap(), b"somebody else's");
}
