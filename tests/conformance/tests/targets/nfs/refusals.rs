//! What a server or a configuration refuses, told so that somebody can act on it.

use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use capstan_conformance::content::counting;
use capstan_domain::failure::{Blame, Failure, Kind, Retry};
use capstan_domain::grant::Power;
use capstan_domain::ids::TargetId;
use capstan_domain::ports::{Attributes, PutOptions};
use capstan_grants::Granted;
use capstan_runtime::TargetSettings;
use capstan_test_servers::{Ganesha, free_port, server_or_skip};
use serde_json::{Value, json};

use super::{files, host, with};
use capstan_conformance::nfs::configuration;

async fn probe_fails(configuration: Value) -> Failure {
    host(configuration).await.connection.probe().await.unwrap_err()
}

#[tokio::test]
async fn an_export_that_is_not_there_is_not_found() {
    let server = server_or_skip!(Ganesha::start());
    let failure = probe_fails(with(configuration(&server, "open"), json!({ "export": "/no/such/export" }))).await;
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::NotFound, Some("export")), "{failure:?}");
    assert!(failure.message.contains("/no/such/export") && failure.next_step.unwrap().contains("export"));
}

#[tokio::test]
async fn closed_ports_and_other_services_are_unavailable() {
    let server = server_or_skip!(Ganesha::start());
    let closed = free_port().unwrap();
    for field in ["port", "mount-port"] {
        let failure = probe_fails(with(configuration(&server, "open"), json!({ field: closed }))).await;
        assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Unavailable, Some("unreachable")), "{field}: {failure:?}");
        assert!(failure.message.contains(&closed.to_string()));
    }
    // NFS where the mount service should be: it knows no such program.
    let failure = probe_fails(with(configuration(&server, "open"), json!({ "mount-port": server.port }))).await;
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Unavailable, Some("PROG_UNAVAIL")), "{failure:?}");
    // A server that speaks first, and something else.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let other = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = std::io::Write::write_all(&mut stream, b"SSH-2.0-OpenSSH_9.2\r\n");
            std::thread::spawn(move || drop(std::io::copy(&mut stream, &mut std::io::sink())));
        }
    });
    let failure = probe_fails(with(configuration(&server, "open"), json!({ "mount-port": other }))).await;
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Unavailable, Some("malformed-answer")), "{failure:?}");
}

#[tokio::test]
async fn a_user_without_rights_is_denied_by_the_server() {
    let server = server_or_skip!(Ganesha::start());
    let closed = server.export("open").join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::write(closed.join("file"), "secret").unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).unwrap();
    let host = host(with(configuration(&server, "open"), json!({ "uid": 1234, "gid": 1234 }))).await;
    let port = files(&host);
    let written = port.write("share", "closed/new", counting(5), "a", PutOptions::default()).await;
    for failure in [
        port.stat("share", "closed/file").await.unwrap_err(),
        port.read_directory("share", "closed", None, 10).await.unwrap_err(),
        port.remove("share", "closed/file", "a").await.unwrap_err(),
        written.unwrap_err(),
    ] {
        assert_eq!((failure.kind, failure.blame, failure.retry), (Kind::Denied, Blame::Target, Retry::Never), "{failure:?}");
        assert!(failure.next_step.unwrap().contains("uid"));
    }
    // What it may do, it does under its own number.
    let node = port.write("share", "mine", counting(5), "b", PutOptions::default()).await.unwrap();
    assert_eq!((node.owner.as_deref(), node.group.as_deref()), (Some("1234"), Some("1234")));
}

#[tokio::test]
async fn what_is_exported_or_configured_for_reading_is_not_changed() {
    let server = server_or_skip!(Ganesha::start());
    for export in ["sealed", "open"] {
        std::fs::write(server.export(export).join("there"), "bytes").unwrap();
    }
    let sealed = host(configuration(&server, "sealed")).await;
    let configured = host(with(configuration(&server, "open"), json!({ "read-only": true }))).await;
    for (host, blame) in [(&sealed, Blame::Target), (&configured, Blame::Caller)] {
        let port = files(host);
        assert_eq!(port.stat("share", "there").await.unwrap().size, 5);
        let written = port.write("share", "new", counting(5), "a", PutOptions::default()).await;
        let set = port.set_attributes("share", "there", Attributes { mode: Some(0o600), ..Attributes::default() }, "a").await;
        for failure in [
            written.unwrap_err(),
            port.make_directory("share", "new", "a").await.unwrap_err(),
            port.remove("share", "there", "a").await.unwrap_err(),
            port.rename("share", "there", "here", true, "a").await.unwrap_err(),
            port.make_link("share", "link", "there", "a").await.unwrap_err(),
            set.unwrap_err(),
        ] {
            assert_eq!((failure.kind, failure.blame), (Kind::Denied, blame), "{failure:?}");
        }
    }
}

#[tokio::test]
async fn an_export_for_privileged_ports_is_entered_from_one() {
    let server = server_or_skip!(Ganesha::start());
    let failure = probe_fails(configuration(&server, "privileged")).await;
    assert!(matches!(failure.kind, Kind::Denied | Kind::Unauthenticated), "{failure:?}");
    assert!(failure.next_step.unwrap().contains("privileged-port"));
    let host = host(with(configuration(&server, "privileged"), json!({ "privileged-port": true }))).await;
    files(&host).write("share", "a", counting(100_000), "a", PutOptions::default()).await.unwrap();
}

#[tokio::test]
async fn the_port_mapper_is_asked_and_a_port_it_names_needs_its_grant() {
    let server = server_or_skip!(Ganesha::start());
    let mut configuration = configuration(&server, "open");
    configuration.as_object_mut().unwrap().remove("mount-port");
    let host = host(configuration.clone()).await;
    server.register().unwrap();
    let failure = host.connection.probe().await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Denied, Some("not-granted")), "{failure:?}");
    let mount = format!("connect 127.0.0.1:{}", server.mount_port);
    assert!(failure.next_step.as_deref().unwrap().contains(&mount), "{failure:?}");
    let granted = [server.port, 111, server.mount_port]
        .map(|port| Granted { power: Power::Connect { host: "127.0.0.1".to_owned(), port }, configured: false });
    let connection = host.runtime.open_target(TargetSettings {
        id: TargetId::new(),
        name: "granted".to_owned(),
        plugin: "nfs".to_owned(),
        pinned: None,
        configuration,
        secrets: Vec::new(),
        grants: [
            granted.to_vec(),
            vec![Granted { power: Power::Connect { host: "127.0.0.1".to_owned(), port: 20_048 }, configured: true }],
        ]
        .concat(),
    });
    server.register().unwrap();
    connection.probe().await.unwrap();
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_in_time_and_taken_up_again() {
    let server = server_or_skip!(Ganesha::start());
    let host = host(configuration(&server, "open")).await;
    let port = files(&host);
    port.write("share", "a", counting(10), "a", PutOptions::default()).await.unwrap();
    server.halt(true).unwrap();
    let started = Instant::now();
    let (read, written) =
        tokio::join!(port.stat("share", "a"), port.write("share", "b", counting(10), "b", PutOptions::default()));
    let (read, written) = (read.unwrap_err(), written.unwrap_err());
    assert_eq!((read.kind, read.blame, read.maybe_done), (Kind::TimedOut, Blame::Target, false), "{read:?}");
    assert_eq!(written.kind, Kind::TimedOut, "{written:?}");
    assert!(started.elapsed().as_secs() < 58, "the plugin gave up, not the host");
    server.halt(false).unwrap();
    assert_eq!(port.stat("share", "a").await.unwrap().size, 10);
    port.write("share", "b", counting(10), "b", PutOptions::default()).await.unwrap();
}
