//! Servers to test against, and connectors that may reach them.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use capstan_domain::grant::Power;
use capstan_grants::{Granted, Grants, Policy};
use capstan_services::Limits;
use capstan_services::tcp::Connector;
use tokio::net::{TcpListener, TcpStream};

/// Hands each connection and the address of its peer to `serve`.
pub(crate) async fn serving<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(TcpStream, SocketAddr) -> F + Send + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            tokio::spawn(serve(stream, peer));
        }
    });
    port
}

/// Gives back what it gets, and ends when its peer does.
pub(crate) async fn echo() -> u16 {
    serving(|mut stream, _| async move {
        let (mut reader, mut writer) = stream.split();
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
    })
    .await
}

/// Takes connections and nothing else.
pub(crate) async fn silent() -> u16 {
    serving(|stream, _| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await
}

pub(crate) fn allow(places: &[(&str, u16)]) -> Arc<Grants> {
    let granted: Vec<Granted> = places
        .iter()
        .map(|(host, port)| Granted { power: Power::Connect { host: (*host).to_owned(), port: *port }, configured: false })
        .collect();
    Arc::new(Grants::new("t", &[], &granted, Arc::new(Policy::default())))
}

pub(crate) fn quick() -> Limits {
    Limits {
        connect: Duration::from_secs(5),
        connection_wait: Duration::from_millis(50),
        idle_write: Duration::from_millis(300),
        ..Limits::default()
    }
}

/// May reach this port of 127.0.0.1, whichever way that is written.
pub(crate) fn connector(port: u16) -> Connector {
    Connector::new(allow(&[("127.0.0.1", port), ("localhost", port)]), quick(), Arc::default())
}
