//! What a connector may do is what its grants say, at every moment; and how many connections it may have.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use capstan_domain::Kind;
use capstan_domain::failure::Blame;
use capstan_grants::Grants;
use capstan_services::tcp::Connector;
use capstan_services::{ConnectionCounters, Limits};
use tokio::io::AsyncWriteExt;

use crate::server::{allow, connector, echo, quick, serving, silent};

#[tokio::test]
async fn a_place_that_was_not_granted_is_denied_by_the_exact_grant_it_lacks() {
    let port = echo().await;
    let connector = Connector::new(allow(&[("127.0.0.1", 1)]), quick(), Arc::default());
    for (host, named) in [("127.0.0.1", "127.0.0.1"), ("localhost", "localhost"), ("0x7f.1", "127.0.0.1"), ("[::1]", "[::1]")] {
        let failure = connector.connect(host, port, &Vec::new()).await.err().unwrap();
        assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Denied, Some("not-granted")), "{host}");
        let command = format!("capstan grant allow t connect {named}:{port}");
        assert!(failure.next_step.unwrap().ends_with(&command), "{host}");
    }
    connector.set_grants(allow(&[("127.0.0.1", port)]));
    assert!(connector.connect("0x7f.1", port, &Vec::new()).await.is_ok());
}

#[tokio::test]
async fn revoking_a_grant_cuts_reads_and_writes_in_the_middle() {
    let port = silent().await;
    let connector = connector(port);
    let connection = Arc::new(connector.connect("127.0.0.1", port, &Vec::new()).await.unwrap());
    let (reader, writer) = (Arc::clone(&connection), Arc::clone(&connection));
    let reading = tokio::spawn(async move { reader.read(1).await.unwrap_err() });
    let writing = tokio::spawn(async move {
        let much = vec![0; 16 << 20];
        loop {
            if let Err(failure) = writer.write(&much).await {
                return failure;
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    // What is still covered stays.
    connector.set_grants(allow(&[("127.0.0.1", port)]));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!reading.is_finished());
    connector.set_grants(Arc::new(Grants::none("t")));
    for cut in [reading, writing] {
        let failure = tokio::time::timeout(Duration::from_millis(200), cut).await.unwrap().unwrap();
        assert_eq!(failure.kind, Kind::Denied);
    }
    assert_eq!(connection.write(b"x").await.unwrap_err().kind, Kind::Denied);
    drop(connection);
    assert_eq!(connector.live_connections(), 0);
}

#[tokio::test]
async fn more_connections_than_the_limit_wait_and_are_then_refused() {
    let port = echo().await;
    let counters: Arc<ConnectionCounters> = Arc::default();
    let limits = Limits { tcp_connections: 2, connection_wait: Duration::from_millis(200), ..quick() };
    let connector = Arc::new(Connector::new(allow(&[("127.0.0.1", port)]), limits, Arc::clone(&counters)));
    let first = connector.connect("127.0.0.1", port, &Vec::new()).await.unwrap();
    let _second = connector.connect("127.0.0.1", port, &Vec::new()).await.unwrap();
    assert_eq!(counters.in_use.load(Ordering::Relaxed), 2);
    let failure = connector.connect("127.0.0.1", port, &Vec::new()).await.err().unwrap();
    assert_eq!((failure.kind, failure.blame), (Kind::Busy, Blame::Host));
    assert_eq!(counters.refused.load(Ordering::Relaxed), 1);
    let waiting = tokio::spawn({
        let connector = Arc::clone(&connector);
        async move { connector.connect("127.0.0.1", port, &Vec::new()).await.map(drop) }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(first);
    waiting.await.unwrap().unwrap();
    assert_eq!(counters.in_use.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_privileged_source_port_is_below_1024_or_refused_with_what_to_do() {
    let port = serving(|mut stream, peer| async move { stream.write_all(&peer.port().to_be_bytes()).await.unwrap() }).await;
    let connector = connector(port);
    let extras = vec![("source-port".to_owned(), "privileged".to_owned())];
    // Two at once do not get in each other's way.
    for connecting in [connector.connect("127.0.0.1", port, &extras), connector.connect("127.0.0.1", port, &extras)] {
        match connecting.await {
            Ok(connection) => {
                let source = u16::from_be_bytes(connection.read(2).await.unwrap().try_into().unwrap());
                assert!((512..1024).contains(&source), "{source}");
            }
            // Only where the tests do not run as root.
            Err(failure) => {
                assert_eq!(failure.code.as_deref(), Some("privileged-port"));
                assert!(failure.next_step.unwrap().contains("CAP_NET_BIND_SERVICE"));
            }
        }
    }
}
