//! Commands that talk to a running host and print what it answers, for people or as JSON.

pub(crate) mod audit;
pub(crate) mod drive;
pub(crate) mod grant;
pub(crate) mod job;
pub(crate) mod mount;
pub(crate) mod plugin;
pub(crate) mod space;
pub(crate) mod table;
pub(crate) mod target;
pub(crate) mod user;

use std::io::Write;

use serde_json::Value;

use crate::cli::Remote;
use crate::client::Client;

/// Runs one command to its end on a small runtime.
pub(crate) fn run<F>(remote: &Remote, command: impl FnOnce(Client) -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let client = Client::new(remote)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(command(client))
}

/// Prints the answer as JSON, or what `people` makes of it.
pub(crate) fn show(client: &Client, answer: &Value, people: impl FnOnce(&Value) -> String) -> anyhow::Result<()> {
    let text = if client.json { serde_json::to_string_pretty(answer)? } else { people(answer) };
    let mut out = std::io::stdout().lock();
    if !text.is_empty() {
        writeln!(out, "{text}")?;
    }
    Ok(())
}
