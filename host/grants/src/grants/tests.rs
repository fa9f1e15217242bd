use serde_json::json;

use super::*;
use crate::template::requested;

fn connect(host: &str, port: u16) -> Power {
    Power::Connect { host: host.to_owned(), port }
}

fn policy() -> Arc<Policy> {
    Arc::new(Policy { listeners: vec!["0.0.0.0:8080".parse().unwrap()], own_addresses: vec!["10.0.0.5".parse().unwrap()] })
}

/// A target whose administrator configured `endpoint`.
fn configured(endpoint: &str) -> Grants {
    let requested = requested(&["http {/endpoint}".to_owned()], &json!({ "endpoint": endpoint })).unwrap();
    let granted: Vec<Granted> =
        requested.iter().map(|one| Granted { power: one.power.clone(), configured: one.configured }).collect();
    Grants::new("t", &requested, &granted, policy())
}

fn allowed(host: &str, port: u16) -> Grants {
    Grants::new("t", &[], &[Granted { power: connect(host, port), configured: false }], policy())
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn configuring_a_host_grants_that_host_and_port_and_nothing_else() {
    let grants = configured("http://s3.example.com:9000");
    assert!(grants.may_connect("S3.example.com.", 9000).is_ok());
    for (host, port) in [
        ("s3.example.com", 80),
        ("example.com", 9000),
        ("a.s3.example.com", 9000),
        ("xs3.example.com", 9000),
        ("127.0.0.1", 9000),
    ] {
        let failure = grants.may_connect(host, port).unwrap_err();
        assert_eq!(failure.kind, capstan_domain::Kind::Denied);
        let command = format!("capstan grant allow t connect {host}:{port}");
        assert!(failure.next_step.unwrap().ends_with(&command), "{host}");
    }
}

#[test]
fn a_private_target_works_when_its_administrator_configured_it() {
    for (endpoint, host, port, address) in [
        ("http://10.1.2.3:9000", "10.1.2.3", 9000, "10.1.2.3"),
        ("http://127.0.0.1:7480", "0x7f.1", 7480, "127.0.0.1"),
        ("http://nas.lan", "nas.lan", 80, "192.168.1.9"),
        ("http://[::1]:7480", "::1", 7480, "::1"),
    ] {
        configured(endpoint).may_connect(host, port).unwrap().check(ip(address)).unwrap();
    }
}

#[test]
fn no_spelling_reaches_metadata_link_local_or_the_own_doors_by_configuration() {
    for host in [
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[64:ff9b::a9fe:a9fe]",
        "169.254.169.254.",
    ] {
        let grants = configured(&format!("http://{host}"));
        let failure = grants.may_connect(host, 80).unwrap().check(ip("169.254.169.254")).unwrap_err();
        assert!(failure.next_step.unwrap().contains("capstan grant allow t connect 169.254.169.254:80"), "{host}");
    }
    // A name that resolves there is no better.
    let grant = configured("http://rebound.example:8080").may_connect("rebound.example", 8080).unwrap();
    for address in [
        "169.254.169.254",
        "fd00:ec2::254",
        "fe80::1",
        "127.0.0.1",
        "::1",
        "10.0.0.5",
        "::ffff:127.0.0.1",
        "0.0.0.0",
        "::",
        "224.0.0.1",
    ] {
        assert!(grant.check(ip(address)).is_err(), "{address}");
    }
    assert!(grant.check(ip("10.0.0.6")).is_ok());
}

#[test]
fn an_explicit_grant_by_address_opens_metadata_and_own_doors_but_not_nowhere() {
    allowed("169.254.169.254", 80).may_connect("0xa9fea9fe", 80).unwrap().check(ip("169.254.169.254")).unwrap();
    allowed("127.0.0.1", 8080).may_connect("127.0.0.1", 8080).unwrap().check(ip("127.0.0.1")).unwrap();
    assert!(allowed("0.0.0.0", 80).may_connect("0.0.0.0", 80).unwrap().check(ip("0.0.0.0")).is_err());
    // By name is not by address.
    assert!(allowed("meta.example", 80).may_connect("meta.example", 80).unwrap().check(ip("169.254.169.254")).is_err());
}

#[test]
fn a_name_and_its_refused_address_granted_together_work() {
    let granted = [
        Granted { power: connect("meta.example", 80), configured: true },
        Granted { power: connect("169.254.169.254", 80), configured: false },
    ];
    let asked = [Requested { power: connect("meta.example", 80), configured: true }];
    let grants = Grants::new("t", &asked, &granted, policy());
    grants.may_connect("meta.example", 80).unwrap().check(ip("169.254.169.254")).unwrap();
}

#[test]
fn a_wildcard_means_names_below_it_only() {
    let grants = allowed("*.s3.example.com", 443);
    assert!(grants.may_connect("bucket.s3.example.com", 443).is_ok());
    assert!(grants.may_connect("a.b.s3.example.com", 443).is_ok());
    for host in ["s3.example.com", "evils3.example.com", ".s3.example.com", "10.0.0.1"] {
        assert!(grants.may_connect(host, 443).is_err(), "{host}");
    }
}

#[test]
fn a_configured_grant_ends_when_the_plugin_no_longer_asks() {
    let granted = [Granted { power: connect("old.example", 80), configured: true }];
    assert!(Grants::new("t", &[], &granted, policy()).may_connect("old.example", 80).is_err());
}

#[test]
fn everything_missing_is_named_at_once() {
    let requested = requested(
        &["http {/a}".to_owned(), "http https://sts.example".to_owned(), "files data {/p}".to_owned()],
        &json!({ "a": "http://a.example", "p": "/srv" }),
    )
    .unwrap();
    let failure = Grants::none("t").missing(&requested).unwrap();
    let next = failure.next_step.unwrap();
    for part in ["connect a.example:80", "connect sts.example:443", "directory data /srv --write"] {
        assert!(next.contains(part), "{next}");
    }
    let granted: Vec<Granted> = requested.iter().map(|one| Granted { power: one.power.clone(), configured: false }).collect();
    assert!(Grants::new("t", &requested, &granted, policy()).missing(&requested).is_none());
}

#[test]
fn a_read_only_directory_is_not_enough_for_writing() {
    let power = |write| Power::Directory { root: "data".to_owned(), path: "/srv".to_owned(), write };
    let wants = [Requested { power: power(true), configured: true }];
    let grants = Grants::new("t", &wants, &[Granted { power: power(false), configured: false }], policy());
    assert!(grants.missing(&wants).is_some());
    assert!(!grants.directory("data").unwrap().writable());
    assert!(grants.directory("other").is_err());
}

#[test]
fn skipping_a_certificate_needs_its_own_grant() {
    let grants = allowed("s3.example.com", 443);
    assert!(
        grants
            .may_skip_certificate("s3.example.com", 443)
            .unwrap_err()
            .next_step
            .unwrap()
            .contains("insecure-tls s3.example.com:443")
    );
}

#[test]
fn a_device_is_used_by_the_very_path_it_was_granted_under() {
    let granted = [Granted { power: Power::ScsiDevice { path: "/dev/sg3".to_owned() }, configured: false }];
    let grants = Grants::new("t", &[], &granted, policy());
    assert_eq!(grants.device("/dev/sg3").unwrap().path(), "/dev/sg3");
    let failure = grants.device("/dev/sg4").unwrap_err();
    assert_eq!(failure.kind, capstan_domain::Kind::Denied);
    assert!(failure.next_step.unwrap().ends_with("capstan grant allow t scsi-device /dev/sg4"));
    assert_eq!(grants.device("/dev/../dev/sg3").unwrap_err().kind, capstan_domain::Kind::Invalid);
}

#[test]
fn a_device_that_is_only_configured_is_told_as_missing() {
    let requested = requested(&["scsi {/devices}".to_owned()], &json!({ "devices": ["/dev/sg0", "/dev/sg1"] })).unwrap();
    let granted = [Granted { power: Power::ScsiDevice { path: "/dev/sg1".to_owned() }, configured: false }];
    let step = Grants::new("t", &requested, &granted, policy()).missing(&requested).unwrap().next_step.unwrap();
    assert!(step.contains("scsi-device /dev/sg0") && !step.contains("/dev/sg1"), "{step}");
}
