//! Drives on Ceph keep the contract, against a cluster with a dashboard and QEMU's storage daemon.

#![allow(clippy::unwrap_used, reason = "a test that fails here says where")]

use capstan_conformance::check::{CONTRACT, FAULTS, kept};
use capstan_conformance::dssd::{configuration, host, target, target_before_bytes};
use capstan_conformance::host::{Host, built};
use capstan_domain::failure::{Blame, Failure, Kind, Retry};
use capstan_test_servers::{CephDrives, LoginAnswer, LoginFront, server_or_skip};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn dssd_keeps_the_contract_on_ceph() {
    let server = server_or_skip!(CephDrives::get());
    kept("dssd", target(&server, json!({})), CONTRACT).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn dssd_endures_faults_between_it_and_the_dashboard() {
    let server = server_or_skip!(CephDrives::get());
    kept("dssd", target(&server, json!({})), FAULTS).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn dssd_endures_faults_between_it_and_the_bytes() {
    let server = server_or_skip!(CephDrives::get());
    kept("dssd", target_before_bytes(&server, json!({})), FAULTS).await.unwrap();
}

#[tokio::test]
async fn a_probe_reaches_everything_that_calls_need() {
    let server = server_or_skip!(CephDrives::get());
    let report = host(&server, json!({})).await.unwrap().connection.probe().await.unwrap();
    assert_eq!(report.locations.into_iter().map(|location| location.name).collect::<Vec<_>>(), [CephDrives::POOL]);
}

/// What is wrong, how a probe fails then, and a word of what is to be done about it.
#[tokio::test]
async fn a_probe_says_which_field_is_wrong() {
    let server = server_or_skip!(CephDrives::get());
    let nobody = capstan_test_servers::free_port().unwrap();
    let wrong: [(Value, Kind, Option<&str>); 6] = [
        (json!({ "username": "nobody" }), Kind::Unauthenticated, Some("username")),
        (json!({ "pool": "no-such-pool" }), Kind::NotFound, Some("pool")),
        (json!({ "ceph-conf": "/no/such/ceph.conf" }), Kind::Unavailable, Some("ceph-conf")),
        (json!({ "ceph-user": "nobody" }), Kind::Unavailable, Some("ceph-user")),
        (json!({ "dashboard": format!("http://127.0.0.1:{nobody}") }), Kind::Unavailable, None),
        (json!({ "nbd-port": nobody }), Kind::Unavailable, None),
    ];
    for (more, kind, word) in wrong {
        let failure = host(&server, more.clone()).await.unwrap().connection.probe().await.unwrap_err();
        assert_eq!(failure.kind, kind, "{more}: {failure:?}");
        if let Some(word) = word {
            assert!(failure.next_step.as_deref().is_some_and(|step| step.contains(word)), "{more}: {failure:?}");
        }
    }
    let password = [("password", "wrong")];
    let stranger = Host::start(&built("dssd"), configuration(&server, json!({})), &password).await.unwrap();
    assert_eq!(stranger.connection.probe().await.unwrap_err().kind, Kind::Unauthenticated);
}

const SECRET: &str = "hush+hush/7=";

/// A probe at a dashboard that is none, in front of a storage daemon that is not there.
async fn probed(host: &Host) -> Failure {
    let failure = host.connection.probe().await.unwrap_err();
    let text = format!("{failure:?}");
    assert!(!text.contains(SECRET) && !text.contains("hush%2Bhush%2F7%3D"), "a secret in a failure");
    assert!(!failure.message.trim().is_empty() && !failure.maybe_done, "{text}");
    failure
}

fn says(status: &'static str, head: &[&str], body: &str) -> LoginAnswer {
    LoginAnswer::Says { status, head: head.iter().map(|line| (*line).to_owned()).collect(), body: body.to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_dashboard_answers_to_a_login_is_a_failure_that_says_whose_fault_it_is() {
    let front = LoginFront::start().unwrap();
    let nobody = capstan_test_servers::free_port().unwrap();
    let configuration = json!({
        "dashboard": front.url, "username": "u", "pool": "p", "nbd-host": "127.0.0.1", "nbd-port": nobody, "qmp-port": nobody,
        "ceph-conf": "/etc/ceph/ceph.conf", "timeout-ms": 5_000,
    });
    let host = Host::start(&built("dssd"), configuration, &[("password", SECRET)]).await.unwrap();
    for answer in [
        LoginAnswer::Closes,
        LoginAnswer::Breaks,
        LoginAnswer::Garbage,
        LoginAnswer::Endless,
        says("200 OK", &[], ""),
        says("200 OK", &[], "<!DOCTYPE html><html>Sign in</html>"),
        says("201 Created", &[], r#"{"token": 7}"#),
        says("201 Created", &[], r#"{"token": "a b"}"#),
        says("500 Internal Server Error", &[], "oops"),
    ] {
        front.answer(answer.clone());
        let failure = probed(&host).await;
        assert_eq!((failure.kind, failure.blame), (Kind::Unavailable, Blame::Target), "{answer:?}: {failure:?}");
    }
    for answer in [LoginAnswer::Hangs, LoginAnswer::Drips] {
        front.answer(answer.clone());
        let failure = probed(&host).await;
        assert_eq!((failure.kind, failure.retry), (Kind::TimedOut, Retry::Later), "{answer:?}: {failure:?}");
    }
    front.answer(says("503 Service Unavailable", &["Retry-After: 7"], ""));
    assert_eq!(probed(&host).await.retry_after_ms, Some(7_000));
    for status in ["303 See Other", "400 Bad Request", "404 Not Found", "409 Conflict", "410 Gone"] {
        front.answer(says(status, &[], r#"{"code": "2", "component": "rbd"}"#));
        let failure = probed(&host).await;
        assert!(failure.retry == Retry::Never && failure.next_step.is_some(), "{status}: {failure:?}");
        assert_ne!(failure.kind, Kind::NotFound, "{status}: {failure:?}");
    }
    for answer in [LoginAnswer::Repeats("401 Unauthorized"), LoginAnswer::Repeats("403 Forbidden")] {
        front.answer(answer);
        let failure = probed(&host).await;
        assert_eq!((failure.kind, failure.retry), (Kind::Unauthenticated, Retry::Never), "{failure:?}");
        assert!(failure.next_step.as_deref().is_some_and(|step| step.contains("password")), "{failure:?}");
    }
}
