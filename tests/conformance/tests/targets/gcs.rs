//! Google Cloud Storage keeps the contract, with a service account and with an HMAC key.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails here says where")]

use capstan_conformance::check::{CONTRACT, FAULTS, kept};
use capstan_conformance::content::{bytes, counting, same};
use capstan_conformance::fails;
use capstan_conformance::gcs::{WAYS, Way, configuration, host, target};
use capstan_conformance::host::{Host, built};
use capstan_domain::failure::{Failure, Kind, Retry};
use capstan_domain::ports::{GetOptions, ListOptions, PutOptions};
use capstan_test_servers::{Gcs, GcsAccount, TokenAnswer, free_port, server_or_skip};
use serde_json::json;

async fn held(way: Way, patterns: &[&str]) {
    let server = server_or_skip!(Gcs::start());
    kept("gcs", target(&server, way, json!({})), patterns).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn gcs_keeps_the_contract_with_a_service_account() {
    held(Way::Account, CONTRACT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gcs_endures_faults_between_it_and_the_simulator() {
    held(Way::Account, FAULTS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gcs_keeps_the_contract_with_an_hmac_key() {
    // How it comes in, and what the XML API does where a service account has the JSON API's.
    held(Way::Key, &["target/*", "objects/*", "uploads/*"]).await;
}

/// The failure of a probe with this configuration and this secret.
async fn refused(configured: serde_json::Value, secret: (&str, &str)) -> Failure {
    let host = Host::start(&built("gcs"), configured, &[secret]).await.unwrap();
    host.connection.probe().await.unwrap_err()
}

#[tokio::test]
async fn wrong_credentials_say_which_one_is_wrong() {
    let server = server_or_skip!(Gcs::start());
    let right = ("private-key", server.account.private_key.as_str());
    let strange = ("private-key", GcsAccount::strangers_key());
    let nobody = json!({ "client-email": "nobody@capstan-test.iam.gserviceaccount.com" });
    let unknown = json!({ "access-key": "GOOG1ENOBODY" });
    let hmac = ("secret-key", server.account.secret_key.as_str());
    for (configured, secret, field) in [
        (configuration(&server, Way::Account, json!({})), strange, "private-key"),
        (configuration(&server, Way::Account, nobody), right, "client-email"),
        (configuration(&server, Way::Key, json!({})), ("secret-key", "wrong"), "secret-key"),
        (configuration(&server, Way::Key, unknown), hmac, "access-key"),
    ] {
        let failure = refused(configured, secret).await;
        assert_eq!((failure.kind, failure.retry), (Kind::Unauthenticated, Retry::Never), "{failure:?}");
        assert!(failure.next_step.as_deref().is_some_and(|step| step.contains(field)), "{field}: {failure:?}");
    }
}

#[tokio::test]
async fn a_key_that_is_no_key_is_told_and_not_shown() {
    let server = server_or_skip!(Gcs::start());
    let failure = refused(configuration(&server, Way::Account, json!({})), ("private-key", "hunter2 hunter2")).await;
    assert_eq!((failure.kind, server.tokens_asked()), (Kind::Invalid, 0), "{failure:?}");
    assert!(!format!("{failure:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_project_that_is_anothers_is_denied_and_named_buckets_need_none() {
    let server = server_or_skip!(Gcs::start());
    let secret = ("private-key", server.account.private_key.as_str());
    let failure = refused(configuration(&server, Way::Account, json!({ "project": "anothers" })), secret).await;
    assert_eq!(failure.kind, Kind::Denied, "{failure:?}");
    assert!(failure.next_step.as_deref().is_some_and(|step| step.contains("buckets")), "{failure:?}");
    server.create_bucket("named-bucket").unwrap();
    let named = host(&server, Way::Account, json!({ "project": "anothers", "buckets": ["named-bucket"] })).await.unwrap();
    assert_eq!(named.connection.probe().await.unwrap().locations.len(), 1);
}

#[tokio::test]
async fn a_probe_names_the_configured_bucket_that_is_not_there() {
    let server = server_or_skip!(Gcs::start());
    server.create_bucket("good-bucket").unwrap();
    for way in WAYS {
        for configured in [json!(["good-bucket", "absent-bucket"]), json!(["absent-bucket"])] {
            let host = host(&server, way, json!({ "buckets": configured })).await.unwrap();
            let failure = host.connection.probe().await.unwrap_err();
            assert_eq!(failure.kind, Kind::NotFound, "{way:?}: {failure:?}");
            assert!(failure.message.contains("absent-bucket"), "{way:?}: {failure:?}");
        }
    }
}

#[tokio::test]
async fn what_is_no_token_is_not_taken_for_one() {
    let server = server_or_skip!(Gcs::start());
    for (answer, kind, retry) in [
        (TokenAnswer::Html, Kind::Unavailable, Retry::Later),
        (TokenAnswer::Garbage, Kind::Unavailable, Retry::Later),
        (TokenAnswer::Busy, Kind::Busy, Retry::Later),
        (TokenAnswer::Ended, Kind::Unauthenticated, Retry::Never),
    ] {
        server.give(answer);
        let host = host(&server, Way::Account, json!({})).await.unwrap();
        let failure = host.connection.probe().await.unwrap_err();
        assert_eq!((failure.kind, failure.retry), (kind, retry), "{answer:?}: {failure:?}");
        // Once the endpoint is itself again, so is the target.
        server.give(TokenAnswer::Token);
        host.connection.probe().await.unwrap();
    }
}

#[tokio::test]
async fn a_token_serves_many_calls_and_a_revoked_one_is_replaced() {
    let server = server_or_skip!(Gcs::start());
    server.create_bucket("tokens").unwrap();
    let host = host(&server, Way::Account, json!({})).await.unwrap();
    let port = host.connection.objects().unwrap();
    let keys: Vec<String> = (0..20).map(|number| format!("k{number}")).collect();
    let puts = keys.iter().map(|key| port.put("tokens", key, counting(100), key, PutOptions::default()));
    for put in futures::future::join_all(puts).await {
        put.unwrap();
    }
    // As many as there are instances, at most.
    let asked = server.tokens_asked();
    assert!(asked <= 4, "{asked} tokens for 20 calls");
    server.revoke_tokens();
    port.head("tokens", "k0", GetOptions::default()).await.unwrap();
    assert!(server.tokens_asked() > asked);
    server.give(TokenAnswer::Short(1));
    server.revoke_tokens();
    for _ in 0..3 {
        port.head("tokens", "k0", GetOptions::default()).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    }
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_followed_and_told() {
    let server = server_or_skip!(Gcs::start());
    server.create_bucket("clocks").unwrap();
    for seconds in [-7200, 7200] {
        server.set_ahead(seconds);
        for way in WAYS {
            let (host, other) = (host(&server, way, json!({})).await.unwrap(), host(&server, way, json!({})).await.unwrap());
            let report = host.connection.probe().await.unwrap();
            let skew = report.clock_skew_ms.unwrap();
            assert!((skew - seconds * 1000).abs() <= 3_000, "{way:?}: {skew} ms instead of {seconds} s");
            let port = host.connection.objects().unwrap();
            port.put("clocks", "k", counting(10), "put", PutOptions::default()).await.unwrap();
            // Who begins with a HEAD is refused without a document.
            other.connection.objects().unwrap().head("clocks", "k", GetOptions::default()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_endpoint_nobody_listens_at_is_unavailable() {
    let server = server_or_skip!(Gcs::start());
    let nobody = format!("http://127.0.0.1:{}", free_port().unwrap());
    for more in [json!({ "endpoint": nobody }), json!({ "token-endpoint": format!("{nobody}/token") })] {
        let host = host(&server, Way::Account, more).await.unwrap();
        fails(host.connection.probe().await, Kind::Unavailable, "nobody listens").unwrap();
    }
    let elsewhere = json!({ "token-endpoint": format!("{}/elsewhere", server.endpoint) });
    let elsewhere = host(&server, Way::Account, elsewhere).await.unwrap();
    let failure = elsewhere.connection.probe().await.unwrap_err();
    assert_eq!(failure.retry, Retry::Never, "{failure:?}");
}

#[tokio::test]
async fn a_generation_that_is_not_there_any_more_is_a_conflict() {
    let server = server_or_skip!(Gcs::start());
    server.create_bucket("generations").unwrap();
    for way in WAYS {
        let host = host(&server, way, json!({})).await.unwrap();
        let port = host.connection.objects().unwrap();
        let old = port.put("generations", "k", counting(10), "old", PutOptions::default()).await.unwrap();
        let new = port.put("generations", "k", counting(20), "new", PutOptions::default()).await.unwrap();
        assert!(old.version.is_some() && old.version == old.etag && old.version != new.version, "{old:?} {new:?}");
        let listed = port.list("generations", ListOptions { limit: 10, ..ListOptions::default() }).await.unwrap();
        assert_eq!(listed.entries[0].etag, new.etag, "a listing tells the same tag");
        let matching = |etag: &Option<String>| PutOptions { if_match: etag.clone(), ..PutOptions::default() };
        fails(port.put("generations", "k", counting(5), "third", matching(&old.etag)).await, Kind::Conflict, "the old one")
            .unwrap();
        fails(
            port.put("generations", "k", counting(5), "third", matching(&Some("abc".into()))).await,
            Kind::Conflict,
            "no tag of ours",
        )
        .unwrap();
        port.put("generations", "k", counting(5), "third", matching(&new.etag)).await.unwrap();
        let reading = GetOptions { if_match: new.etag.clone(), ..GetOptions::default() };
        fails(port.get("generations", "k", None, reading).await.map(drop), Kind::Conflict, "read of what was replaced").unwrap();
        let reading = GetOptions { version: old.version.clone(), ..GetOptions::default() };
        fails(port.head("generations", "k", reading).await, Kind::NotFound, "a generation that is gone").unwrap();
        fails(
            port.copy(("generations", "k"), ("generations", "k"), "copy", matching(&old.etag)).await,
            Kind::Conflict,
            "a copy over another generation",
        )
        .unwrap();
    }
}

#[tokio::test]
async fn a_name_the_service_cannot_hold_is_refused_and_its_deletion_a_success() {
    let server = server_or_skip!(Gcs::start());
    server.create_bucket("names").unwrap();
    let host = host(&server, Way::Account, json!({})).await.unwrap();
    let port = host.connection.objects().unwrap();
    for key in ["a\nb", "..", ".well-known/acme-challenge/x"] {
        fails(port.put("names", key, counting(1), "put", PutOptions::default()).await, Kind::Invalid, key).unwrap();
        fails(port.head("names", key, GetOptions::default()).await, Kind::NotFound, key).unwrap();
    }
    let outcomes = port.delete_many("names", vec!["a\nb".to_owned()], "delete").await.unwrap();
    assert!(outcomes.iter().all(|outcome| outcome.result.is_ok()));
    for name in ["Upper", "ab", "a/b"] {
        fails(port.create_location(name, "create", Vec::new()).await, Kind::Invalid, name).unwrap();
    }
}

#[tokio::test]
async fn an_object_lies_in_the_class_that_was_asked_for_and_is_always_online() {
    let server = server_or_skip!(Gcs::start());
    server.create_bucket("classes").unwrap();
    for way in WAYS {
        let host = host(&server, way, json!({ "storage-class": "NEARLINE" })).await.unwrap();
        let port = host.connection.objects().unwrap();
        port.put("classes", "usual", counting(10), "usual", PutOptions::default()).await.unwrap();
        let asked = PutOptions { extras: vec![("storage-class".to_owned(), "ARCHIVE".to_owned())], ..PutOptions::default() };
        port.put("classes", "asked", counting(10), "asked", asked).await.unwrap();
        port.copy(("classes", "asked"), ("classes", "copied"), "copy", PutOptions::default()).await.unwrap();
        for (key, class) in [("usual", "NEARLINE"), ("asked", "ARCHIVE"), ("copied", "NEARLINE")] {
            let head = port.restore("classes", key, 1, "restore", Vec::new()).await.unwrap();
            let extra = |name: &str| head.extras.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
            assert_eq!((extra("storage-class"), extra("archive-state")), (Some(class), Some("online")), "{key}");
            let (_, body) = port.get("classes", key, None, GetOptions::default()).await.unwrap();
            same(body, 0, 10).await.unwrap();
        }
        let unknown = PutOptions { extras: vec![("storage-class".to_owned(), "GLACIER".to_owned())], ..PutOptions::default() };
        fails(port.put("classes", "unknown", counting(10), "unknown", unknown).await, Kind::Invalid, "a class nobody knows")
            .unwrap();
        assert_eq!(server.read("classes", "asked").unwrap(), bytes(0, 10));
    }
}
