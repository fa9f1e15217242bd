//! What a call into a plugin costs before it does anything.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use capstan_domain::ports::{GetOptions, Objects};
use capstan_runtime::Limits;
use futures::StreamExt;
use serde_json::json;

use crate::measure::{Series, has, number};
use crate::plugin::{Room, failed};
use crate::table;

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let calls = if has(arguments, "--quick") { 2_000 } else { 50_000 };
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure(calls))
}

async fn measure(calls: usize) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    // Every call counts as large when the threshold is zero, and so gets a store of its own.
    for (way, large_bytes) in [("through the pool", u64::MAX), ("a store of its own", 0)] {
        let room = Room::open(Limits { large_bytes, ..Limits::default() })?;
        let (plugin, version) = room.install(capstan_e2e::dist().join("fixtures/hostile-shared.wasm")).await?;
        room.activate(&plugin, &version).await?;
        let objects =
            room.target(&plugin, json!({ "misbehave": "nothing" }), None).objects().context("the fixture has no objects")?;
        let alone = one_by_one(&*objects, calls).await?;
        let together = many(&objects, calls).await?;
        rows.push(vec![way.into(), number(alone.median()), number(alone.quantile(0.99)), number(together)]);
    }
    let notes = vec![format!(
        "`objects.head` of a fixture that answers at once, {calls} calls, the whole way through the domain's port."
    )];
    table::print("Sandbox: calls", &notes, &["way", "p50, µs", "p99, µs", "calls/s, 64 at a time"], &rows)
}

async fn one_by_one(objects: &dyn Objects, calls: usize) -> anyhow::Result<Series> {
    let mut micros = Vec::with_capacity(calls);
    for round in 0..calls + calls / 10 {
        let start = Instant::now();
        touch(objects).await?;
        if round >= calls / 10 {
            micros.push(start.elapsed().as_secs_f64() * 1e6);
        }
    }
    Ok(Series::of(micros))
}

async fn many(objects: &Arc<dyn Objects>, calls: usize) -> anyhow::Result<f64> {
    let start = Instant::now();
    let mut running = futures::stream::iter(0..calls).map(|_| touch(&**objects)).buffer_unordered(64);
    while let Some(outcome) = running.next().await {
        outcome?;
    }
    Ok(calls as f64 / start.elapsed().as_secs_f64())
}

/// The answer may be that nothing is there; what counts is that the guest gave it.
async fn touch(objects: &dyn Objects) -> anyhow::Result<()> {
    match objects.head("main", "nothing", GetOptions::default()).await {
        Ok(_) => Ok(()),
        Err(failure) if failure.kind == capstan_domain::Kind::NotFound => Ok(()),
        Err(failure) => Err(failed(failure)),
    }
}
