//! `capstan plugin …`

use std::path::Path;

use anyhow::Context;
use serde_json::Value;
use tokio::io::AsyncReadExt;

use super::{show, table};
use crate::cli::Plugin;
use crate::client::Client;

/// Bytes of a signature file; minisign's have a few hundred.
const SIGNATURE_BYTES_MAX: u64 = 8 << 10;

pub(crate) async fn run(client: Client, command: Plugin) -> anyhow::Result<()> {
    match command {
        Plugin::Install { file, signature, activate } => {
            let source = tokio::fs::File::open(&file).await.with_context(|| file.display().to_string())?;
            let signature = match signature {
                Some(given) => Some(read_signature(&given).await?),
                None => {
                    let beside = file.with_added_extension("minisig");
                    if beside.exists() { Some(read_signature(&beside).await?) } else { None }
                }
            };
            let mut version = client.install(source, signature.as_deref()).await?;
            let (id, name, state) = (member(&version, "plugin"), member(&version, "version"), member(&version, "state"));
            if activate && state != "active" {
                version = client.post(&["plugins", &id, "versions", &name, "activate"], None).await?;
            }
            show(&client, &version, |_| {
                let active = activate || state == "active";
                format!(
                    "plugin {id} {name} is installed{}",
                    if active { " and active" } else { "; activate it with: capstan plugin activate" }
                )
            })
        }
        Plugin::List => {
            let list = client.get(&["plugins"], &[]).await?;
            show(&client, &list, |list| {
                let versions = table::items(list, "plugins").flat_map(|plugin| table::items(plugin, "versions"));
                versions_table(versions.chain(table::items(list, "refused")))
            })
        }
        Plugin::Show { plugin } => show_plugin(&client, &client.get(&["plugins", &plugin], &[]).await?),
        Plugin::Activate { plugin, version } => {
            show_plugin(&client, &client.post(&["plugins", &plugin, "versions", &version, "activate"], None).await?)
        }
        Plugin::Rollback { plugin } => show_plugin(&client, &client.post(&["plugins", &plugin, "rollback"], None).await?),
        Plugin::Remove { plugin, version } => {
            let path = ["plugins", &plugin, "versions", version.as_deref().unwrap_or_default()];
            let answer = client.delete(path.get(..if version.is_some() { 4 } else { 2 }).unwrap_or_default()).await?;
            show(&client, &answer, |_| "removed".to_owned())
        }
    }
}

async fn read_signature(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut signature = Vec::new();
    let source = tokio::fs::File::open(file).await.with_context(|| file.display().to_string())?;
    source.take(SIGNATURE_BYTES_MAX + 1).read_to_end(&mut signature).await.with_context(|| file.display().to_string())?;
    anyhow::ensure!(signature.len() as u64 <= SIGNATURE_BYTES_MAX, "{} is too long for a signature", file.display());
    Ok(signature)
}

fn show_plugin(client: &Client, plugin: &Value) -> anyhow::Result<()> {
    show(client, plugin, |plugin| versions_table(table::items(plugin, "versions")))
}

fn versions_table<'a>(versions: impl Iterator<Item = &'a Value>) -> String {
    table::columns(
        versions,
        &[
            ("PLUGIN", "/plugin"),
            ("VERSION", "/version"),
            ("STATE", "/state"),
            ("CONTRACT", "/track"),
            ("FACETS", "/facets"),
            ("DIGEST", "/digest"),
            ("WHY", "/failure/message"),
        ],
    )
}

fn member(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}
