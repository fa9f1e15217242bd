//! Requests with authentication against the whole host, beside the bare framework, over the same kind of connections.

use std::time::{Duration, Instant};

use anyhow::ensure;
use base64::Engine;
use bytes::Bytes;
use capstan_e2e::{Host, HostOptions, PASSWORD, USER};
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;

use crate::measure::{Series, has, number};
use crate::server::Server;
use crate::table;

const CONNECTIONS: usize = 64;

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let (rounds, length) = if has(arguments, "--quick") { (3, 1) } else { (7, 4) };
    let room = tempfile::Builder::new().prefix("capstan-bench-").tempdir()?;
    let host = Host::start(HostOptions { data: room.path().join("data"), ..HostOptions::default() })?;
    let client = host.client();
    for name in ["one", "two", "three"] {
        client.post("/api/v2/containers", &json!({ "name": name }))?;
    }
    let hello = Server::start("serve-hello")?;
    let places = [
        ("bare axum, a JSON object", format!("127.0.0.1:{}", hello.port), "/"),
        ("GET /livez", bare(client.base()), "/livez"),
        ("GET /api/v2/containers/one", bare(client.base()), "/api/v2/containers/one"),
        ("GET /api/v2/containers (3)", bare(client.base()), "/api/v2/containers"),
    ];
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut results: Vec<(Series, Series)> = vec![Default::default(); places.len()];
    // The first round is not counted.
    for round in 0..=rounds {
        for ((_, address, path), (rates, slow)) in places.iter().zip(&mut results) {
            let (rate, p99) = runtime.block_on(load(address, path, Duration::from_secs(length)))?;
            if round > 0 {
                rates.push(rate);
                slow.push(p99);
            }
        }
    }
    host.stop()?;
    let Some((base, _)) = results.first().cloned() else { return Ok(()) };
    let rows: Vec<_> = places
        .iter()
        .zip(&results)
        .map(|((what, _, _), (rates, slow))| vec![(*what).to_owned(), rates.text(), rates.against(&base), number(slow.median())])
        .collect();
    let notes = vec![format!(
        "{CONNECTIONS} connections with keep-alive from this process, Basic credentials on each request, {rounds} rounds of {length} s in turns. Load generator and server share the machine."
    )];
    table::print("API", &notes, &["", "requests/s", "to bare axum", "p99, ms"], &rows)
}

fn bare(base: &str) -> String {
    base.trim_start_matches("http://").to_owned()
}

/// Requests a second and the 99th percentile in milliseconds.
async fn load(address: &str, path: &str, length: Duration) -> anyhow::Result<(f64, f64)> {
    let start = Instant::now();
    let workers: Vec<_> =
        (0..CONNECTIONS).map(|_| tokio::spawn(connection(address.to_owned(), path.to_owned(), start + length))).collect();
    let mut millis = Vec::new();
    for worker in workers {
        millis.extend(worker.await??);
    }
    let rate = millis.len() as f64 / start.elapsed().as_secs_f64();
    Ok((rate, Series::of(millis).quantile(0.99)))
}

async fn connection(address: String, path: String, until: Instant) -> anyhow::Result<Vec<f64>> {
    let stream = TcpStream::connect(&address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let authorization = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{PASSWORD}")));
    let mut millis = Vec::new();
    while Instant::now() < until {
        let start = Instant::now();
        let request =
            Request::get(&path).header("host", &address).header("authorization", &authorization).body(Empty::<Bytes>::new())?;
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        ensure!(response.status().is_success(), "GET {path}: {}", response.status());
        response.into_body().collect().await?;
        millis.push(start.elapsed().as_secs_f64() * 1e3);
    }
    driver.abort();
    Ok(millis)
}
