//! The other side of measurements, each a process of its own so that its CPU time is not counted as ours.

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Write};
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::task::{Context, Poll};

use anyhow::Context as _;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Bytes handed to the socket at a time.
const PIECE: usize = 256 << 10;

/// A child process that serves; ends with its guard.
pub(crate) struct Server {
    process: Child,
    pub port: u16,
}

impl Server {
    pub(crate) fn start(which: &str) -> anyhow::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?).arg(which).stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().context("the output of the server")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let port = line.trim().parse().with_context(|| format!("{which} said {line:?} instead of its port"))?;
        Ok(Self { process, port })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

async fn listen() -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", listener.local_addr()?.port())?;
    out.flush()?;
    Ok(listener)
}

/// Takes any object and forgets it; gives as many bytes as the last part of the key says ("/bucket/bytes-1048576").
pub(crate) fn sink() -> anyhow::Result<()> {
    runtime()?.block_on(take_everything())
}

async fn take_everything() -> anyhow::Result<()> {
    let listener = listen().await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let service = hyper::service::service_fn(serve);
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// What the API is compared to: the framework with nothing behind it.
pub(crate) fn hello() -> anyhow::Result<()> {
    runtime()?.block_on(say_hello())
}

async fn say_hello() -> anyhow::Result<()> {
    let listener = listen().await?;
    let hello = || async { axum::Json(serde_json::json!({ "hello": "world" })) };
    axum::serve(listener, axum::Router::new().route("/", axum::routing::get(hello))).await?;
    Ok(())
}

async fn serve(request: Request<Incoming>) -> Result<Response<Pattern>, Infallible> {
    let method = request.method().clone();
    let size = request.uri().path().rsplit("bytes-").next().and_then(|size| size.parse().ok()).unwrap_or(0);
    let bare = request.uri().path() == "/";
    let mut body = request.into_body();
    while let Some(Ok(_)) = body.frame().await {}
    let mut response = Response::new(match method {
        // What an S3 client asks when it wants to know whether anybody is there.
        Method::GET if bare => Pattern::text(b"<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>"),
        Method::GET | Method::HEAD => Pattern::new(size),
        _ => Pattern::new(0),
    });
    let headers = response.headers_mut();
    headers.insert("etag", hyper::header::HeaderValue::from_static("\"0123456789abcdef0123456789abcdef-1\""));
    headers.insert("last-modified", hyper::header::HeaderValue::from_static("Sat, 01 Nov 2025 00:00:00 GMT"));
    Ok(response)
}

/// So many bytes, out of one piece of memory.
pub(crate) struct Pattern {
    piece: Bytes,
    left: u64,
}

impl Pattern {
    pub(crate) fn new(size: u64) -> Self {
        let piece: Vec<u8> = (0..PIECE).map(|at| u8::try_from(at % 251).unwrap_or(0)).collect();
        Self { piece: piece.into(), left: size }
    }
}

impl Pattern {
    fn text(text: &'static [u8]) -> Self {
        Self { piece: Bytes::from_static(text), left: text.len() as u64 }
    }
}

impl Body for Pattern {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let take = usize::try_from(self.left).unwrap_or(usize::MAX).min(self.piece.len());
        if take == 0 {
            return Poll::Ready(None);
        }
        self.left -= take as u64;
        Poll::Ready(Some(Ok(Frame::data(self.piece.slice(..take)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
