//! Clocks that differ: a service that says which time it has is followed; one that cannot be followed is told, with whose clock to
//! set. Ceph's gateway and Swift with its Keystone stand behind a front that tells wrong times.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails here says where")]

use capstan_conformance::content::counting;
use capstan_conformance::fails;
use capstan_conformance::s3::{bucket, host};
use capstan_conformance::swift::cloud_host;
use capstan_domain::failure::{Blame, Failure, Kind, Retry};
use capstan_domain::ports::{GetOptions, PutOptions};
use capstan_test_servers::{BusyFront, Rgw, S3, Swift, TurnedAway, server_or_skip};
use futures::future::join_all;
use serde_json::json;

use super::objects::{holds, put};

const SKEWED: TurnedAway = TurnedAway { status: "403 Forbidden", code: Some("RequestTimeTooSkewed"), retry_after: None };
/// As HEAD is refused: without a document.
const BARE: TurnedAway = TurnedAway { status: "403 Forbidden", code: None, retry_after: None };
const EXPIRED: TurnedAway = TurnedAway { status: "401 Unauthorized", code: None, retry_after: None };
/// Seconds: more than a service takes.
const AHEAD: i64 = 1_200;

fn is_of_clocks(failure: &Failure, blame: Blame) {
    assert_eq!((failure.kind, failure.retry, failure.blame), (Kind::Unauthenticated, Retry::Never, blame), "{failure:?}");
    assert!(failure.message.contains("clocks"), "{failure:?}");
    assert!(failure.next_step.as_deref().is_some_and(|step| step.contains("clock")), "{failure:?}");
}

#[tokio::test]
async fn an_s3_service_whose_clock_cannot_be_followed_is_asked_once_and_says_what_to_do() {
    let rgw = server_or_skip!(Rgw::get());
    let front = BusyFront::start(&rgw.s3).unwrap();
    let bucket = bucket("clock");
    rgw.s3.create_bucket(&bucket).unwrap();
    let host = host(&front.s3, json!({ "checksum": "none" })).await.unwrap();
    let port = host.connection.objects().unwrap();
    put(&*port, &bucket, "there", 10_000).await;
    // It tells no time, or the very time that it refused.
    for told in [None, Some(0)] {
        front.tell_time(told);
        let before = front.turned_away();
        front.turn_away(1, "GET", SKEWED);
        let failure = host.connection.probe().await.unwrap_err();
        is_of_clocks(&failure, Blame::Caller);
        assert_eq!(failure.code.as_deref(), Some("RequestTimeTooSkewed"));
        front.turn_away(1, "GET", SKEWED);
        is_of_clocks(&port.get(&bucket, "there", None, GetOptions::default()).await.err().unwrap(), Blame::Caller);
        front.turn_away(1, "PUT", SKEWED);
        is_of_clocks(&port.put(&bucket, "new", counting(10), "new", PutOptions::default()).await.err().unwrap(), Blame::Caller);
        assert_eq!(front.turned_away() - before, 3, "a clock that cannot be followed is not tried again");
    }
    fails(port.head(&bucket, "new", GetOptions::default()).await, Kind::NotFound, "nothing was stored").unwrap();
    host.connection.probe().await.unwrap();
    holds(&*port, &bucket, "there", 10_000).await;
}

#[tokio::test]
async fn ceph_refuses_what_is_signed_at_another_time_and_is_followed() {
    let rgw = server_or_skip!(Rgw::get());
    let front = BusyFront::start(&rgw.s3).unwrap();
    let bucket = bucket("followed");
    rgw.s3.create_bucket(&bucket).unwrap();
    let mut host = host(&front.s3, json!({ "checksum": "none" })).await.unwrap();
    let port = host.connection.objects().unwrap();
    put(&*port, &bucket, "there", 100_000).await;
    front.tell_time(Some(AHEAD));
    // What is signed by the time that the front told, the gateway itself refuses, and tells its own.
    front.turn_away(1, "GET", SKEWED);
    is_of_clocks(&port.get(&bucket, "there", None, GetOptions::default()).await.err().unwrap(), Blame::Caller);
    holds(&*port, &bucket, "there", 100_000).await;
    for _ in 0..2 {
        // Each instance learns for itself; one that still signs by the front's time would be turned away at that very time.
        host.reopen();
        let port = host.connection.objects().unwrap();
        front.turn_away(1, "HEAD", BARE);
        is_of_clocks(&port.head(&bucket, "there", GetOptions::default()).await.err().unwrap(), Blame::Caller);
        // All of them are signed by the wrong clock before the first one learns the right one.
        let all = join_all((0..16).map(|_| port.head(&bucket, "there", GetOptions::default()))).await;
        assert!(all.iter().all(|one| one.as_ref().is_ok_and(|object| object.size == 100_000)), "{all:?}");
    }
}

#[tokio::test]
async fn a_swift_that_takes_no_new_token_is_asked_twice_and_told_with_its_clock() {
    let swift = server_or_skip!(Swift::get());
    // The front stands before anything that speaks HTTP; only the address counts.
    let (access_key, secret_key, region) = (String::new(), String::new(), String::new());
    let front = BusyFront::start(&S3 { endpoint: swift.cloud.storage_url.clone(), access_key, secret_key, region }).unwrap();
    let host = cloud_host(&swift.cloud, json!({ "storage-url": front.s3.endpoint })).await.unwrap();
    let (port, name) = (host.connection.objects().unwrap(), bucket("clock"));
    port.create_location(&name, "create", Vec::new()).await.unwrap();
    put(&*port, &name, "there", 10_000).await;
    // Keystone's tokens last an hour: each has ended by a clock that is two ahead.
    front.tell_time(Some(7_200));
    front.turn_away(2, "HEAD", EXPIRED);
    let failure = port.head(&name, "there", GetOptions::default()).await.err().unwrap();
    is_of_clocks(&failure, Blame::Target);
    assert_eq!(front.turned_away(), 2, "one new token is tried, and no other");
    assert_eq!(port.head(&name, "there", GetOptions::default()).await.unwrap().size, 10_000);
    // By a clock that is right, the token is not taken for another reason.
    front.tell_time(Some(0));
    front.turn_away(2, "HEAD", EXPIRED);
    let failure = port.head(&name, "there", GetOptions::default()).await.err().unwrap();
    assert_eq!((failure.kind, failure.retry), (Kind::Unauthenticated, Retry::Never), "{failure:?}");
    assert!(failure.next_step.as_deref().is_some_and(|step| step.contains("storage-url")), "{failure:?}");
    assert_eq!(front.turned_away(), 4);
}
