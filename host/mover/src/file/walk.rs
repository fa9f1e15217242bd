//! Walking a share folder by folder, a page of names at a time. The folders that come next are asked for meanwhile, so that a walk over
//! many small ones does not wait for a round trip at each; they are reported in their order all the same.

mod ahead;

use std::collections::VecDeque;
use std::sync::Arc;

use capstan_domain::failure::Kind;
use capstan_domain::ports::{Node, NodeKind};
use capstan_domain::{Failure, Outcome};
use tokio::sync::mpsc;

use self::ahead::{Ahead, First};
use super::{Inner, item_of};
use crate::item::{Found, Item, ItemKind};
use crate::local::is_temporary;
use crate::names;
use crate::tree::Children;

/// Names asked for at a time; the target may give fewer.
const PAGE: u32 = 1000;
/// Folders of one level that are asked for at once: their first pages are in memory.
const AT_ONCE: usize = 8;
/// Levels in which that is done; what lies deeper is asked for one by one, so that memory has a bound.
const DEEP: usize = 16;

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

pub(super) async fn walk(inner: &Arc<Inner>, start: &str, found: &mpsc::Sender<Vec<Found>>) -> Outcome<()> {
    let native = inner.native(start)?;
    let node = inner.files.stat(&inner.share, &native).await?;
    let item = item_of(start.to_owned(), None, &node);
    if node.kind != NodeKind::Directory {
        let _ = found.send(vec![Found::Item(item)]).await;
        return Ok(());
    }
    let mut levels: Vec<Entered> = Vec::new();
    let first = Ahead::ask(inner, item, native).come(inner).await?;
    if enter(first, &mut levels, found).await.is_err() {
        return Ok(());
    }
    loop {
        let at_once = if levels.len() > DEEP { 1 } else { AT_ONCE };
        let Some(entered) = levels.last_mut() else { return Ok(()) };
        if let Some(next) = entered.next(inner, at_once)? {
            let first = next.come(inner).await?;
            if enter(first, &mut levels, found).await.is_err() {
                return Ok(());
            }
        } else if entered.level.ended {
            levels.pop();
        } else {
            let level = &mut entered.level;
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
}

/// A folder that the walk is in, and its next folders, asked for ahead.
struct Entered {
    level: Level,
    ahead: VecDeque<Ahead>,
}

impl Entered {
    fn next(&mut self, inner: &Arc<Inner>, at_once: usize) -> Outcome<Option<Ahead>> {
        while self.ahead.len() < at_once
            && let Some(folder) = self.level.folders.pop()
        {
            let native = inner.native_of(&folder)?;
            self.ahead.push_back(Ahead::ask(inner, folder, native));
        }
        Ok(self.ahead.pop_front())
    }
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

async fn enter(first: First, levels: &mut Vec<Entered>, found: &mpsc::Sender<Vec<Found>>) -> Result<(), Gone> {
    let First { folder, mut level, items } = first;
    let mut report = Vec::new();
    match items {
        Ok(items) => {
            let empty = items.is_empty() && level.ended;
            report.push(Found::Item(Item { kind: ItemKind::Folder { empty }, ..folder }));
            report.extend(level.split(items));
            levels.push(Entered { level, ahead: VecDeque::new() });
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use capstan_domain::ports::{Files, PutOptions};

    use super::*;
    use crate::held::Held;
    use crate::testing::MemoryFiles;
    use crate::{FileTree, Tree};

    /// Twelve folders with three in each, all with more files than a page has names.
    async fn planted() -> Arc<MemoryFiles> {
        let files = MemoryFiles::new();
        for outer in 0..12 {
            for folder in [format!("d{outer}"), format!("d{outer}/e0"), format!("d{outer}/e1"), format!("d{outer}/e2")] {
                for file in 0..9 {
                    let content = Arc::new(Held::new(Bytes::from_static(b"content")));
                    files.write("share", &format!("{folder}/f{file}"), content, "1", PutOptions::default()).await.unwrap();
                }
            }
        }
        files
    }

    async fn found(files: &Arc<MemoryFiles>) -> Vec<Found> {
        let files = Arc::clone(files) as Arc<dyn Files>;
        let tree = FileTree::new("share", None, "share", "", files, &MemoryFiles::capabilities());
        let (sender, mut receiver) = mpsc::channel(4);
        let walk = tokio::spawn(async move { tree.walk("", sender).await });
        let mut all = Vec::new();
        while let Some(some) = receiver.recv().await {
            all.extend(some);
        }
        walk.await.unwrap().unwrap();
        all
    }

    fn items(found: &[Found]) -> Vec<&Item> {
        found.iter().filter_map(|found| if let Found::Item(item) = found { Some(item) } else { None }).collect()
    }

    fn paths(items: &[&Item], folders: bool) -> Vec<String> {
        let wanted = items.iter().filter(|item| matches!(item.kind, ItemKind::Folder { .. }) == folders);
        wanted.map(|item| item.path.clone()).collect()
    }

    #[tokio::test]
    async fn everything_is_found_once_and_folders_in_their_order() {
        let files = planted().await;
        let all = found(&files).await;
        let items = items(&all);
        assert_eq!(items.len(), all.len());
        let mut names = paths(&items, false);
        names.sort();
        assert_eq!(names, files.paths());
        let folders = paths(&items, true);
        assert_eq!(folders.len(), 1 + 12 * 4);
        // What is in a folder comes after it and before the next one.
        assert!(folders.is_sorted(), "{folders:?}");
        for (at, item) in items.iter().enumerate().filter(|(_, item)| item.kind == ItemKind::File) {
            let (above, _) = item.path.rsplit_once('/').unwrap();
            assert!(items[..at].iter().any(|item| item.path == above), "{} before its folder", item.path);
        }
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_read_is_told_and_the_others_are_found() {
        let files = planted().await;
        files.fail_after(20, "list", Failure::new(Kind::Unavailable, "away"));
        let all = found(&files).await;
        let failed: Vec<&String> =
            all.iter().filter_map(|found| if let Found::Failed { path, .. } = found { Some(path) } else { None }).collect();
        assert_eq!(failed.len(), 1, "{failed:?}");
        let lost = files.paths().iter().filter(|path| path.starts_with(&format!("{}/", failed[0]))).count();
        let names = paths(&items(&all), false);
        assert!(names.len() < files.paths().len() && names.len() + lost >= files.paths().len(), "{} of {lost}", names.len());
    }
}
