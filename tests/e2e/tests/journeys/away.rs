//! Targets in the cloud that cannot be used: what is wrong, whose fault it is and what to do is told by a test of the connector, and
//! seen at its target from the first call on; and a target that nobody calls is looked at all the same.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use std::net::{TcpListener, TcpStream};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use capstan_e2e::{Client, Host};
use capstan_test_servers::{Azurite, Gcs, Rgw, S3, Swift, free_port, server_or_skip};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(100);

/// What the test of an unsaved connector ends with.
fn tested(client: &Client, connector: &Value) -> Value {
    let begun = client.put("/api/v2/cloud_connectors/-/test", connector).unwrap();
    let path = format!("/api/v2/cloud_connectors/-/test?job_id={}", begun["job_id"].as_str().unwrap());
    let until = Instant::now() + PATIENCE;
    loop {
        let answer = client.raw("GET", &path, None, b"").unwrap().json();
        if !matches!(answer["status"].as_str(), Some("queued" | "working")) || Instant::now() > until {
            return answer;
        }
        sleep(POLL);
    }
}

pub(crate) fn target_is(client: &Client, name: &str, status: &str) -> Value {
    let until = Instant::now() + PATIENCE;
    loop {
        let target = client.get(&format!("/capstan/v1/targets/{name}")).unwrap();
        if target["status"] == status {
            return target;
        }
        assert!(Instant::now() < until, "it did not become {status}: {target}");
        sleep(POLL);
    }
}

/// A connector that works, and the ways to spoil it: what is said, the member, its value, and the failure that follows.
fn faults(good: &Value, wrong: &[(&str, &str, String, &str)]) {
    let (host, _room) = Host::fresh().unwrap();
    let client = host.client();
    let listed = tested(&client, good);
    assert!(listed.get("message").is_none_or(Value::is_null), "the good one is found wrong: {listed}");
    for (what, member, value, kind) in wrong {
        let mut bad = good.clone();
        bad[*member] = json!(value);
        let answer = tested(&client, &bad);
        assert_eq!(answer["status"], "failed", "{what}: {answer}");
        let message = answer["message"].as_str().unwrap_or_default();
        let secret = &bad["secret_key"].as_str().unwrap().to_owned();
        assert!(!message.is_empty() && !message.contains(secret.as_str()), "{what}: {answer}");

        // Saved all the same, since a service may be away.
        bad["name"] = json!("spoilt");
        let connector = client.post("/api/v2/cloud_connectors", &bad).unwrap();
        let path = format!("/api/v2/cloud_connectors/{}", connector["id"]);
        let probe = client.send("POST", "/capstan/v1/targets/spoilt/probe", &json!({})).unwrap();
        assert!(probe.status >= 400, "{what}: {}", probe.text);
        let target = client.get("/capstan/v1/targets/spoilt").unwrap();
        let failure = &target["failure"];
        assert_eq!((&target["status"], &failure["kind"]), (&json!("unavailable"), &json!(kind)), "{what}: {target}");
        assert!(target["since"].as_str().is_some_and(|since| since.ends_with('Z')), "{what}: {target}");
        assert!(matches!(failure["blame"].as_str(), Some("caller" | "target")), "whose fault is {what}? {target}");
        assert!(failure["message"].as_str().is_some_and(|message| !message.is_empty()), "{what}: {target}");
        if failure["blame"] == "caller" {
            assert!(failure["next_step"].is_string(), "what to do about {what}? {target}");
        }
        assert!(!target.to_string().contains(secret.as_str()), "{what}: a secret in {target}");

        // Put right, it is reached.
        client.put(&path, &json!({ *member: good[*member] })).unwrap();
        client.post("/capstan/v1/targets/spoilt/probe", &json!({})).unwrap();
        target_is(&client, "spoilt", "available");
        client.delete(&path).unwrap();
    }
    host.stop().unwrap();
}

fn nowhere() -> String {
    format!("http://127.0.0.1:{}", free_port().unwrap())
}

#[test]
fn what_is_wrong_with_an_s3_connector_is_told_and_seen_at_its_target() {
    let rgw = server_or_skip!(Rgw::get());
    let S3 { endpoint, access_key, secret_key, region } = rgw.s3.clone();
    let good = json!({
        "name": "s3", "provider": "generic_s3", "url": endpoint, "region": region, "access_key": access_key, "secret_key": secret_key,
    });
    let unknown = "http://no-such-name.invalid:9000".to_owned();
    faults(
        &good,
        &[
            ("a port nobody listens at", "url", nowhere(), "unavailable"),
            ("a host that no name server knows", "url", unknown, "unavailable"),
            ("a key nobody has", "access_key", "STRANGER".to_owned(), "unauthenticated"),
            ("a wrong secret", "secret_key", "not-the-secret".to_owned(), "unauthenticated"),
        ],
    );
}

#[test]
fn what_is_wrong_with_an_azure_connector_is_told_and_seen_at_its_target() {
    let server = server_or_skip!(Azurite::start());
    let good = json!({
        "name": "blobs", "provider": "azure", "url": server.blob.endpoint, "access_key": server.blob.account,
        "secret_key": server.blob.key,
    });
    let port = format!("{}/{}", nowhere(), server.blob.account);
    let ended = server.blob.account_signature("rwdlacup", -60).unwrap();
    faults(
        &good,
        &[
            ("a port nobody listens at", "url", port, "unavailable"),
            ("a signature that has ended", "secret_key", ended, "unauthenticated"),
            ("a wrong key", "secret_key", "bm90IHRoZSBrZXkgb2YgdGhpcyBhY2NvdW50".to_owned(), "unauthenticated"),
        ],
    );
}

#[test]
fn what_is_wrong_with_a_google_connector_is_told_and_seen_at_its_target() {
    let gcs = server_or_skip!(Gcs::start());
    let good = json!({
        "name": "google", "provider": "google_cloud_storage", "url": gcs.endpoint, "access_key": gcs.account.access_key,
        "secret_key": gcs.account.secret_key,
    });
    faults(
        &good,
        &[
            ("a port nobody listens at", "url", nowhere(), "unavailable"),
            ("a wrong secret", "secret_key", "not-the-secret".to_owned(), "unauthenticated"),
        ],
    );
}

#[test]
fn what_is_wrong_with_an_openstack_connector_is_told_and_seen_at_its_target() {
    let swift = server_or_skip!(Swift::get());
    let account = swift.tester();
    let good = json!({
        "name": "swift", "provider": "openstack_swift", "url": account.auth_url, "access_key": account.user,
        "secret_key": account.password,
    });
    let port = format!("{}/auth/v1.0", nowhere());
    faults(
        &good,
        &[
            ("a port nobody listens at", "url", port, "unavailable"),
            ("a wrong password", "secret_key", "not-the-password".to_owned(), "unauthenticated"),
        ],
    );
}

/// Takes connections at the port and hands them on, for as long as the test runs.
fn open_late(port: u16, to: String) {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    spawn(move || {
        for near in listener.incoming().flatten() {
            let Ok(far) = TcpStream::connect(&to) else { continue };
            let pairs = [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)];
            for (mut from, mut to) in pairs {
                spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Write);
                });
            }
        }
    });
}

#[test]
fn a_target_that_nobody_calls_is_seen_to_be_away_and_to_have_come_back() {
    let rgw = server_or_skip!(Rgw::get());
    let (host, _room) = Host::fresh().unwrap();
    let client = host.client();
    let port = free_port().unwrap();
    let connector = json!({
        "name": "quiet", "provider": "generic_s3", "url": format!("http://127.0.0.1:{port}"), "region": rgw.s3.region,
        "access_key": rgw.s3.access_key, "secret_key": rgw.s3.secret_key,
    });
    client.post("/api/v2/cloud_connectors", &connector).unwrap();
    let away = target_is(&client, "quiet", "unavailable");
    assert!(away["since"].is_string() && away["failure"]["kind"] == "unavailable", "{away}");
    open_late(port, rgw.s3.endpoint.trim_start_matches("http://").to_owned());
    let back = target_is(&client, "quiet", "available");
    assert_eq!(back.get("since"), None, "{back}");
    host.stop().unwrap();
}
