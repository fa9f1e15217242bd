//! `capstan grant …`

use anyhow::Context;
use serde_json::{Value, json};

use super::{show, table};
use crate::cli::{Grant, Power};
use crate::client::Client;

pub(crate) async fn run(client: Client, command: Grant) -> anyhow::Result<()> {
    match command {
        Grant::List { target } => {
            let query: Vec<(&str, String)> = target.into_iter().map(|target| ("target", target)).collect();
            let list = client.get(&["grants"], &query).await?;
            show(&client, &list, |list| grants_table(table::items(list, "grants")))
        }
        Grant::Allow { target, power } => {
            let (power, reason) = wire(power)?;
            let grant = client.post(&["grants"], Some(&json!({ "target": target, "power": power, "reason": reason }))).await?;
            show(&client, &grant, |grant| grants_table([grant].into_iter()))
        }
        Grant::Revoke { id } => {
            let answer = client.delete(&["grants", &id]).await?;
            show(&client, &answer, |_| "revoked".to_owned())
        }
    }
}

fn wire(power: Power) -> anyhow::Result<(Value, Option<String>)> {
    Ok(match power {
        Power::Connect { address, reason } => {
            let (host, port) = split(&address)?;
            (json!({ "to": "connect", "host": host, "port": port }), reason)
        }
        Power::InsecureTls { address, reason } => {
            let (host, port) = split(&address)?;
            (json!({ "to": "insecure-tls", "host": host, "port": port }), reason)
        }
        Power::Directory { root, path, write, reason } => {
            (json!({ "to": "directory", "root": root, "path": path, "write": write }), reason)
        }
        Power::ScsiDevice { path, reason } => (json!({ "to": "scsi-device", "path": path }), reason),
    })
}

fn split(address: &str) -> anyhow::Result<(&str, u16)> {
    let (host, port) = address.rsplit_once(':').with_context(|| format!("'{address}' is not HOST:PORT"))?;
    Ok((host.trim_start_matches('[').trim_end_matches(']'), port.parse().with_context(|| format!("'{port}' is not a port"))?))
}

fn grants_table<'a>(grants: impl Iterator<Item = &'a Value>) -> String {
    table::columns(
        grants,
        &[
            ("ID", "/id"),
            ("TARGET", "/target"),
            ("TO", "/power/to"),
            ("HOST", "/power/host"),
            ("PORT", "/power/port"),
            ("PATH", "/power/path"),
            ("BY", "/by"),
            ("REVOKED", "/revoked"),
        ],
    )
}
