//! Logins of Swift that let in, and say something impossible of where the objects are and how long the token lasts.

#![allow(clippy::unwrap_used, reason = "a test that fails here says where")]

use capstan_conformance::host::{Host, built};
use capstan_conformance::s3::bucket as container;
use capstan_conformance::swift::host;
use capstan_domain::failure::{Blame, Failure, Kind, Retry};
use capstan_test_servers::{LoginAnswer, LoginFront, Swift, SwiftAccount, server_or_skip};
use serde_json::{Value, json};

use super::objects::{holds, put};

/// Of a network that is nobody's (RFC 5737).
const NOBODYS: &str = "192.0.2.7:8080";

fn changed(headers: &[(&str, &str)]) -> LoginAnswer {
    LoginAnswer::Changed(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

/// What the service tells is no place, and nobody but the service can mend it.
fn is_malformed(failure: &Failure) {
    assert_eq!((failure.kind, failure.blame, failure.retry), (Kind::Unavailable, Blame::Target, Retry::Later), "{failure:?}");
    assert_eq!(failure.code.as_deref(), Some("malformed-answer"), "{failure:?}");
}

/// The objects are said to be where nobody granted to go.
fn is_not_granted(failure: &Failure) {
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Denied, Some("not-granted")), "{failure:?}");
    assert!(failure.message.contains(NOBODYS), "{failure:?}");
    let step = failure.next_step.as_deref().unwrap_or_default();
    assert!(step.contains(&format!("connect {NOBODYS}")) && step.contains("storage-url"), "{step}");
}

#[tokio::test]
async fn a_v1_service_that_names_no_place_or_no_token_is_told_so_until_it_does() {
    let swift = server_or_skip!(Swift::get());
    let account = swift.tester();
    let front = LoginFront::before(&account.auth_url).unwrap();
    let account = SwiftAccount { auth_url: format!("{}/auth/v1.0", front.url), ..account };
    let host = host(&account, json!({})).await.unwrap();
    let nonsense =
        ["nonsense", "http://", "ftp://127.0.0.1/v1/AUTH_test", "http://127.0.0.1:99999/v1/AUTH_test", "http://u:p@h/v1"];
    let told = nonsense.map(|url| changed(&[("X-Storage-Url", url)]));
    let missing = [changed(&[("X-Storage-Url", "")]), changed(&[("X-Auth-Token", ""), ("X-Storage-Token", "")])];
    for answer in told.into_iter().chain(missing) {
        front.answer(answer);
        is_malformed(&host.connection.probe().await.unwrap_err());
    }
    front.answer(LoginAnswer::Behind);
    host.connection.probe().await.unwrap();
    // Once it says such a place, it is believed, and not gone to.
    let elsewhere = format!("http://{NOBODYS}/v1/AUTH_test");
    front.answer(changed(&[("X-Storage-Url", &elsewhere)]));
    let led = capstan_conformance::swift::host(&account, json!({})).await.unwrap();
    is_not_granted(&led.connection.probe().await.unwrap_err());
}

#[tokio::test]
async fn however_long_a_token_is_said_to_last_it_is_used() {
    let swift = server_or_skip!(Swift::get());
    let account = swift.tester();
    let front = LoginFront::before(&account.auth_url).unwrap();
    let account = SwiftAccount { auth_url: format!("{}/auth/v1.0", front.url), ..account };
    for (index, life) in ["18446744073709551615", "-5"].into_iter().enumerate() {
        front.answer(changed(&[("X-Auth-Token-Expires", life)]));
        let host = host(&account, json!({})).await.unwrap();
        let (port, name) = (host.connection.objects().unwrap(), container(&format!("life-{index}")));
        port.create_location(&name, "create", Vec::new()).await.unwrap();
        put(&*port, &name, "there", 1_000).await;
        holds(&*port, &name, "there", 1_000).await;
    }
}

/// Keystone lets in, with this catalogue.
fn issued(catalogue: &Value) -> LoginAnswer {
    let token = json!({ "issued_at": "2026-11-21T20:00:00.0Z", "expires_at": "9999-12-31T23:59:59.0Z", "catalog": catalogue });
    let head = vec!["X-Subject-Token: gAAAA1".to_owned()];
    LoginAnswer::Says { status: "201 Created", head, body: json!({ "token": token }).to_string() }
}

fn store(url: &str) -> Value {
    json!([{ "type": "object-store", "endpoints": [{ "interface": "public", "region_id": "one", "url": url }] }])
}

#[tokio::test]
async fn a_catalogue_that_leads_nowhere_says_what_to_correct() {
    let front = LoginFront::start().unwrap();
    let configured = json!({ "auth-url": format!("{}/v3", front.url), "user": "u", "project": "p" });
    let host = Host::start(&built("swift"), configured, &[("password", "a-password")]).await.unwrap();
    let identity = json!([{ "type": "identity", "endpoints": [{ "interface": "public", "url": "http://127.0.0.1:5000/v3" }] }]);
    for catalogue in [json!([]), identity, json!([{ "type": "object-store", "endpoints": [] }])] {
        front.answer(issued(&catalogue));
        let failure = host.connection.probe().await.unwrap_err();
        assert_eq!((failure.kind, failure.blame, failure.code.as_deref()), (Kind::Invalid, Blame::Caller, Some("catalogue")));
        assert!(failure.next_step.as_deref().is_some_and(|step| step.contains("storage-url")), "{failure:?}");
    }
    let types = [json!(null), json!(7), json!([{ "type": 7 }]), json!([{ "type": "object-store", "endpoints": [{ "url": 7 }] }])];
    let places = ["nonsense", "http://127.0.0.1:0/v1/AUTH_a", "http:///v1/AUTH_a", "http://h/v1/AUTH_%(tenant_id)s ü"];
    for catalogue in types.into_iter().chain(places.map(store)) {
        front.answer(issued(&catalogue));
        is_malformed(&host.connection.probe().await.unwrap_err());
    }
    // Last, because a token is kept, and with it the place that it came with.
    front.answer(issued(&store(&format!("http://{NOBODYS}/v1/AUTH_a"))));
    is_not_granted(&host.connection.probe().await.unwrap_err());
}
