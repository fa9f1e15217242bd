//! `capstan worker`: from settings to a process that works for a site, and on a signal down again. It listens nowhere.

use std::time::Duration;

use capstan_app::settings::Settings;
use capstan_app::{Worker, WorkerStart};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli;
use crate::process::{announce, explained};
use crate::{config, telemetry};

/// After the drain, what still runs gets this long.
const LAST_CALL: Duration = Duration::from_secs(2);

pub(crate) fn run(options: &cli::Worker) -> anyhow::Result<()> {
    let settings = config::load(&options.process)?;
    telemetry::start(&settings.log)?;
    let runtime = Builder::new_multi_thread().thread_name("capstan-work").enable_all().build()?;
    let result = runtime.block_on(work(&settings, options));
    runtime.shutdown_timeout(LAST_CALL);
    result
}

async fn work(settings: &Settings, options: &cli::Worker) -> anyhow::Result<()> {
    // Before anything else, so that a signal during the start is not lost.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let start = WorkerStart { settings, data: options.process.data.clone(), site: options.site.clone() };
    let worker = tokio::select! {
        worker = Worker::start(start) => worker.map_err(explained)?,
        _ = terminate.recv() => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
    };
    announce(&format!("working for {}", options.site))?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("going down");
    let drain = Duration::from_millis(settings.api.drain_ms);
    if tokio::time::timeout(drain, worker.close()).await.is_err() {
        tracing::warn!("tasks were still running at the end of the drain time; they go on at the next start");
    }
    tracing::info!("down");
    Ok(())
}
