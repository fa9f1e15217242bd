//! `capstan plugin …`

use anyhow::Context;
use serde_json::Value;

use super::{show, table};
use crate::cli::Plugin;
use crate::client::Client;

pub(crate) async fn run(client: Client, command: Plugin) -> anyhow::Result<()> {
    match command {
        Plugin::Install { file, activate } => {
            let source = tokio::fs::File::open(&file).await.with_context(|| file.display().to_string())?;
            let mut version = client.upload(&["plugins"], source).await?;
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
