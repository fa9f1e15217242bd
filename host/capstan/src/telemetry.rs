//! Logs: to standard error, as text or JSON, filtered. Standard output belongs to the one line that says where the host listens.

use anyhow::Context;
use capstan_app::settings::LogSettings;
use tracing_subscriber::EnvFilter;

/// Overrides the filter of the settings.
const FILTER_VARIABLE: &str = "CAPSTAN_LOG";

pub(crate) fn start(settings: &LogSettings) -> anyhow::Result<()> {
    let filter = std::env::var(FILTER_VARIABLE).unwrap_or_else(|_| settings.filter.clone());
    let filter = EnvFilter::try_new(&filter).with_context(|| format!("log filter '{filter}'"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if settings.json { builder.json().try_init() } else { builder.with_ansi(false).try_init() };
    started.map_err(|error| anyhow::anyhow!("logging: {error}"))
}
