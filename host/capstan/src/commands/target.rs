//! `capstan target …`

use std::io::Read;

use anyhow::Context;
use serde_json::{Value, json};

use super::{show, table};
use crate::cli::Target;
use crate::client::Client;

/// Bytes of a configuration read from a file.
const CONFIGURATION_BYTES_MAX: u64 = 1 << 20;

pub(crate) async fn run(client: Client, command: Target) -> anyhow::Result<()> {
    match command {
        Target::List(window) => {
            let query = [("limit", window.limit.to_string()), ("offset", window.offset.to_string())];
            let list = client.get(&["targets"], &query).await?;
            show(&client, &list, |list| {
                table::columns(
                    table::items(list, "items"),
                    &[
                        ("NUMBER", "/number"),
                        ("NAME", "/name"),
                        ("PLUGIN", "/plugin"),
                        ("STATUS", "/status"),
                        ("SINCE", "/since"),
                        ("WHY", "/failure/message"),
                    ],
                )
            })
        }
        Target::Show { target } => {
            let target = client.get(&["targets", &target], &[]).await?;
            show(&client, &target, table::members)
        }
        Target::Create { name, plugin, configuration } => {
            let configuration = read(&configuration)?;
            let body = json!({ "name": name, "plugin": plugin, "configuration": configuration });
            let target = client.post(&["targets"], Some(&body)).await?;
            show(&client, &target, table::members)
        }
        Target::Remove { target } => {
            let answer = client.delete(&["targets", &target]).await?;
            show(&client, &answer, |_| "removed".to_owned())
        }
        Target::Probe { target } => {
            let probe = client.post(&["targets", &target, "probe"], None).await?;
            show(&client, &probe, table::members)
        }
    }
}

fn read(path: &std::path::Path) -> anyhow::Result<Value> {
    let mut text = String::new();
    let source: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path).with_context(|| path.display().to_string())?)
    };
    source.take(CONFIGURATION_BYTES_MAX).read_to_string(&mut text)?;
    serde_json::from_str(&text).context("the configuration is not JSON")
}
