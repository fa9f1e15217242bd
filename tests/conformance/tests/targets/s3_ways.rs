//! The ways to an S3 service: buckets as hosts, temporary credentials, proxies, private authorities, services that are busy, that
//! copy in parts only, that know no ranges.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails here says where")]

use capstan_conformance::check::kept;
use capstan_conformance::content::{counting, same};
use capstan_conformance::fails;
use capstan_conformance::host::{Host, built};
use capstan_conformance::s3::{bucket, ceph, configuration, host};
use capstan_domain::failure::{Kind, Retry};
use capstan_domain::grant::Power;
use capstan_domain::ports::{ByteRange, GetOptions, PutOptions};
use capstan_test_servers::{BusyFront, Proxy, Rclone, Rgw, TlsFront, TurnedAway, server_or_skip};
use serde_json::json;

use super::objects::{holds, put};

/// What the way an object is addressed could change.
const ADDRESSED: &[&str] =
    &["objects/key-*", "objects/put*", "objects/copy*", "objects/range-*", "objects/location*", "uploads/*"];

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_contract_holds_where_a_bucket_is_a_host() {
    let rgw = server_or_skip!(Rgw::get());
    // No DNS knows the names; the proxy does.
    let proxy = Proxy::start().unwrap();
    let by_name = rgw.by_name();
    let more = json!({ "addressing": "virtual", "proxy": proxy.url });
    kept("s3", ceph(&by_name, more.clone()), ADDRESSED).await.unwrap();
    let host = host(&by_name, more).await.unwrap();
    let port = host.connection.objects().unwrap();
    let bucket = bucket("virtual");
    port.create_location(&bucket, "create", Vec::new()).await.unwrap();
    // Who asks by path finds the same objects.
    put(&*port, &bucket, "a b/ü", 11).await;
    assert_eq!(rgw.s3.get(&bucket, "a b/ü").unwrap(), capstan_conformance::content::bytes(0, 11));
    assert!(proxy.requests() > 100, "{} requests came through the proxy", proxy.requests());
}

#[tokio::test]
async fn temporary_credentials_hold_with_their_token_and_not_without() {
    let rgw = server_or_skip!(Rgw::get());
    let bucket = bucket("temporary");
    rgw.s3.create_bucket(&bucket).unwrap();
    let (temporary, token) = rgw.with_tokens().unwrap().temporary().unwrap();
    let configured = configuration(&temporary, json!({ "use-session-token": true }));
    let secrets = [("secret-key", temporary.secret_key.as_str()), ("session-token", token.as_str())];
    let host = Host::start(&built("s3"), configured.clone(), &secrets).await.unwrap();
    let port = host.connection.objects().unwrap();
    host.connection.probe().await.unwrap();
    put(&*port, &bucket, "whole", 100_000).await;
    holds(&*port, &bucket, "whole", 100_000).await;

    let without = configuration(&temporary, json!({}));
    let without = Host::start(&built("s3"), without, &[("secret-key", &temporary.secret_key)]).await.unwrap();
    let failure = without.connection.probe().await.unwrap_err();
    assert!(matches!(failure.kind, Kind::Unauthenticated | Kind::Denied), "{failure:?}");
    let spoilt = token.replace(&token[..4], "AAAA");
    let secrets = [("secret-key", temporary.secret_key.as_str()), ("session-token", spoilt.as_str())];
    let spoilt = Host::start(&built("s3"), configured, &secrets).await.unwrap();
    assert!(spoilt.connection.probe().await.is_err(), "a token that was not given out");
}

#[tokio::test]
async fn a_proxy_is_used_for_http_and_asked_for_its_user() {
    let rgw = server_or_skip!(Rgw::get());
    let proxy = Proxy::with_user("who", "p@ss").unwrap();
    let bucket = bucket("proxied");
    rgw.s3.create_bucket(&bucket).unwrap();
    let known = host(&rgw.s3, json!({ "proxy": format!("http://who:p%40ss@{}", proxy.address()) })).await.unwrap();
    let port = known.connection.objects().unwrap();
    put(&*port, &bucket, "proxied", 300_000).await;
    holds(&*port, &bucket, "proxied", 300_000).await;
    assert!(proxy.requests() >= 2 && proxy.refused() == 0);
    let stranger = host(&rgw.s3, json!({ "proxy": format!("http://{}", proxy.address()) })).await.unwrap();
    let failure = stranger.connection.probe().await.unwrap_err();
    assert!(proxy.refused() > 0 && failure.kind != Kind::Corrupt, "{failure:?}");
    assert_eq!(failure.retry, Retry::Never, "somebody must change the proxy's user first: {failure:?}");
}

#[tokio::test]
async fn a_proxy_nobody_granted_is_never_spoken_to() {
    let rgw = server_or_skip!(Rgw::get());
    let proxy = Proxy::start().unwrap();
    let proxy_port: u16 = proxy.address().rsplit(':').next().unwrap().parse().unwrap();
    let allowed = |power: &Power| !matches!(power, Power::Connect { port, .. } if *port == proxy_port);
    let configured = configuration(&rgw.s3, json!({ "proxy": proxy.url }));
    let secrets = [("secret-key", rgw.s3.secret_key.as_str())];
    let refused = Host::granting(&built("s3"), configured, &secrets, allowed).await.err().unwrap().to_string();
    assert!(refused.starts_with("denied") && refused.contains("grants-missing"), "{refused}");
    assert_eq!((proxy.requests(), proxy.tunnels()), (0, 0));
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_it_is_named_and_never_otherwise() {
    let rgw = server_or_skip!(Rgw::get());
    let front = TlsFront::start(&rgw.s3).unwrap();
    let bucket = bucket("tls");
    rgw.s3.create_bucket(&bucket).unwrap();
    let trusting = host(&front.s3, json!({ "tls-ca": front.authority })).await.unwrap();
    let port = trusting.connection.objects().unwrap();
    trusting.connection.probe().await.unwrap();
    put(&*port, &bucket, "secret", 300_000).await;
    holds(&*port, &bucket, "secret", 300_000).await;

    let stranger = host(&front.s3, json!({})).await.unwrap();
    let failure = stranger.connection.probe().await.unwrap_err();
    assert_eq!((failure.kind, failure.retry), (Kind::Unavailable, Retry::Never), "{failure:?}");
    assert!(failure.next_step.as_deref().is_some_and(|step| step.contains("tls-ca")), "{failure:?}");

    // Through a tunnel the certificate is checked as well, and skipping the check takes its own grant.
    let proxy = Proxy::start().unwrap();
    let tunnelled = host(&front.s3, json!({ "tls-ca": front.authority, "proxy": proxy.url })).await.unwrap();
    let port = tunnelled.connection.objects().unwrap();
    holds(&*port, &bucket, "secret", 300_000).await;
    assert!(proxy.tunnels() > 0 && proxy.requests() == 0);
    let careless = configuration(&front.s3, json!({ "tls-insecure": true }));
    let secrets = [("secret-key", front.s3.secret_key.as_str())];
    let checked = |power: &Power| !matches!(power, Power::InsecureTls { .. });
    let refused = Host::granting(&built("s3"), careless.clone(), &secrets, checked).await.err().unwrap().to_string();
    assert!(refused.starts_with("denied") && refused.contains("grants-missing"), "{refused}");
    let careless = Host::start(&built("s3"), careless, &secrets).await.unwrap();
    careless.connection.probe().await.unwrap();
}

#[tokio::test]
async fn a_copy_above_the_limit_goes_in_parts_and_keeps_what_the_object_was() {
    let rgw = server_or_skip!(Rgw::get());
    let host = host(&rgw.s3, json!({ "single-copy-bytes": 5 << 20 })).await.unwrap();
    let (port, bucket) = (host.connection.objects().unwrap(), bucket("copied"));
    port.create_location(&bucket, "create", Vec::new()).await.unwrap();
    let size = (32 << 20) + 12_345;
    let options = PutOptions {
        content_type: Some("video/mp4".to_owned()),
        metadata: vec![("name".to_owned(), "grün".to_owned())],
        ..PutOptions::default()
    };
    port.put(&bucket, "from", counting(size), "put", options).await.unwrap();
    let copied = port.copy((&bucket, "from"), (&bucket, "to/ü +"), "copy", PutOptions::default()).await.unwrap();
    assert_eq!(copied.size, size);
    assert_eq!(copied.metadata, [("name".to_owned(), "grün".to_owned())]);
    assert!(copied.extras.contains(&("content-type".to_owned(), "video/mp4".to_owned())), "{:?}", copied.extras);
    assert!(copied.etag.as_deref().is_some_and(|tag| tag.ends_with("-7")), "it was copied in seven parts: {copied:?}");
    holds(&*port, &bucket, "to/ü +", size).await;
    // The condition holds for a copy in parts as for any other.
    let if_absent = PutOptions { if_absent: true, ..PutOptions::default() };
    fails(
        port.copy((&bucket, "from"), (&bucket, "to/ü +"), "again", if_absent).await,
        Kind::AlreadyExists,
        "a copy over something",
    )
    .unwrap();
}

#[tokio::test]
async fn an_object_lies_in_the_class_that_was_asked_for() {
    let rgw = server_or_skip!(Rgw::get());
    let host = host(&rgw.s3, json!({ "storage-class": "STANDARD_IA" })).await.unwrap();
    let (port, parts) = (host.connection.objects().unwrap(), host.connection.uploads().unwrap());
    let bucket = bucket("classes");
    port.create_location(&bucket, "create", Vec::new()).await.unwrap();
    put(&*port, &bucket, "usual", 10).await;
    let asked = PutOptions { extras: vec![("storage-class".to_owned(), "GLACIER".to_owned())], ..PutOptions::default() };
    port.put(&bucket, "asked", counting(10), "asked", asked).await.unwrap();
    let begun = parts.begin(&bucket, "in parts", 6 << 20, "begin", PutOptions::default()).await.unwrap();
    let (first, size) = (begun.part_size, 6 << 20);
    let mut put_parts = Vec::new();
    for (number, offset, length) in [(1, 0, first), (2, first, size - first)] {
        put_parts.push(parts.put_part(&bucket, "in parts", &begun.id, number, counting(size), (offset, length)).await.unwrap());
    }
    parts.complete(&bucket, "in parts", &begun.id, put_parts, "complete", PutOptions::default()).await.unwrap();
    for (key, class) in [("usual", "STANDARD_IA"), ("asked", "GLACIER"), ("in parts", "STANDARD_IA")] {
        let head = port.head(&bucket, key, GetOptions::default()).await.unwrap();
        let found = head.extras.iter().find(|(name, _)| name == "storage-class").map(|(_, value)| value.as_str());
        assert_eq!(found, Some(class), "{key}");
    }
    let unknown = PutOptions { extras: vec![("storage-class".to_owned(), "NO_SUCH_CLASS".to_owned())], ..PutOptions::default() };
    fails(port.put(&bucket, "unknown", counting(10), "unknown", unknown).await, Kind::Invalid, "a class nobody knows").unwrap();
}

const SLOW_DOWN: TurnedAway = TurnedAway { status: "503 Slow Down", code: Some("SlowDown"), retry_after: Some(1) };
const TOO_MANY: TurnedAway = TurnedAway { status: "429 Too Many Requests", code: None, retry_after: Some(1) };
const AWAY: TurnedAway = TurnedAway { status: "503 Service Unavailable", code: None, retry_after: None };

#[tokio::test]
async fn a_busy_service_is_asked_again_and_not_before_the_time_it_told() {
    let rgw = server_or_skip!(Rgw::get());
    let front = BusyFront::start(&rgw.s3).unwrap();
    let host = host(&front.s3, json!({})).await.unwrap();
    let (port, bucket) = (host.connection.objects().unwrap(), bucket("busy"));
    rgw.s3.create_bucket(&bucket).unwrap();
    put(&*port, &bucket, "there", 10_000).await;
    // Looks and listings are asked again by the plugin itself.
    for (index, how) in [SLOW_DOWN, TOO_MANY, AWAY].into_iter().enumerate() {
        front.turn_away(2, "HEAD", how);
        port.head(&bucket, "there", GetOptions::default()).await.unwrap();
        assert_eq!(front.turned_away(), 2 * (index as u64 + 1));
    }
    // Data is the host's to send again: the failure says when.
    for (how, wait) in [(SLOW_DOWN, Some(1_000)), (TOO_MANY, Some(1_000)), (AWAY, None)] {
        front.turn_away(1, "PUT", how);
        let failure = port.put(&bucket, "busy", counting(10_000), "busy", PutOptions::default()).await.unwrap_err();
        assert_eq!((failure.kind, failure.retry, failure.retry_after_ms), (Kind::Busy, Retry::Later, wait), "{failure:?}");
        front.turn_away(1, "GET", how);
        let Err(failure) = port.get(&bucket, "there", None, GetOptions::default()).await else { panic!("{how:?} was a success") };
        assert_eq!((failure.kind, failure.retry, failure.retry_after_ms), (Kind::Busy, Retry::Later, wait), "{failure:?}");
    }
    // A service that stays busy is not asked for ever.
    front.turn_away(100, "HEAD", AWAY);
    let before = front.turned_away();
    fails(port.head(&bucket, "there", GetOptions::default()).await, Kind::Busy, "busy for good").unwrap();
    assert!(front.turned_away() - before <= 3);
}

#[tokio::test]
async fn a_service_without_ranges_says_so_and_is_remembered() {
    let rclone = server_or_skip!(Rclone::start());
    let host = host(&rclone.s3, json!({})).await.unwrap();
    let (port, bucket) = (host.connection.objects().unwrap(), bucket("whole"));
    port.create_location(&bucket, "create", Vec::new()).await.unwrap();
    put(&*port, &bucket, "large", 3 << 20).await;
    let ranges = |report: capstan_domain::ports::ProbeReport| {
        report.extras.iter().any(|(name, value)| (name.as_str(), value.as_str()) == ("ranges", "none"))
    };
    assert!(!ranges(host.connection.probe().await.unwrap()), "nothing was seen yet");
    let range = Some(ByteRange { offset: 1 << 20, length: Some(10) });
    let Err(failure) = port.get(&bucket, "large", range, GetOptions::default()).await else { panic!("rclone answers ranges") };
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Unsupported, Some("no-ranges")), "{failure:?}");
    assert!(ranges(host.connection.probe().await.unwrap()), "the probe tells it");
    // A range of the whole is answered by the whole.
    let all = Some(ByteRange { offset: 0, length: Some(3 << 20) });
    let (_, body) = port.get(&bucket, "large", all, GetOptions::default()).await.unwrap();
    same(body, 0, 3 << 20).await.unwrap();
}
