//! What a client may do is what its grants say, at every moment.

use std::sync::Arc;
use std::time::Duration;

use capstan_domain::Kind;
use capstan_domain::grant::Power;
use capstan_grants::{Granted, Grants, Policy};
use capstan_services::http::{Client, Payload};
use futures::StreamExt;
use tokio::io::AsyncWriteExt;

use crate::server::{allow, full, head, proper, quick, raw, request};

#[tokio::test]
async fn a_host_that_was_not_granted_is_never_connected_to() {
    let server = proper(|_| async { full(200, "") }).await;
    let port = server.address.port();
    let client = Client::new(allow(&[("127.0.0.1", 1)]), quick());
    let numeric = format!("http://2130706433:{port}/");
    for url in [
        server.url("/"),
        format!("http://localhost:{port}/"),
        format!("http://0x7f.1:{port}/"),
        numeric,
        format!("http://[::ffff:127.0.0.1]:{port}/"),
    ] {
        let failure = client.exchange(&request("GET", url.clone()), Payload::Empty, 10).await.unwrap_err();
        assert_eq!(failure.kind, Kind::Denied, "{url}");
        assert!(failure.next_step.unwrap().contains("capstan grant allow t connect"), "{url}");
    }
    let nothing = Client::new(Arc::new(Grants::none("t")), quick());
    assert_eq!(nothing.exchange(&request("GET", server.url("/")), Payload::Empty, 10).await.unwrap_err().kind, Kind::Denied);
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_granted_name_that_resolves_to_the_hosts_own_door_is_denied() {
    let server = proper(|_| async { full(200, "") }).await;
    let port = server.address.port();
    let granted = [Granted { power: Power::Connect { host: "localhost".into(), port }, configured: false }];
    let policy = Policy { listeners: vec![format!("0.0.0.0:{port}").parse().unwrap()], ..Policy::default() };
    let client = Client::new(Arc::new(Grants::new("t", &[], &granted, Arc::new(policy))), quick());
    let failure = client.exchange(&request("GET", format!("http://localhost:{port}/")), Payload::Empty, 10).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Denied, Some("address-refused")));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn revoking_a_grant_cuts_a_transfer_in_the_middle() {
    let server = raw(|mut stream, _| async move {
        head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await.unwrap();
        std::future::pending().await
    })
    .await;
    let client = Arc::new(server.client_with(capstan_services::Limits::default()));
    let mut body = client.send(&request("GET", server.url("/")), Payload::Empty).await.unwrap().body;
    assert_eq!(body.next().await.unwrap().unwrap(), "half");
    let waiting = tokio::spawn(async move { body.next().await.unwrap().unwrap_err() });
    tokio::time::sleep(Duration::from_millis(50)).await;
    client.set_grants(allow(&[]));
    let failure = tokio::time::timeout(Duration::from_secs(2), waiting).await.unwrap().unwrap();
    assert_eq!(failure.kind, Kind::Denied);
    assert_eq!(client.live_connections(), 0);
    assert_eq!(client.exchange(&request("GET", server.url("/")), Payload::Empty, 10).await.unwrap_err().kind, Kind::Denied);
}

#[tokio::test]
async fn changing_grants_leaves_covered_connections_alone_and_closes_kept_ones_that_are_not() {
    let server = proper(|_| async { full(200, "") }).await;
    let port = server.address.port();
    let client = server.client();
    let asked = request("GET", server.url("/"));
    let call = || client.exchange(&asked, Payload::Empty, 10);
    call().await.unwrap();
    client.set_grants(allow(&[("127.0.0.1", port), ("other.example", 443)]));
    call().await.unwrap();
    assert_eq!(server.connections(), 1);
    client.set_grants(allow(&[]));
    assert_eq!(client.live_connections(), 0);
    client.set_grants(allow(&[("127.0.0.1", port)]));
    call().await.unwrap();
    assert_eq!(server.connections(), 2);
}
