//! What a server or a configuration refuses, told so that somebody can act on it.

use std::sync::Arc;

use capstan_conformance::content::counting;
use capstan_conformance::fails;
use capstan_domain::failure::Kind;
use capstan_domain::ports::{Files, PutOptions};
use capstan_test_servers::{Samba, server_or_skip};
use serde_json::json;

use super::{host, host_with, port};

#[tokio::test]
async fn a_server_too_old_or_without_encryption_is_refused_with_the_reason() {
    let server = server_or_skip!(Samba::start_with(" server max protocol = SMB2_10"));
    let refused = |more| async { host(&server, "share", more).await.connection.probe().await.unwrap_err() };
    let failure = refused(json!({ "minimum-dialect": "3.0" })).await;
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Unsupported, Some("dialect")));
    let failure = refused(json!({ "encryption": "required" })).await;
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Unsupported, Some("no-encryption")));
}

#[tokio::test]
async fn who_may_not_sign_in_learns_why() {
    let server = server_or_skip!(Samba::start());
    let failure = host_with(&server, "share", json!({}), "wrong").await.connection.probe().await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Unauthenticated, Some("STATUS_LOGON_FAILURE")), "{failure:?}");
    assert!(failure.next_step.unwrap().contains("password"));
    let stranger = host(&server, "share", json!({ "user": "nobody-here" })).await;
    fails(stranger.connection.probe().await, Kind::Unauthenticated, "an unknown user").unwrap();
    let guest = host(&server, "share", json!({ "user": "" })).await;
    assert!(guest.connection.probe().await.is_err());
    server.enable(false).unwrap();
    let failure = host(&server, "share", json!({})).await.connection.probe().await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Unauthenticated, Some("STATUS_ACCOUNT_DISABLED")));
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let server = server_or_skip!(Samba::start());
    let failure = host(&server, "no-share", json!({})).await.connection.probe().await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::NotFound, Some("share")), "{failure:?}");
    let failure = host(&server, "share", json!({ "root": "no/folder" })).await.connection.probe().await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::NotFound, Some("root")), "{failure:?}");
    let nobody = capstan_test_servers::free_port().unwrap();
    let failure = host(&server, "share", json!({ "port": nobody })).await.connection.probe().await.unwrap_err();
    assert_eq!(failure.kind, Kind::Unavailable, "{failure:?}");
    // Something answers, but not this.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let other = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = std::io::Write::write_all(&mut stream, b"SSH-2.0-OpenSSH_9.2\r\n");
        }
    });
    let failure = host(&server, "share", json!({ "port": other })).await.connection.probe().await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Unavailable, Some("protocol")), "{failure:?}");
}

#[tokio::test]
async fn what_may_not_be_written_is_denied() {
    let server = server_or_skip!(Samba::start());
    std::fs::write(server.share("read-only").join("there"), b"1234567").unwrap();
    let by_server = host(&server, "read-only", json!({})).await;
    let reading = port(&by_server);
    assert_eq!(reading.stat("read-only", "there").await.unwrap().size, 7);
    let write = |port: Arc<dyn Files>, share: &'static str| async move {
        port.write(share, "new", counting(5), "attempt", PutOptions::default()).await
    };
    fails(write(Arc::clone(&reading), "read-only").await, Kind::Denied, "a share that is read-only").unwrap();
    fails(reading.remove("read-only", "there", "remove").await, Kind::Denied, "a share that is read-only").unwrap();
    let by_configuration = host(&server, "share", json!({ "read-only": true })).await;
    let failure = write(port(&by_configuration), "share").await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Denied, Some("read-only")));
    let unencrypted = host(&server, "encrypted", json!({ "encryption": "off" })).await;
    let failure = unencrypted.connection.probe().await.unwrap_err();
    assert_eq!(failure.kind, Kind::Denied, "{failure:?}");
    assert!(failure.next_step.unwrap().contains("encrypt"));
}
