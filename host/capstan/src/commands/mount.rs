//! `capstan mount …`, `capstan unmount …`: the host mounts, on its own machine; these ask it to.

use std::path::Path;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::{show, table};
use crate::cli::{Mount, Unmount};
use crate::client::Client;

pub(crate) async fn mount(client: Client, asked: Mount) -> anyhow::Result<()> {
    let (Some(of), Some(path)) = (asked.of, asked.path) else {
        let list = client.get(&["mounts"], &[]).await?;
        return show(&client, &list, |list| {
            table::columns(
                table::items(list, "mounts"),
                &[
                    ("NUMBER", "/number"),
                    ("POOL", "/pool"),
                    ("SPACE", "/space"),
                    ("DIRECTORY", "/directory"),
                    ("SOURCE", "/source"),
                    ("TYPE", "/type"),
                    ("OPTIONS", "/options"),
                ],
            )
        });
    };
    let directory = absolute(&path)?;
    let body = json!({
        "of": of, "space": asked.space, "directory": directory, "read_only": asked.read_only, "for_all": asked.for_all,
    });
    let mount = client.post(&["mounts"], Some(&body)).await?;
    show(&client, &mount, table::members)
}

pub(crate) async fn unmount(client: Client, asked: Unmount) -> anyhow::Result<()> {
    let number = match asked.mount.parse::<i64>() {
        Ok(number) => number,
        Err(_) => standing_at(&client, &absolute(Path::new(&asked.mount))?).await?,
    };
    let answer = client.delete(&["mounts", &number.to_string()]).await?;
    show(&client, &answer, |_| "unmounted".to_owned())
}

async fn standing_at(client: &Client, directory: &str) -> anyhow::Result<i64> {
    let list = client.get(&["mounts"], &[]).await?;
    let mounts = list.get("mounts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let found = mounts.iter().find(|mount| mount.get("directory").and_then(Value::as_str) == Some(directory));
    match found.and_then(|mount| mount.get("number")).and_then(Value::as_i64) {
        Some(number) => Ok(number),
        None => bail!("nothing of this host is mounted at {directory}"),
    }
}

/// Of this machine, which has to be the host's: a mount of a host that died is no reason to fail here.
fn absolute(path: &Path) -> anyhow::Result<String> {
    let path = std::path::absolute(path).with_context(|| path.display().to_string())?;
    let (parent, name) = (path.parent().unwrap_or(&path), path.file_name());
    let real = parent.canonicalize().with_context(|| parent.display().to_string())?;
    let real = name.map_or_else(|| real.clone(), |name| real.join(name));
    real.to_str().map(str::to_owned).context("the directory's name is not UTF-8")
}
