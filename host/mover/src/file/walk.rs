//! Walking a share folder by folder, a page of names at a time.

use capstan_domain::failure::Kind;
use capstan_domain::ports::{Node, NodeKind};
use capstan_domain::{Failure, Outcome};
use tokio::sync::mpsc;

use super::{Inner, item_of};
use crate::item::{Found, Item, ItemKind};
use crate::local::is_temporary;
use crate::names;
use crate::tree::Children;

/// Names asked for at a time; the target may give fewer.
const PAGE: u32 = 1000;

/// A folder that the walk is in.
struct Level {
    path: String,
    native: String,
    /// The marker of the next page; none before the first.
    after: Option<String>,
    ended: bool,
    /// Folders of the page that was read last, still to be entered.
    folders: Vec<Item>,
}

impl Level {
    fn new(path: String, native: String) -> Self {
        Self { path, native, after: None, ended: false, folders: Vec::new() }
    }

    async fn page(&mut self, inner: &Inner) -> Outcome<Vec<Item>> {
        let page = inner.files.read_directory(&inner.share, &self.native, self.after.as_deref(), PAGE).await?;
        if page.next.is_some() && page.next == self.after {
            return Err(Failure::new(Kind::PluginFault, "The target's list does not get on").with_code("list-loops"));
        }
        self.ended = page.next.is_none();
        self.after = page.next;
        Ok(self.items(inner, &page.nodes))
    }

    /// What is still being written is not there yet.
    fn items(&self, inner: &Inner, nodes: &[Node]) -> Vec<Item> {
        nodes.iter().filter(|node| !is_temporary(node.name.as_bytes())).map(|node| self.item(inner, node)).collect()
    }

    fn item(&self, inner: &Inner, node: &Node) -> Item {
        let (name, exact) = names::from_native(&node.name, |c| inner.is_bad(c));
        let native = names::join(&self.native, &node.name);
        // Below a folder with a spelling of its own everything has one.
        let keep = !exact || !self.native.ends_with(&self.path);
        item_of(names::join(&self.path, &name), keep.then_some(native), node)
    }
}

pub(super) async fn children(inner: &Inner, path: &str, after: Option<&str>, limit: u32) -> Outcome<Children> {
    let level = Level::new(path.to_owned(), inner.native(path)?);
    let page = inner.files.read_directory(&inner.share, &level.native, after, limit).await?;
    Ok(Children { items: level.items(inner, &page.nodes), next: page.next })
}

pub(super) async fn walk(inner: &Inner, start: &str, found: &mpsc::Sender<Vec<Found>>) -> Outcome<()> {
    let native = inner.native(start)?;
    let node = inner.files.stat(&inner.share, &native).await?;
    let item = item_of(start.to_owned(), None, &node);
    if node.kind != NodeKind::Directory {
        let _ = found.send(vec![Found::Item(item)]).await;
        return Ok(());
    }
    let mut levels = Vec::new();
    if enter(inner, item, native, &mut levels, found).await.is_err() {
        return Ok(());
    }
    while let Some(level) = levels.last_mut() {
        if let Some(folder) = level.folders.pop() {
            let native = inner.native_of(&folder)?;
            if enter(inner, folder, native, &mut levels, found).await.is_err() {
                return Ok(());
            }
        } else if level.ended {
            levels.pop();
        } else {
            let report = match level.page(inner).await {
                Ok(items) => level.split(items),
                Err(failure) => {
                    level.ended = true;
                    vec![Found::Failed { path: level.path.clone(), failure }]
                }
            };
            if found.send(report).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

impl Level {
    /// What is no folder is reported at once; folders are entered one after the other.
    fn split(&mut self, items: Vec<Item>) -> Vec<Found> {
        let (folders, others): (Vec<Item>, Vec<Item>) =
            items.into_iter().partition(|item| matches!(item.kind, ItemKind::Folder { .. }));
        self.folders = folders;
        self.folders.reverse();
        others.into_iter().map(Found::Item).collect()
    }
}

/// Nobody listens any more.
struct Gone;

async fn enter(
    inner: &Inner,
    folder: Item,
    native: String,
    levels: &mut Vec<Level>,
    found: &mpsc::Sender<Vec<Found>>,
) -> Result<(), Gone> {
    let mut level = Level::new(folder.path.clone(), native);
    let mut report = Vec::new();
    match level.page(inner).await {
        Ok(items) => {
            let empty = items.is_empty() && level.ended;
            report.push(Found::Item(Item { kind: ItemKind::Folder { empty }, ..folder }));
            report.extend(level.split(items));
            levels.push(level);
        }
        Err(failure) => report.push(Found::Failed { path: folder.path, failure }),
    }
    found.send(report).await.map_err(|_| Gone)
}

pub(super) async fn remove_empty_folders(inner: &Inner, start: &str, attempt: &str) -> Outcome<u64> {
    let mut levels = vec![Level::new(start.to_owned(), inner.native(start)?)];
    let mut removed = 0;
    while let Some(level) = levels.last_mut() {
        if let Some(folder) = level.folders.pop() {
            let native = inner.native_of(&folder)?;
            levels.push(Level::new(folder.path, native));
            continue;
        }
        if !level.ended {
            let items = match level.page(inner).await {
                Ok(items) => items,
                Err(failure) if levels.len() == 1 && matches!(failure.kind, Kind::NotFound | Kind::Invalid) => {
                    return Ok(removed);
                }
                Err(failure) => return Err(failure),
            };
            level.split(items);
            continue;
        }
        let Some(done) = levels.pop() else { break };
        if levels.is_empty() {
            break;
        }
        // The target is the judge of emptiness.
        match inner.files.remove(&inner.share, &done.native, attempt).await {
            Ok(()) => removed += 1,
            Err(failure)
                if matches!(
                    failure.kind,
                    Kind::Conflict | Kind::AlreadyExists | Kind::Denied | Kind::NotFound | Kind::Invalid
                ) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(removed)
}
