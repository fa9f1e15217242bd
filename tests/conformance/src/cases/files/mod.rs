//! `capstan:target/files`.

pub mod attributes;
pub mod directories;
pub mod large;
pub mod links;
pub mod names;
pub mod paths;
pub mod ranged;
pub mod read;
pub mod write;

use anyhow::{Context, ensure};
use capstan_domain::ports::{Node, NodeKind, PutOptions};

use crate::case::Case;
use crate::content::{counting, same};
use crate::stand::Stand;
use crate::store::MOST_PAGES;
use crate::{Check, told};

pub fn all() -> Vec<Case> {
    [
        write::all(),
        read::all(),
        ranged::all(),
        directories::all(),
        names::all(),
        attributes::all(),
        links::all(),
        paths::all(),
        super::names::files(),
        large::all(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Writes counting content to the file of this name.
pub(crate) async fn write(stand: &Stand<'_>, name: &str, size: u64) -> anyhow::Result<Node> {
    let path = stand.key(name);
    let written =
        stand.files()?.write(stand.location, &path, counting(size), &format!("write {name} {size}"), PutOptions::default()).await;
    let node = written.map_err(told).with_context(|| format!("write {name:?}"))?;
    ensure!(node.size == size && node.kind == NodeKind::File, "a write of {size} bytes answers {node:?}");
    Ok(node)
}

pub(crate) async fn holds(stand: &Stand<'_>, name: &str, size: u64) -> Check {
    let (node, body) = stand
        .files()?
        .read(stand.location, &stand.key(name), None)
        .await
        .map_err(told)
        .with_context(|| format!("read {name:?}"))?;
    ensure!(node.size == size, "{name:?} says {} bytes instead of {size}", node.size);
    same(body, 0, size).await.with_context(|| format!("{name:?}"))
}

pub(crate) async fn make_directory(stand: &Stand<'_>, name: &str) -> Check {
    let made = stand.files()?.make_directory(stand.location, &stand.key(name), &format!("make {name}")).await;
    made.map_err(told).with_context(|| format!("make directory {name:?}"))
}

pub(crate) async fn stat(stand: &Stand<'_>, name: &str) -> anyhow::Result<Node> {
    stand.files()?.stat(stand.location, &stand.key(name)).await.map_err(told).with_context(|| format!("stat {name:?}"))
}

/// The nodes of a directory, in pages of `limit`.
pub(crate) async fn nodes(stand: &Stand<'_>, name: &str, limit: u32) -> anyhow::Result<Vec<Node>> {
    let path = stand.key(name);
    let (mut nodes, mut after) = (Vec::new(), None);
    for _ in 0..MOST_PAGES {
        let page = stand
            .files()?
            .read_directory(stand.location, path.trim_end_matches('/'), after.as_deref(), limit)
            .await
            .map_err(told)?;
        ensure!(page.nodes.len() <= limit as usize, "a page holds more than was asked for");
        nodes.extend(page.nodes);
        after = page.next;
        if after.is_none() {
            return Ok(nodes);
        }
    }
    anyhow::bail!("the directory does not end")
}

pub(crate) async fn names_in(stand: &Stand<'_>, name: &str, limit: u32) -> anyhow::Result<Vec<String>> {
    Ok(nodes(stand, name, limit).await?.into_iter().map(|node| node.name).collect())
}
