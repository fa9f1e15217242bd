//! The Azure plugin and what Azurite does not do: waiting, throttling, clocks, sums, batches that are not known, answers that are
//! lost, tokens. A front before Azurite and a token endpoint, simulators of the tests' own, do it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails here says where")]

use capstan_conformance::azure::{configuration, container, host, host_with_signature};
use capstan_conformance::check::kept;
use capstan_conformance::content::counting;
use capstan_conformance::fails;
use capstan_conformance::host::{Host, built};
use capstan_conformance::target_file::TargetFile;
use capstan_domain::failure::{Kind, Retry};
use capstan_domain::grant::Power;
use capstan_domain::ports::{GetOptions, NamedValues, PutOptions};
use capstan_test_servers::{Azurite, BlobFront, CLIENT_ID, CLIENT_SECRET, OAuthAnswer, TokenFront, TurnedAway, server_or_skip};
use serde_json::{Value, json};

use super::objects::{extra, holds, put};

const SERVER_BUSY: TurnedAway = TurnedAway { status: "503 Service Unavailable", code: Some("ServerBusy"), retry_after: Some(1) };
const TOO_MANY: TurnedAway = TurnedAway { status: "429 Too Many Requests", code: None, retry_after: Some(1) };
const TIMED_OUT: TurnedAway =
    TurnedAway { status: "500 Internal Server Error", code: Some("OperationTimedOut"), retry_after: None };

#[tokio::test]
async fn a_busy_service_is_asked_again_and_says_when() {
    let server = server_or_skip!(Azurite::start());
    let front = BlobFront::start(&server.blob).unwrap();
    let host = host(&front.blob, json!({ "checksum": "none" })).await.unwrap();
    let (port, container) = (host.connection.objects().unwrap(), container("busy"));
    server.blob.create_container(&container).unwrap();
    put(&*port, &container, "there", 10_000).await;
    for how in [SERVER_BUSY, TOO_MANY, TIMED_OUT] {
        front.turn_away(2, "HEAD", how);
        port.head(&container, "there", GetOptions::default()).await.unwrap();
    }
    assert_eq!(front.seen("HEAD", "/there"), 9);
    for (how, kind, wait) in
        [(SERVER_BUSY, Kind::Busy, Some(1_000)), (TOO_MANY, Kind::Busy, Some(1_000)), (TIMED_OUT, Kind::TimedOut, None)]
    {
        front.turn_away(1, "PUT", how);
        let failure = port.put(&container, "busy", counting(10_000), "busy", PutOptions::default()).await.unwrap_err();
        assert_eq!((failure.kind, failure.retry, failure.retry_after_ms), (kind, Retry::Later, wait), "{failure:?}");
        front.turn_away(1, "GET", how);
        let Err(failure) = port.get(&container, "there", None, GetOptions::default()).await else {
            panic!("{how:?} was a success")
        };
        assert_eq!((failure.kind, failure.retry, failure.retry_after_ms), (kind, Retry::Later, wait), "{failure:?}");
    }
    // A service that stays busy is not asked for ever.
    front.turn_away(100, "HEAD", SERVER_BUSY);
    fails(port.head(&container, "there", GetOptions::default()).await, Kind::Busy, "busy for good").unwrap();
    assert_eq!(front.seen("HEAD", "/there"), 12);
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_followed_and_told() {
    let server = server_or_skip!(Azurite::start());
    let front = BlobFront::start(&server.blob).unwrap();
    front.set_clock(3_600);
    let host = host(&front.blob, json!({ "checksum": "none" })).await.unwrap();
    let (port, container) = (host.connection.objects().unwrap(), container("clock"));
    server.blob.create_container(&container).unwrap();
    put(&*port, &container, "key", 100_000).await;
    holds(&*port, &container, "key", 100_000).await;
    let skew = host.connection.probe().await.unwrap().clock_skew_ms.unwrap();
    assert!((3_590_000..=3_610_000).contains(&skew), "{skew}");
}

#[tokio::test]
async fn data_is_held_against_its_crc_where_the_service_does_so() {
    let server = server_or_skip!(Azurite::start());
    let front = BlobFront::start(&server.blob).unwrap();
    let (container, plain) = (container("crc"), host(&server.blob, json!({})).await.unwrap());
    server.blob.create_container(&container).unwrap();
    let report = plain.connection.probe().await.unwrap();
    assert_eq!(extra(&report.extras, "checksum-mode"), Some("none"), "Azurite itself checks none");
    // Azurite does not take the header, so the front keeps what passed to itself.
    front.keep_sums();
    let signature = server.blob.account_signature("rwdlacup", 3600).unwrap();
    let host = host_with_signature(&front.blob, &signature, json!({})).await.unwrap();
    let (port, parts) = (host.connection.objects().unwrap(), host.connection.uploads().unwrap());
    assert_eq!(extra(&host.connection.probe().await.unwrap().extras, "checksum-mode"), Some("crc64-nvme"));
    let before = front.verified();
    front.spoil(1);
    let failure = port.put(&container, "spoilt", counting(300_000), "put", PutOptions::default()).await.unwrap_err();
    assert_eq!((failure.kind, failure.retry, failure.code.as_deref()), (Kind::Corrupt, Retry::AtOnce, Some("Crc64Mismatch")));
    put(&*port, &container, "spoilt", 300_000).await;
    holds(&*port, &container, "spoilt", 300_000).await;
    let begun = parts.begin(&container, "parts", 6 << 20, "begin", PutOptions::default()).await.unwrap();
    front.spoil(1);
    let part = parts.put_part(&container, "parts", &begun.id, 1, counting(6 << 20), (0, 5 << 20)).await;
    fails(part, Kind::Corrupt, "a part that was spoilt").unwrap();
    parts.put_part(&container, "parts", &begun.id, 1, counting(6 << 20), (0, 5 << 20)).await.unwrap();
    let after = front.verified();
    assert_eq!((after.0 - before.0, after.1 - before.1), (2, 2));
}

#[tokio::test]
async fn a_rehydration_takes_its_time_and_is_asked_for_once() {
    let server = server_or_skip!(Azurite::start());
    let front = BlobFront::start(&server.blob).unwrap();
    front.rehydration_takes(4);
    let host = host(&front.blob, json!({ "checksum": "none" })).await.unwrap();
    let (port, container) = (host.connection.objects().unwrap(), container("thaw"));
    server.blob.create_container(&container).unwrap();
    put(&*port, &container, "ice", 1_000).await;
    server.blob.change_tier(&container, "ice", "Archive").unwrap();
    let state = |extras: &NamedValues| extra(extras, "archive-state").unwrap().to_owned();
    for _ in 0..2 {
        let asked = port.restore(&container, "ice", 7, "restore", Vec::new()).await.unwrap();
        assert_eq!(state(&asked.extras), "restoring");
        fails(port.get(&container, "ice", None, GetOptions::default()).await, Kind::Offline, "on its way").unwrap();
    }
    assert_eq!(front.seen("PUT", "comp=tier"), 1, "it is asked for once");
    while state(&port.head(&container, "ice", GetOptions::default()).await.unwrap().extras) == "restoring" {}
    holds(&*port, &container, "ice", 1_000).await;
}

#[tokio::test]
async fn a_copy_that_takes_long_is_looked_on() {
    let server = server_or_skip!(Azurite::start());
    let front = BlobFront::start(&server.blob).unwrap();
    front.copies_take(4);
    let host = host(&front.blob, json!({ "checksum": "none" })).await.unwrap();
    let (port, container) = (host.connection.objects().unwrap(), container("copying"));
    server.blob.create_container(&container).unwrap();
    put(&*port, &container, "from", 70_000).await;
    let copied = port.copy((&container, "from"), (&container, "to"), "copy", PutOptions::default()).await.unwrap();
    assert_eq!(copied.size, 70_000);
    assert!(front.seen("HEAD", "/to") >= 3, "{} looks", front.seen("HEAD", "/to"));
    holds(&*port, &container, "to", 70_000).await;
}

#[tokio::test]
async fn three_hundred_are_deleted_in_two_requests_or_singly() {
    let server = server_or_skip!(Azurite::start());
    let front = BlobFront::start(&server.blob).unwrap();
    let host = host(&front.blob, json!({ "checksum": "none" })).await.unwrap();
    let (port, container) = (host.connection.objects().unwrap(), container("batch"));
    server.blob.create_container(&container).unwrap();
    let keys: Vec<String> = (0..300).map(|index| format!("folder {}/ü {index}&", index % 7)).collect();
    for (batches, singles) in [(2, 0), (3, 300)] {
        // Every third is not there, which is a success.
        for key in keys.iter().step_by(3) {
            server.blob.put(&container, key, b"x").unwrap();
        }
        if singles > 0 {
            front.refuse_batches();
        }
        let outcomes = port.delete_many(&container, keys.clone(), "delete").await.unwrap();
        let mut told: Vec<_> = outcomes.iter().map(|outcome| outcome.key.clone()).collect();
        told.sort();
        let mut wanted = keys.clone();
        wanted.sort();
        assert!(told == wanted && outcomes.iter().all(|outcome| outcome.result.is_ok()), "{outcomes:?}");
        assert_eq!((front.seen("POST", "comp=batch"), front.seen("DELETE", "/folder")), (batches, singles));
        let left = port.list(&container, capstan_domain::ports::ListOptions { limit: 5, ..Default::default() }).await.unwrap();
        assert!(left.entries.is_empty(), "{left:?}");
    }
    let gone = port.delete_many("no-such-container", keys[..2].to_vec(), "delete").await;
    assert!(gone.is_err() || gone.unwrap().iter().all(|outcome| outcome.result.is_err()), "a container that is not there");
}

#[tokio::test]
async fn an_answer_that_was_lost_is_found_out() {
    let server = server_or_skip!(Azurite::start());
    let front = BlobFront::start(&server.blob).unwrap();
    let host = host(&front.blob, json!({ "checksum": "none" })).await.unwrap();
    let (port, container) = (host.connection.objects().unwrap(), container("lost"));
    server.blob.create_container(&container).unwrap();
    let once = PutOptions { if_absent: true, ..PutOptions::default() };
    front.lose_answers(1, "PUT", "/once");
    let failure = port.put(&container, "once", counting(10), "attempt 1", once.clone()).await.unwrap_err();
    assert!(failure.maybe_done, "{failure:?}");
    port.put(&container, "once", counting(10), "attempt 1", once.clone()).await.unwrap();
    fails(port.put(&container, "once", counting(10), "attempt 2", once).await, Kind::AlreadyExists, "another attempt").unwrap();
    front.lose_answers(1, "DELETE", "restype=container");
    assert!(port.delete_many(&container, vec!["once".to_owned()], "clear").await.unwrap().remove(0).result.is_ok());
    assert!(port.delete_location(&container, "gone").await.unwrap_err().maybe_done);
    fails(port.delete_location(&container, "gone").await, Kind::NotFound, "it is gone").unwrap();
}

#[tokio::test]
async fn an_upload_goes_on_where_it_was_killed() {
    let server = server_or_skip!(Azurite::start());
    let front = BlobFront::start(&server.blob).unwrap();
    let mut host = host(&front.blob, json!({ "checksum": "none", "part-bytes": 1 << 20 })).await.unwrap();
    let container = container("killed");
    server.blob.create_container(&container).unwrap();
    let (key, size) = ("large/ü", 4 * (1 << 20) + 17);
    let content = counting(size);
    let begun = host.connection.uploads().unwrap().begin(&container, key, size, "attempt", PutOptions::default()).await.unwrap();
    let range = |number: u64| ((number - 1) << 20, (1 << 20).min(size - ((number - 1) << 20)));
    for number in [2_u32, 4] {
        let parts = host.connection.uploads().unwrap();
        parts.put_part(&container, key, &begun.id, number, content.clone(), range(number.into())).await.unwrap();
    }
    // Its answer is lost, and the plugin with it.
    front.lose_answers(1, "PUT", "comp=block");
    let parts = host.connection.uploads().unwrap();
    assert!(parts.put_part(&container, key, &begun.id, 1, content.clone(), range(1)).await.is_err());
    drop(parts);
    host.reopen();
    let (port, parts) = (host.connection.objects().unwrap(), host.connection.uploads().unwrap());
    let again = parts.begin(&container, key, size, "attempt", PutOptions::default()).await.unwrap();
    assert_eq!(again.id, begun.id, "the attempt goes on");
    let other = parts.begin(&container, key, size, "another", PutOptions::default()).await.unwrap();
    assert_ne!(other.id, begun.id);
    assert!(
        parts.list_parts(&container, key, &other.id, 0, 10).await.unwrap().is_empty(),
        "and sees none of the first one's parts"
    );
    let mut done = parts.list_parts(&container, key, &begun.id, 0, 10).await.unwrap();
    assert_eq!(done.iter().map(|part| part.number).collect::<Vec<_>>(), [1, 2, 4], "the lost answer's part is there");
    fails(
        parts.complete(&container, key, &other.id, done.clone(), "complete", PutOptions::default()).await,
        Kind::Invalid,
        "parts of another upload",
    )
    .unwrap();
    for number in [3_u32, 5] {
        done.push(parts.put_part(&container, key, &begun.id, number, content.clone(), range(number.into())).await.unwrap());
    }
    front.lose_answers(1, "PUT", "comp=blocklist");
    let failure = parts.complete(&container, key, &begun.id, done.clone(), "complete", PutOptions::default()).await.unwrap_err();
    assert!(failure.maybe_done, "{failure:?}");
    let etag = server.blob.head(&container, key).unwrap()["etag"].trim_matches('"').to_owned();
    let made = parts.complete(&container, key, &begun.id, done.clone(), "complete", PutOptions::default()).await.unwrap();
    assert_eq!((made.size, made.etag), (size, Some(etag)), "it is not committed twice");
    holds(&*port, &container, key, size).await;
    // What somebody else wrote over it took the parts along.
    put(&*port, &container, key, 5).await;
    let gone = parts.complete(&container, key, &begun.id, done, "complete", PutOptions::default()).await;
    fails(gone, Kind::NotFound, "an upload whose parts are gone").unwrap();
    holds(&*port, &container, key, 5).await;
}

fn with_tokens(server: &Azurite, tokens: &TokenFront, more: Value) -> Value {
    let mut all = configuration(
        &server.blob,
        json!({ "tls-ca": server.authority, "client-id": CLIENT_ID, "tenant": "tenant", "token-endpoint": tokens.url, "checksum": "none" }),
    );
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_keeps_the_contract_with_an_applications_tokens() {
    let server = server_or_skip!(Azurite::with_tokens());
    let tokens = TokenFront::start().unwrap();
    // How it comes in is what differs; the store behind that is the same.
    let mut file = TargetFile::making(with_tokens(&server, &tokens, json!({}))).with_secret("client-secret", CLIENT_SECRET);
    let nobody = json!({ "name": "an application nobody knows", "configuration": { "client-id": "nobody" } });
    file.wrong_credentials.push(serde_json::from_value(nobody).unwrap());
    kept("azure", file, &["target/*"]).await.unwrap();
}

#[tokio::test]
async fn an_applications_tokens_are_kept_and_renewed() {
    let server = server_or_skip!(Azurite::with_tokens());
    let tokens = TokenFront::start().unwrap();
    let configured = with_tokens(&server, &tokens, json!({}));
    let host = Host::start(&built("azure"), configured, &[("client-secret", CLIENT_SECRET)]).await.unwrap();
    let (port, container) = (host.connection.objects().unwrap(), container("tokens"));
    port.create_location(&container, "create", Vec::new()).await.unwrap();
    host.connection.probe().await.unwrap();
    for number in 0..100 {
        put(&*port, &container, &format!("key {number}"), 1000).await;
    }
    put(&*port, &container, "once", 1000).await;
    let given = tokens.given();
    assert!((1..=4).contains(&given), "{given} tokens for hundreds of requests");
    // One that lasts no longer than it must is asked for anew each time.
    tokens.answer(OAuthAnswer::Lasting(60));
    let short = with_tokens(&server, &tokens, json!({}));
    let short = Host::start(&built("azure"), short, &[("client-secret", CLIENT_SECRET)]).await.unwrap();
    for _ in 0..3 {
        short.connection.objects().unwrap().head(&container, "once", GetOptions::default()).await.unwrap();
    }
    assert_eq!(tokens.given(), given + 3);
}

#[tokio::test]
async fn a_token_endpoint_that_lies_or_refuses_is_named() {
    let server = server_or_skip!(Azurite::with_tokens());
    let tokens = TokenFront::start().unwrap();
    let probe = async |secret: &str, more: Value| {
        let configured = with_tokens(&server, &tokens, more);
        let host = Host::start(&built("azure"), configured, &[("client-secret", secret)]).await.unwrap();
        host.connection.probe().await
    };
    probe(CLIENT_SECRET, json!({})).await.unwrap();
    let wrong = probe("wrong", json!({})).await.unwrap_err();
    assert_eq!((wrong.kind, wrong.code.as_deref()), (Kind::Unauthenticated, Some("invalid_client")), "{wrong:?}");
    assert!(wrong.next_step.as_deref().unwrap().contains("client-secret"), "{wrong:?}");
    let stranger = probe(CLIENT_SECRET, json!({ "client-id": "nobody" })).await.unwrap_err();
    assert_eq!(stranger.kind, Kind::Unauthenticated, "{stranger:?}");
    let scope = probe(CLIENT_SECRET, json!({ "token-scope": "https://elsewhere/.default" })).await.unwrap_err();
    assert!(scope.next_step.as_deref().unwrap().contains("token-scope"), "{scope:?}");

    let instead = |status, head: &[&str], body: &str| OAuthAnswer::Instead {
        status,
        head: head.iter().map(|line| (*line).to_owned()).collect(),
        body: body.to_owned(),
    };
    for (answer, kind, retry, code) in [
        (instead("200 OK", &[], "<!DOCTYPE html><html>Sign in</html>"), Kind::Unavailable, Retry::Later, "token-malformed"),
        (instead("200 OK", &[], "\u{1}garbage"), Kind::Unavailable, Retry::Later, "token-malformed"),
        (
            instead("200 OK", &[], r#"{"token_type": "Bearer", "expires_in": 3600}"#),
            Kind::Unavailable,
            Retry::Later,
            "token-malformed",
        ),
        (instead("302 Found", &["Location: https://elsewhere.example/"], ""), Kind::Unavailable, Retry::Never, "HTTP 302"),
        (instead("503 Service Unavailable", &["Retry-After: 7"], ""), Kind::Busy, Retry::Later, "HTTP 503"),
        (instead("500 Internal Server Error", &[], "oops"), Kind::Unavailable, Retry::Later, "HTTP 500"),
        // Tokens that look right and are not: the service itself says so.
        (OAuthAnswer::ForOthers, Kind::Unauthenticated, Retry::Never, "AuthenticationFailed"),
    ] {
        tokens.answer(answer.clone());
        let failure = probe(CLIENT_SECRET, json!({})).await.unwrap_err();
        assert_eq!((failure.kind, failure.retry, failure.code.as_deref()), (kind, retry, Some(code)), "{answer:?}: {failure:?}");
        if code == "HTTP 503" {
            assert_eq!(failure.retry_after_ms, Some(7_000));
        }
        assert!(!format!("{failure:?}").contains(CLIENT_SECRET), "{failure:?}");
    }
}

#[tokio::test]
async fn a_token_endpoint_nobody_granted_is_never_asked() {
    let server = server_or_skip!(Azurite::with_tokens());
    let tokens = TokenFront::start().unwrap();
    let place = tokens.url.trim_start_matches("http://").split('/').next().unwrap().to_owned();
    let there = move |power: &Power| matches!(power, Power::Connect { port, .. } if place.ends_with(&format!(":{port}")));
    let secrets = [("client-secret", CLIENT_SECRET)];
    let refused =
        Host::granting(&built("azure"), with_tokens(&server, &tokens, json!({})), &secrets, |power| !there(power)).await;
    let refused = refused.err().unwrap().to_string();
    assert!(refused.starts_with("denied") && refused.contains("grants-missing"), "{refused}");
    // Where none is named, the public one is meant, which nobody configured.
    let mut usual = with_tokens(&server, &tokens, json!({}));
    usual.as_object_mut().unwrap().remove("token-endpoint");
    let asked = std::cell::RefCell::new(Vec::new());
    let but_microsoft = |power: &Power| {
        let Power::Connect { host, .. } = power else { return true };
        asked.borrow_mut().push(host.clone());
        host != "login.microsoftonline.com"
    };
    let refused = Host::granting(&built("azure"), usual, &secrets, but_microsoft).await.err().unwrap().to_string();
    assert!(refused.contains("grants-missing"), "{refused}");
    assert_eq!(asked.into_inner(), ["127.0.0.1", "login.microsoftonline.com"]);
    assert_eq!(tokens.asked(), 0);
}
