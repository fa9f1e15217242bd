//! A small HTTP client for the commands: one connection a command, TLS if the URL says so, Basic credentials from the environment.

use std::path::PathBuf;

use anyhow::{Context, bail};
use axum::body::Body;
use base64::Engine;
use futures::TryStreamExt;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use url::Url;

use crate::cli::Remote;

/// Bytes of an answer; more is an error.
const ANSWER_BYTES_MAX: usize = 16 << 20;
const JSON: (&str, &str) = ("content-type", "application/json");
const USER_VARIABLES: [&str; 2] = ["CAPSTAN_USER", "CAPSTAN_ADMIN_USER"];
const PASSWORD_VARIABLES: [&str; 2] = ["CAPSTAN_PASSWORD", "CAPSTAN_ADMIN_PASSWORD"];

pub(crate) struct Client {
    base: Url,
    authority: Option<PathBuf>,
    authorization: String,
    /// Print answers as they came.
    pub(crate) json: bool,
}

impl Client {
    pub(crate) fn new(remote: &Remote) -> anyhow::Result<Self> {
        let base = Url::parse(&remote.url).with_context(|| format!("'{}' is not a URL", remote.url))?;
        let user = first(&USER_VARIABLES).unwrap_or_else(|| "admin".to_owned());
        let password = first(&PASSWORD_VARIABLES).context("set CAPSTAN_PASSWORD (and CAPSTAN_USER, if it is not 'admin')")?;
        let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        Ok(Self { base, authority: remote.ca.clone(), authorization: format!("Basic {credentials}"), json: remote.json })
    }

    pub(crate) async fn get(&self, path: &[&str], query: &[(&str, String)]) -> anyhow::Result<Value> {
        self.call(Method::GET, path, query, Body::empty(), &[]).await
    }

    pub(crate) async fn post(&self, path: &[&str], body: Option<&Value>) -> anyhow::Result<Value> {
        match body {
            None => self.call(Method::POST, path, &[], Body::empty(), &[]).await,
            Some(body) => self.call(Method::POST, path, &[], Body::from(body.to_string()), &[JSON]).await,
        }
    }

    pub(crate) async fn put(&self, path: &[&str], body: &Value) -> anyhow::Result<Value> {
        self.call(Method::PUT, path, &[], Body::from(body.to_string()), &[JSON]).await
    }

    pub(crate) async fn delete(&self, path: &[&str]) -> anyhow::Result<Value> {
        self.call(Method::DELETE, path, &[], Body::empty(), &[]).await
    }

    /// Uploads a component, with its detached signature where it has one.
    pub(crate) async fn install(&self, component: tokio::fs::File, signature: Option<&[u8]>) -> anyhow::Result<Value> {
        let chunks = futures::stream::try_unfold(component, |mut file| async move {
            use tokio::io::AsyncReadExt;
            let mut chunk = Vec::with_capacity(256 << 10);
            let read = (&mut file).take(256 << 10).read_to_end(&mut chunk).await?;
            Ok::<_, std::io::Error>((read > 0).then_some((chunk, file)))
        });
        let signature = signature.map(|bytes| base64::engine::general_purpose::STANDARD.encode(bytes));
        let mut headers = vec![("content-type", "application/wasm")];
        headers.extend(signature.as_deref().map(|text| ("capstan-signature", text)));
        self.call(Method::POST, &["plugins"], &[], Body::from_stream(chunks.into_stream()), &headers).await
    }

    /// Bytes of a thing from an offset on, as they come.
    pub(crate) async fn download(&self, path: &[&str], offset: u64) -> anyhow::Result<Download> {
        let range = format!("bytes={offset}-");
        let headers: &[(&str, &str)] = if offset == 0 { &[] } else { &[("range", range.as_str())] };
        let (response, connection) = self.send(Method::GET, path, &[], Body::empty(), headers).await?;
        if response.status().is_success() {
            return Ok(Download { body: response.into_body(), connection });
        }
        answer(response).await.and_then(|_| bail!("the host answered no bytes"))
    }

    /// Puts bytes into a thing, with these headers.
    pub(crate) async fn upload(&self, path: &[&str], body: Body, headers: &[(&str, &str)]) -> anyhow::Result<Value> {
        self.call(Method::PUT, path, &[], body, headers).await
    }

    async fn call(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Body,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<Value> {
        let (response, _connection) = self.send(method, path, query, body, headers).await?;
        answer(response).await
    }

    async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Body,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<(Response<Incoming>, Connection)> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| anyhow::anyhow!("'{}' cannot be a base", self.base))?
            .pop_if_empty()
            .extend(["capstan", "v1"])
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let host = url.host_str().context("the URL names no host")?.to_owned();
        let port = url.port_or_known_default().context("the URL names no port")?;
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::HOST, format!("{host}:{port}"))
            .header(header::AUTHORIZATION, &self.authorization)
            .header(header::ACCEPT, "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body)?;
        let dialed = (host.trim_start_matches('[').trim_end_matches(']'), port);
        let stream = TcpStream::connect(dialed).await.with_context(|| format!("no host answers at {}", self.base))?;
        if url.scheme() == "https" {
            let name = rustls::pki_types::ServerName::try_from(dialed.0.to_owned())?;
            let stream = crate::tls::connector(self.authority.as_deref())?.connect(name, stream).await?;
            exchange(stream, request).await
        } else {
            exchange(stream, request).await
        }
    }
}

/// Bytes that a host answers.
pub(crate) struct Download {
    body: Incoming,
    connection: Connection,
}

impl Download {
    /// The next of them; none: that was all.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<axum::body::Bytes>> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(bytes) = frame.with_context(|| format!("the answer broke off{}", self.connection.ended()))?.into_data() {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }
}

/// What drives a connection, as long as it is wanted.
struct Connection(tokio::task::JoinHandle<hyper::Result<()>>);

impl Connection {
    fn ended(&self) -> &'static str {
        if self.0.is_finished() { ", the connection ended" } else { "" }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    request: Request<Body>,
) -> anyhow::Result<(Response<Incoming>, Connection)> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = Connection(tokio::spawn(connection));
    Ok((sender.send_request(request).await?, connection))
}

async fn answer(response: Response<Incoming>) -> anyhow::Result<Value> {
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
        .collect()
        .await
        .map_err(|error| anyhow::anyhow!("the answer broke off: {error}"))?
        .to_bytes();
    if status.is_success() {
        return if body.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(&body)?) };
    }
    Err(Refused { status, complaint: complaint(status, &body) }.into())
}

/// What the host answered is that it will not.
#[derive(Debug)]
pub(crate) struct Refused {
    status: StatusCode,
    complaint: String,
}

impl Refused {
    /// Whether the same again, later, may be answered otherwise.
    pub(crate) fn is_final(error: &anyhow::Error) -> bool {
        error.downcast_ref::<Self>().is_some_and(|refused| refused.status.is_client_error())
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.complaint)
    }
}

impl std::error::Error for Refused {}

/// What an error answer says, with what to do about it.
fn complaint(status: StatusCode, body: &[u8]) -> String {
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return status.to_string() };
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let mut out = text("message").map_or_else(|| status.to_string(), str::to_owned);
    if let (Some(plugin), Some(version)) = (text("plugin"), text("version")) {
        out.push_str(&format!(" (plugin {plugin} {version})"));
    }
    if let Some(next_step) = text("next_step") {
        out.push_str("\n  next: ");
        out.push_str(next_step);
    }
    out
}

fn first(names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}
