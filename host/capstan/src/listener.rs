//! Accepts connections and serves them until told to stop; then lets running requests finish, up to a deadline.
//!
//! The number of connections is bounded (more wait in the kernel's queue), and a client that does not send its request's head in time
//! is cut, so that silent connections cannot hold the host.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use capstan_doors::Doors;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

/// After a failed accept (no file handles left, say); so that it is not asked again in a tight loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// A TLS handshake; a slower one is cut.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) connections: u32,
    pub(crate) head_timeout: Duration,
    pub(crate) drain: Duration,
}

/// Returns when `stop` became true and every connection has ended, or the drain time is over.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    doors: Arc<Doors>,
    bounds: Bounds,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(bounds.connections as usize));
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            () = stopped(&mut stop) => break,
        };
        let Ok(place) = place else { break };
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            () = stopped(&mut stop) => break,
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let (doors, tls, stop) = (Arc::clone(&doors), tls.clone(), stop.clone());
        tokio::spawn(async move {
            let _place = place;
            match tls {
                None => connection(stream, peer, doors, bounds, stop).await,
                Some(tls) => match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
                    Ok(Ok(stream)) => connection(stream, peer, doors, bounds, stop).await,
                    Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
                    Err(_) => tracing::debug!(%peer, "TLS handshake took too long"),
                },
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(bounds.drain, places.acquire_many(bounds.connections)).await.is_err() {
        tracing::warn!("connections were still open at the end of the drain time");
    }
}

async fn connection<S>(stream: S, peer: SocketAddr, doors: Arc<Doors>, bounds: Bounds, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let doors = Arc::clone(&doors);
        async move { Ok::<_, Infallible>(doors.answer(request.map(Body::new), peer).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head_timeout)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%peer, %error, "connection ended");
    }
}

/// Resolves when `stop` is true, or its sender is gone.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A closed channel means that whoever could stop us is gone, which is a stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}
