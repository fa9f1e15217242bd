//! `capstan drive snapshot`, `snapshots`, `restore` and `delete-snapshot`.

use serde_json::{Value, json};

use crate::cli::Window;
use crate::client::Client;
use crate::commands::{job, show, table};

pub(super) async fn take(client: &Client, drive: &str, name: Option<&str>) -> anyhow::Result<()> {
    let wish = json!({ "name": name });
    let snapshot = client.post(&["drives", drive, "snapshots"], Some(&wish)).await?;
    show(client, &snapshot, |snapshot| snapshots_table([snapshot].into_iter()))
}

pub(super) async fn list(client: &Client, drive: &str, window: Window) -> anyhow::Result<()> {
    let query = [("limit", window.limit.to_string()), ("offset", window.offset.to_string())];
    let list = client.get(&["drives", drive, "snapshots"], &query).await?;
    show(client, &list, |list| snapshots_table(table::items(list, "items")))
}

pub(super) async fn restore(client: &Client, drive: &str, snapshot: &str) -> anyhow::Result<()> {
    let job = client.post(&["drives", drive, "snapshots", snapshot, "restore"], None).await?;
    show(client, &job, |job| job::jobs_table([job].into_iter()))
}

pub(super) async fn delete(client: &Client, drive: &str, snapshot: &str) -> anyhow::Result<()> {
    let answer = client.delete(&["drives", drive, "snapshots", snapshot]).await?;
    show(client, &answer, |_| "deleted".to_owned())
}

fn snapshots_table<'a>(snapshots: impl Iterator<Item = &'a Value>) -> String {
    table::columns(
        snapshots,
        &[
            ("NUMBER", "/number"),
            ("NAME", "/name"),
            ("SIZE", "/size"),
            ("USED", "/used"),
            ("STATE", "/state"),
            ("CREATED", "/created"),
            ("ID", "/id"),
            ("WHY", "/failure/message"),
        ],
    )
}
