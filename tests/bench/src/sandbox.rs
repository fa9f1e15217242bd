//! What the sandbox costs a transfer: the same HTTP client with no plugin, through the S3 plugin with the stream handed on, and with
//! every byte piped through the store. Server in a process of its own; the three take turns.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context, ensure};
use capstan_domain::content::{Body, Content, Source};
use capstan_domain::grant::Power;
use capstan_domain::ports::{GetOptions, Objects, PutOptions};
use capstan_grants::{Granted, Grants};
use capstan_services::http::{Client, Payload, Request};
use futures::StreamExt;

use crate::measure::{Series, Watch, has, rate};
use crate::plugin::{Pattern, Room, failed, s3_configuration};
use crate::server::Server;
use crate::table;

const WAYS: [&str; 3] = ["native", "through the plugin, handed on", "through the plugin, piped"];

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let (bytes, rounds) = if has(arguments, "--quick") { (256 << 20, 3) } else { (2 << 30, 7) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(bytes, rounds))
}

/// Wall and CPU rates of one way in one direction.
#[derive(Default)]
struct Rates {
    wall: Series,
    cpu: Series,
}

async fn measure(bytes: u64, rounds: usize) -> anyhow::Result<()> {
    let server = Server::start("serve-sink")?;
    let room = Room::open(capstan_runtime::Limits::default())?;
    let (plugin, version) = room.install(capstan_e2e::dist().join("plugins/s3.wasm")).await?;
    room.activate(&plugin, &version).await?;
    let objects = room
        .target(&plugin, s3_configuration(server.port), Some(server.port))
        .objects()
        .context("the S3 plugin has no objects")?;
    let granted = [Granted { power: Power::Connect { host: "127.0.0.1".into(), port: server.port }, configured: false }];
    let client = Client::new(Arc::new(Grants::new("bench", &[], &granted, Arc::default())), capstan_services::Limits::default());
    let streams = &room.runtime.metrics().streams;

    let mut put: [Rates; 3] = Default::default();
    let mut get: [Rates; 3] = Default::default();
    // The first round warms connections up and is not counted.
    for round in 0..=rounds {
        for way in 0..WAYS.len() {
            streams.only_pipe.store(way == 2, Ordering::Relaxed);
            let before = (streams.unwrapped.load(Ordering::Relaxed), streams.piped.load(Ordering::Relaxed));
            let (up, down) =
                if way == 0 { native(&client, server.port, bytes).await? } else { plugged(&*objects, bytes).await? };
            let after = (streams.unwrapped.load(Ordering::Relaxed), streams.piped.load(Ordering::Relaxed));
            match way {
                1 => ensure!(
                    after.0 >= before.0 + 2 && after.1 == before.1,
                    "the streams were not handed on: {before:?} {after:?}"
                ),
                2 => ensure!(after.1 >= before.1 + 2, "the streams were not piped"),
                _ => {}
            }
            if round > 0 {
                for (rates, taken) in [(&mut put, up), (&mut get, down)] {
                    let Some(rates) = rates.get_mut(way) else { continue };
                    rates.wall.push(rate(bytes, taken.wall));
                    rates.cpu.push(rate(bytes, taken.cpu));
                }
            }
        }
    }
    let mut rows = Vec::new();
    for (direction, rates) in [("PUT", &put), ("GET", &get)] {
        let [base, ..] = rates;
        for (way, rates) in WAYS.iter().zip(rates) {
            rows.push(vec![
                direction.into(),
                (*way).into(),
                rates.wall.text(),
                rates.wall.against(&base.wall),
                rates.cpu.text(),
                rates.cpu.against(&base.cpu),
            ]);
        }
    }
    let notes = vec![format!(
        "{} MiB an object over loopback, HTTP/1.1, no TLS, {rounds} rounds in turns, medians (spread). CPU is this process', the server is another.",
        bytes >> 20
    )];
    table::print("Sandbox: transfers", &notes, &["", "way", "GiB/s", "to native", "GiB per CPU second", "to native"], &rows)
}

type UpAndDown = (crate::measure::Taken, crate::measure::Taken);

async fn native(client: &Client, port: u16, bytes: u64) -> anyhow::Result<UpAndDown> {
    let request = |method: &str| Request {
        method: method.into(),
        url: format!("http://127.0.0.1:{port}/b/bytes-{bytes}"),
        ..Request::default()
    };
    let watch = Watch::start();
    let body = Pattern::new(bytes).open(0, bytes);
    client.exchange(&request("PUT"), Payload::Stream { body, length: bytes }, 1 << 20).await.map_err(failed)?;
    let up = watch.stop();
    let watch = Watch::start();
    let response = client.send(&request("GET"), Payload::Empty).await.map_err(failed)?;
    drain(response.body, bytes).await?;
    Ok((up, watch.stop()))
}

async fn plugged(objects: &dyn Objects, bytes: u64) -> anyhow::Result<UpAndDown> {
    let key = format!("bytes-{bytes}");
    let content: Content = Arc::new(Pattern::new(bytes));
    let watch = Watch::start();
    objects.put("b", &key, content, "attempt", PutOptions::default()).await.map_err(failed)?;
    let up = watch.stop();
    let watch = Watch::start();
    let (_, body) = objects.get("b", &key, None, GetOptions::default()).await.map_err(failed)?;
    drain(body, bytes).await?;
    Ok((up, watch.stop()))
}

async fn drain(mut body: Body, bytes: u64) -> anyhow::Result<()> {
    let mut read = 0;
    while let Some(chunk) = body.next().await {
        read += chunk.map_err(failed)?.len() as u64;
    }
    ensure!(read == bytes, "{read} of {bytes} bytes came");
    Ok(())
}
