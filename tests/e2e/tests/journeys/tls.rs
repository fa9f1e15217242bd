//! The host's own listener over TLS, asked by a client that is not ours.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use std::path::Path;
use std::process::{Command, Output};

use capstan_e2e::{Host, HostOptions, PASSWORD, USER, binaries};
use capstan_test_servers::Identity;

fn curl(arguments: &[&str]) -> Output {
    Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "20", "--user", &format!("{USER}:{PASSWORD}")])
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn the_listener_serves_tls_to_who_knows_its_authority_and_nothing_else() {
    let room = tempfile::tempdir().unwrap();
    let identity = Identity::of_loopback().unwrap();
    let place = |name: &str| room.path().join(name);
    for (name, text) in [("ca.pem", &identity.authority), ("tls.crt", &identity.certificate), ("tls.key", &identity.key)] {
        std::fs::write(place(name), text).unwrap();
    }
    let text = |path: &Path| path.display().to_string();
    let configuration = format!("[tls]\ncertificate = {:?}\nkey = {:?}\n", text(&place("tls.crt")), text(&place("tls.key")));
    let options = HostOptions { data: place("data"), configuration: Some(configuration), ..HostOptions::default() };
    let host = Host::start(options).unwrap();
    let client = host.client();
    let base = client.base();
    assert!(base.starts_with("https://"), "{base}");
    let (pools, authority) = (format!("{base}/api/v2/pools"), text(&place("ca.pem")));

    for version in ["--tlsv1.2", "--tlsv1.3"] {
        let answer = curl(&["--cacert", &authority, version, &pools]);
        assert!(answer.status.success(), "{version}: {}", String::from_utf8_lossy(&answer.stderr));
        let list: serde_json::Value = serde_json::from_slice(&answer.stdout).unwrap();
        assert_eq!(list["count"], 0);
    }
    let old = curl(&["--cacert", &authority, "--tls-max", "1.1", &pools]);
    assert!(!old.status.success(), "TLS 1.1 was spoken");
    let stranger = curl(&[&pools]);
    assert_eq!(stranger.status.code(), Some(60), "curl trusts an authority nobody told it: {stranger:?}");
    let plain = curl(&[&pools.replacen("https", "http", 1)]);
    assert!(!plain.status.success() || !String::from_utf8_lossy(&plain.stdout).contains("count"), "{plain:?}");

    // The program's own commands know the way.
    let listed = Command::new(binaries().unwrap().join("capstan"))
        .args(["--url", base, "--ca", &authority, "plugin", "list"])
        .env("CAPSTAN_USER", USER)
        .env("CAPSTAN_PASSWORD", PASSWORD)
        .output()
        .unwrap();
    assert!(listed.status.success() && String::from_utf8_lossy(&listed.stdout).contains("s3"), "{listed:?}");
    host.stop().unwrap();
}

#[test]
fn a_certificate_that_cannot_be_used_is_told_at_the_start() {
    let room = tempfile::tempdir().unwrap();
    let (ours, other) = (Identity::of_loopback().unwrap(), Identity::of_loopback().unwrap());
    std::fs::write(room.path().join("tls.crt"), ours.certificate).unwrap();
    std::fs::write(room.path().join("tls.key"), other.key).unwrap();
    let configuration = format!(
        "[tls]\ncertificate = {:?}\nkey = {:?}\n",
        room.path().join("tls.crt").display().to_string(),
        room.path().join("tls.key").display().to_string()
    );
    let options = HostOptions { data: room.path().join("data"), configuration: Some(configuration), ..HostOptions::default() };
    let failure = Host::start(options).unwrap_err().to_string();
    assert!(failure.to_lowercase().contains("key") || failure.to_lowercase().contains("certificate"), "{failure}");
}
