//! A plugin exchanged for another version, and back, while 32 workers use it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use capstan_domain::content::Content;
use capstan_domain::ports::{Objects, PutOptions};
use capstan_runtime::Limits;

use crate::measure::{Series, has, number};
use crate::plugin::{Pattern, Room, s3_configuration};
use crate::server::Server;
use crate::table;

const WORKERS: usize = 32;
/// Time between two swaps.
const PAUSE: Duration = Duration::from_millis(400);

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let swaps = if has(arguments, "--quick") { 4 } else { 20 };
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure(swaps))
}

/// One call: when it began and how long it took.
type Call = (Instant, Duration);

#[derive(Default)]
struct Seen {
    calls: Mutex<Vec<Call>>,
    failures: Mutex<Vec<String>>,
    over: AtomicBool,
}

async fn measure(swaps: usize) -> anyhow::Result<()> {
    let server = Server::start("serve-sink")?;
    let room = Room::open(Limits::default())?;
    let (plugin, first) = room.install(capstan_e2e::dist().join("plugins/s3.wasm")).await?;
    let (same, second) = room.install(capstan_e2e::dist().join("fixtures/s3-next.wasm")).await?;
    anyhow::ensure!(plugin == same && first != second, "{plugin} {first} and {same} {second} are not two versions of one plugin");
    room.activate(&plugin, &first).await?;
    let objects =
        room.target(&plugin, s3_configuration(server.port), Some(server.port)).objects().context("the plugin has no objects")?;

    let seen = Arc::new(Seen::default());
    let workers: Vec<_> =
        (0..WORKERS).map(|number| tokio::spawn(work(number, Arc::clone(&objects), Arc::clone(&seen)))).collect();
    tokio::time::sleep(PAUSE).await;
    let mut windows = Vec::new();
    for swap in 0..swaps {
        let version = if swap % 2 == 0 { &second } else { &first };
        let start = Instant::now();
        room.activate(&plugin, version).await?;
        windows.push((start, start.elapsed()));
        tokio::time::sleep(PAUSE).await;
    }
    seen.over.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await?;
    }
    report(&seen, &windows)
}

async fn work(number: usize, objects: Arc<dyn Objects>, seen: Arc<Seen>) {
    let content: Content = Arc::new(Pattern::new(4096));
    let mut calls = Vec::new();
    while !seen.over.load(Ordering::Relaxed) {
        let start = Instant::now();
        let key = format!("{number}/{}", calls.len());
        match objects.put("b", &key, Arc::clone(&content), &key, PutOptions::default()).await {
            Ok(_) => calls.push((start, start.elapsed())),
            Err(failure) => seen.failures.lock().unwrap_or_else(PoisonError::into_inner).push(failure.to_string()),
        }
    }
    seen.calls.lock().unwrap_or_else(PoisonError::into_inner).extend(calls);
}

fn report(seen: &Seen, windows: &[Call]) -> anyhow::Result<()> {
    let calls = seen.calls.lock().unwrap_or_else(PoisonError::into_inner);
    let failures = seen.failures.lock().unwrap_or_else(PoisonError::into_inner);
    // A call is in a swap when the two overlap; a swap includes the probe of every target on the new version.
    let during = |(start, took): &Call| windows.iter().any(|(from, length)| *start < *from + *length && *start + *took > *from);
    let millis = |calls: Vec<&Call>| Series::of(calls.into_iter().map(|(_, took)| took.as_secs_f64() * 1e3).collect());
    let (inside, outside): (Vec<&Call>, Vec<&Call>) = calls.iter().partition(|call| during(call));
    let mut rows = Vec::new();
    for (when, calls) in [("during a swap", inside), ("between swaps", outside)] {
        let (count, series) = (calls.len(), millis(calls));
        rows.push(vec![
            when.into(),
            count.to_string(),
            number(series.median()),
            number(series.quantile(0.99)),
            number(series.quantile(1.0)),
        ]);
    }
    let swap = Series::of(windows.iter().map(|(_, length)| length.as_secs_f64() * 1e3).collect());
    let notes = vec![
        format!(
            "{} swaps between two versions of the S3 plugin under {WORKERS} workers putting 4 KiB objects. A swap took {} ms.",
            windows.len(),
            swap.text()
        ),
        format!(
            "Failed calls: {}.{}",
            failures.len(),
            failures.first().map(|first| format!(" The first: {first}")).unwrap_or_default()
        ),
    ];
    table::print("Hot swap", &notes, &["calls", "number", "p50, ms", "p99, ms", "longest, ms"], &rows)
}
