//! Servers to test against: one that speaks HTTP properly, one that does what a test tells it.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use capstan_domain::grant::Power;
use capstan_grants::{Granted, Grants, Policy};
use capstan_services::Limits;
use capstan_services::http::{Client, Request};
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

pub(crate) type Answer = hyper::Response<BoxBody<Bytes, std::io::Error>>;

/// A listening address, and how many connections it took.
pub(crate) struct Server {
    pub address: SocketAddr,
    pub connections: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn client(&self) -> Client {
        self.client_with(quick())
    }

    pub(crate) fn client_with(&self, limits: Limits) -> Client {
        Client::new(allow(&[("127.0.0.1", self.address.port())]), limits)
    }
}

/// Limits that make tests short.
pub(crate) fn quick() -> Limits {
    Limits {
        connect: Duration::from_secs(5),
        first_byte: Duration::from_millis(400),
        idle_body: Duration::from_millis(400),
        ..Limits::default()
    }
}

pub(crate) fn allow(places: &[(&str, u16)]) -> Arc<Grants> {
    let granted: Vec<Granted> = places
        .iter()
        .map(|(host, port)| Granted { power: Power::Connect { host: (*host).to_owned(), port: *port }, configured: false })
        .collect();
    Arc::new(Grants::new("t", &[], &granted, Arc::new(Policy::default())))
}

pub(crate) fn request(method: &str, url: String) -> Request {
    Request { method: method.into(), url, ..Request::default() }
}

/// Hands each connection to `serve`, raw.
pub(crate) async fn raw<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(TcpStream, usize) -> F + Send + 'static,
) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let number = counted.fetch_add(1, Ordering::SeqCst);
            stream.set_nodelay(true).unwrap();
            tokio::spawn(serve(stream, number));
        }
    });
    Server { address, connections }
}

/// A proper server with keep-alive.
pub(crate) async fn proper<F>(answer: impl Fn(hyper::Request<Incoming>) -> F + Clone + Send + Sync + 'static) -> Server
where
    F: Future<Output = Answer> + Send + 'static,
{
    raw(move |stream, _| {
        let answer = answer.clone();
        async move {
            let service = hyper::service::service_fn(move |request| {
                let answer = answer(request);
                async move { Ok::<_, std::convert::Infallible>(answer.await) }
            });
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        }
    })
    .await
}

pub(crate) fn full(status: u16, body: impl Into<Bytes>) -> Answer {
    let body = http_body_util::Full::new(body.into()).map_err(|never| match never {}).boxed();
    hyper::Response::builder().status(status).body(body).unwrap()
}

/// Reads the head of a request, and what came with it.
pub(crate) async fn head(stream: &mut TcpStream) -> String {
    use tokio::io::AsyncReadExt;
    let mut text = Vec::new();
    let mut piece = [0; 4096];
    while !text.windows(4).any(|window| window == b"\r\n\r\n") {
        let count = stream.read(&mut piece).await.unwrap_or(0);
        if count == 0 {
            break;
        }
        text.extend_from_slice(&piece[..count]);
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// `count` bytes in chunks, each byte its position.
pub(crate) fn pattern(count: u64) -> impl futures::Stream<Item = Bytes> + Send {
    const CHUNK: u64 = 256 << 10;
    let whole: Bytes = (0..CHUNK).map(|at| (at % 251) as u8).collect::<Vec<u8>>().into();
    futures::stream::iter((0..count.div_ceil(CHUNK)).map(move |index| whole.slice(..(CHUNK.min(count - index * CHUNK)) as usize)))
}
