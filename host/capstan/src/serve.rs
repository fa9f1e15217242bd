//! `capstan serve`: from settings to a listening host, and on a signal down again.
//!
//! Two runtimes: one for requests and nothing else, one for jobs and files. Guests have threads of their own in the plugin runtime. So
//! neither a long copy nor a compile delays an answer.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use capstan_app::identity::FirstStart;
use capstan_app::settings::Settings;
use capstan_app::{App, Listening, Start};
use capstan_domain::secret::SecretText;
use capstan_doors::Doors;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::cli::Serve;
use crate::listener::{Bounds, serve};
use crate::process::{announce, explained};
use crate::{config, telemetry, tls};

const LISTEN_DEFAULT: &str = "127.0.0.1:8080";
/// After the drain, what still runs on the runtimes gets this long.
const LAST_CALL: Duration = Duration::from_secs(2);

pub(crate) fn run(options: &Serve) -> anyhow::Result<()> {
    let mut settings = config::load(&options.process)?;
    settings.api.listen = options.listen.or(settings.api.listen);
    telemetry::start(&settings.log)?;
    let doors = Builder::new_multi_thread()
        .worker_threads(settings.api.threads.max(1))
        .thread_name("capstan-api")
        .enable_all()
        .build()?;
    let work = Builder::new_multi_thread().thread_name("capstan-work").enable_all().build()?;
    let result = doors.block_on(host(&settings, options, &work));
    work.shutdown_timeout(LAST_CALL);
    doors.shutdown_timeout(LAST_CALL);
    result
}

async fn host(settings: &Settings, options: &Serve, work: &Runtime) -> anyhow::Result<()> {
    let started = Instant::now();
    // Before anything else, so that a signal during the start is not lost.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;

    let address = settings.api.listen.map_or_else(|| LISTEN_DEFAULT.parse(), Ok)?;
    let listener = TcpListener::bind(address).await.with_context(|| format!("listening on {address}"))?;
    let address = listener.local_addr()?;
    let tls = settings.tls.as_ref().map(tls::acceptor).transpose()?;

    let start = {
        let (settings, data) = (settings.clone(), options.process.data.clone());
        let listening = Listening { listeners: vec![address], own_addresses: own_addresses(address) };
        async move { App::start(Start { settings: &settings, data, listening }).await }
    };
    let app = tokio::select! {
        app = on(work, start) => Arc::new(app?.map_err(explained)?),
        _ = terminate.recv() => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
    };
    first_start(&app).await?;

    let (stop, stopping) = watch::channel(false);
    let scheme = if tls.is_some() { "https" } else { "http" };
    let bounds = Bounds {
        connections: u32::try_from(settings.api.connections_max).unwrap_or(u32::MAX).max(1),
        head_timeout: Duration::from_millis(settings.api.head_timeout_ms),
        drain: Duration::from_millis(settings.api.drain_ms),
    };
    let doors = Arc::new(Doors::new(Arc::clone(&app), settings.api.body_bytes_max, tls.is_some()));
    let serving = tokio::spawn(serve(listener, tls, doors, bounds, stopping));
    announce(&format!("listening on {scheme}://{address}"))?;
    tracing::info!(%address, took_ms = millis(started.elapsed()), "ready");

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("going down");
    stop.send_replace(true);
    let closing = {
        let app = Arc::clone(&app);
        async move { app.close().await }
    };
    let drain = bounds.drain;
    let (served, closed) = tokio::join!(serving, tokio::time::timeout(drain, on(work, closing)));
    if let Err(error) = served {
        tracing::error!(%error, "the listener broke off");
    }
    if closed.is_err() {
        tracing::warn!("jobs were still running at the end of the drain time; they go on at the next start");
    }
    tracing::info!("down");
    Ok(())
}

/// Runs on the runtime for work, so that what it spawns stays there.
async fn on<T: Send + 'static>(work: &Runtime, future: impl Future<Output = T> + Send + 'static) -> anyhow::Result<T> {
    work.spawn(future).await.context("the host broke off")
}

async fn first_start(app: &App) -> anyhow::Result<()> {
    let given = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    let password = given("CAPSTAN_ADMIN_PASSWORD").map(SecretText::new);
    if let FirstStart::Made { name, password: Some(password) } =
        app.identity.first_start(given("CAPSTAN_ADMIN_USER"), password).await.map_err(explained)?
    {
        // Once, and not through the log, which is kept.
        eprintln!("administrator '{name}' was made with the password {}", password.reveal());
    }
    Ok(())
}

/// Addresses of this machine, as far as they matter: a listener on one address is that address.
fn own_addresses(listener: SocketAddr) -> Vec<IpAddr> {
    if !listener.ip().is_unspecified() {
        return vec![listener.ip()];
    }
    interfaces().unwrap_or_default()
}

/// Every IPv4 and IPv6 address the kernel calls local.
fn interfaces() -> std::io::Result<Vec<IpAddr>> {
    let mut found: Vec<IpAddr> = Vec::new();
    // "  |-- 10.0.0.5" followed by "     /32 host LOCAL".
    let trie = std::fs::read_to_string("/proc/net/fib_trie")?;
    let mut last = None;
    for line in trie.lines() {
        if let Some(address) = line.trim().strip_prefix("|-- ") {
            last = address.parse::<IpAddr>().ok();
        } else if line.contains("host LOCAL") {
            found.extend(last.filter(|address| !found.contains(address)));
        }
    }
    for line in std::fs::read_to_string("/proc/net/if_inet6").unwrap_or_default().lines() {
        let digits = line.split_whitespace().next().unwrap_or_default();
        if let Ok(bits) = u128::from_str_radix(digits, 16) {
            found.push(IpAddr::V6(bits.into()));
        }
    }
    Ok(found)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
