//! `capstan drive …`

mod image;
mod snapshots;

use std::io::Write;

use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::{show, table};
use crate::cli::Drive;
use crate::client::Client;

pub(crate) async fn run(client: Client, command: Drive) -> anyhow::Result<()> {
    match command {
        Drive::List(window) => {
            let query = [("limit", window.limit.to_string()), ("offset", window.offset.to_string())];
            let list = client.get(&["drives"], &query).await?;
            show(&client, &list, |list| {
                table::columns(
                    table::items(list, "items"),
                    &[
                        ("NUMBER", "/number"),
                        ("NAME", "/name"),
                        ("TYPE", "/storage_type"),
                        ("SIZE", "/size"),
                        ("STATE", "/state"),
                        ("MOUNTED", "/mounted"),
                        ("ADDRESS", "/attachment/address"),
                        ("OWNER", "/owner"),
                        ("ID", "/id"),
                        ("WHY", "/failure/message"),
                    ],
                )
            })
        }
        Drive::Attach { drive, address, read_only, detach } => {
            attach(&client, &drive, &json!({ "address": address, "read_only": read_only }), detach).await
        }
        Drive::Detach { drive } => {
            let answer = client.delete(&["drives", &drive, "attachment"]).await?;
            show(&client, &answer, |_| "detached".to_owned())
        }
        Drive::Download { drive, file, resume } => image::download(&client, &drive, &file, resume).await,
        Drive::Upload { drive, file, anew } => image::upload(&client, &drive, &file, anew).await,
        Drive::Usage { drive } => {
            let usage = client.get(&["drives", &drive, "usage"], &[]).await?;
            show(&client, &usage, table::members)
        }
        Drive::Snapshot { drive, name } => snapshots::take(&client, &drive, name.as_deref()).await,
        Drive::Snapshots { drive, window } => snapshots::list(&client, &drive, window).await,
        Drive::Restore { drive, snapshot } => snapshots::restore(&client, &drive, &snapshot).await,
        Drive::DeleteSnapshot { drive, snapshot } => snapshots::delete(&client, &drive, &snapshot).await,
    }
}

/// Stays until it is interrupted, and detaches then.
async fn attach(client: &Client, drive: &str, wish: &Value, leave: bool) -> anyhow::Result<()> {
    // Before anything else, so that no interruption leaves the drive attached.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let attachment = client.post(&["drives", drive, "attachment"], Some(wish)).await?;
    show(client, &attachment, table::members)?;
    std::io::stdout().lock().flush()?;
    if leave {
        return Ok(());
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    client.delete(&["drives", drive, "attachment"]).await.map(|_| ())
}
