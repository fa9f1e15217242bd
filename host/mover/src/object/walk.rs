//! Listing objects as files, and removing them.

use std::sync::Arc;

use capstan_domain::failure::Kind;
use capstan_domain::ports::{ListOptions, ObjectEntry};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use tokio::sync::mpsc;

use super::Inner;
use crate::item::{Found, Identity, Item, ItemKind};
use crate::local::not_empty;
use crate::tree::{Children, each};

/// Entries asked for at a time; the target may give fewer.
const PAGE: u32 = 1000;
/// Keys of one call of removal, the least that all object stores take.
const REMOVALS: usize = 1000;

pub(super) async fn walk(inner: &Inner, start: &str, found: &mpsc::Sender<Vec<Found>>) -> Outcome<()> {
    let mut any = false;
    if !start.is_empty()
        && let Some(item) = inner.stat(start).await?
        && !matches!(item.kind, ItemKind::Folder { .. })
    {
        any = true;
        if found.send(vec![Found::Item(item)]).await.is_err() {
            return Ok(());
        }
    }
    let mut pages = Pages::new(inner.keys.under(start)?);
    // A folder's marker is told as empty only if nothing of the folder follows.
    let mut marker: Option<(String, Item)> = None;
    while let Some(entries) = pages.next(inner).await? {
        let mut report = Vec::with_capacity(entries.len());
        for entry in entries {
            any = true;
            if let Some((key, item)) = marker.take() {
                let empty = !entry.key.starts_with(&key);
                report.push(Found::Item(Item { kind: ItemKind::Folder { empty }, ..item }));
            }
            match item_of(inner, &entry) {
                Some(item) if matches!(item.kind, ItemKind::Folder { .. }) => marker = Some((entry.key, item)),
                Some(item) => report.push(Found::Item(item)),
                None => {}
            }
        }
        if found.send(report).await.is_err() {
            return Ok(());
        }
    }
    if let Some((_, item)) = marker {
        let _ = found.send(vec![Found::Item(item)]).await;
    }
    if !any && !start.is_empty() {
        return Err(Failure::not_found(format!("{start:?} is not there")).with_code("gone"));
    }
    Ok(())
}

pub(super) async fn children(inner: &Inner, path: &str, after: Option<&str>, limit: u32) -> Outcome<Children> {
    let under = inner.keys.under(path)?;
    let options = || ListOptions {
        prefix: under.clone(),
        delimiter: Some("/".to_owned()),
        after: after.map(str::to_owned),
        limit,
        ..ListOptions::default()
    };
    let page = inner.asked(|| inner.objects.list(&inner.bucket, options())).await?;
    // The folder's own marker is the folder, not a thing in it.
    let files = page.entries.iter().filter(|entry| entry.key != under).filter_map(|entry| item_of(inner, entry));
    let folders = page.prefixes.iter().filter_map(|prefix| {
        let marker = ObjectEntry { key: prefix.clone(), size: 0, modified: 0, etag: None, extras: Vec::new() };
        item_of(inner, &marker)
    });
    let folders = folders.map(|item| match item.kind {
        ItemKind::Folder { .. } => Item { kind: ItemKind::Folder { empty: false }, native: None, ..item },
        _ => item,
    });
    Ok(Children { items: files.chain(folders).collect(), next: page.next })
}

struct Pages {
    prefix: String,
    after: Option<String>,
    ended: bool,
}

impl Pages {
    fn new(prefix: String) -> Self {
        Self { prefix, after: None, ended: false }
    }

    async fn next(&mut self, inner: &Inner) -> Outcome<Option<Vec<ObjectEntry>>> {
        if self.ended {
            return Ok(None);
        }
        let options =
            || ListOptions { prefix: self.prefix.clone(), after: self.after.clone(), limit: PAGE, ..ListOptions::default() };
        let page = inner.asked(|| inner.objects.list(&inner.bucket, options())).await?;
        // A list that gives the same marker for ever would never end.
        if page.next.is_some() && page.next == self.after {
            return Err(Failure::new(Kind::PluginFault, "The target's list does not get on").with_code("list-loops"));
        }
        self.ended = page.next.is_none();
        self.after = page.next;
        Ok(Some(page.entries))
    }
}

fn item_of(inner: &Inner, entry: &ObjectEntry) -> Option<Item> {
    let (path, native) = inner.keys.path_of(entry)?;
    let identity = Identity { inode: None, etag: entry.etag.clone(), version: None };
    let item = Item { identity, native, ..Item::file(path, entry.size, Timestamp(entry.modified)) };
    if item.path.is_empty() {
        // The marker of the tree's own root.
        return None;
    }
    if let Some(path) = item.path.strip_suffix('/') {
        let path = path.to_owned();
        let kind = if path.is_empty() || path.ends_with('/') || entry.size > 0 {
            ItemKind::Other { what: "an object whose name no file can have" }
        } else {
            ItemKind::Folder { empty: true }
        };
        return Some(Item { kind, path, native: Some(entry.key.clone()), ..item });
    }
    if item.path.split('/').any(str::is_empty) {
        return Some(Item { kind: ItemKind::Other { what: "an object whose name no file can have" }, ..item });
    }
    Some(item)
}

pub(super) async fn remove(inner: &Arc<Inner>, items: &[Item], if_unchanged: bool, attempt: &str) -> Vec<Outcome<()>> {
    let mut results: Vec<Outcome<()>> = if if_unchanged {
        let looks = items.iter().cloned().map(|item| {
            let inner = Arc::clone(inner);
            async move {
                let _permit = inner.permit().await?;
                inner.remove_one(&item).await
            }
        });
        each(looks).await
    } else {
        items.iter().map(|_| Ok(())).collect()
    };
    let mut doomed = Vec::new();
    for (index, (item, result)) in items.iter().zip(&mut results).enumerate() {
        match (&result, inner.keys.of_item(item)) {
            (Ok(()), Ok(key)) => doomed.push((index, key)),
            (Ok(()), Err(failure)) => *result = Err(failure),
            // Gone already.
            (Err(failure), _) if failure.kind == Kind::NotFound => *result = Ok(()),
            (Err(_), _) => {}
        }
    }
    for run in doomed.chunks(REMOVALS) {
        let keys: Vec<String> = run.iter().map(|(_, key)| key.clone()).collect();
        let removed = inner.asked(|| inner.objects.delete_many(&inner.bucket, keys.clone(), attempt)).await;
        for (index, key) in run {
            let outcome = match &removed {
                Ok(outcomes) => outcomes
                    .iter()
                    .find(|outcome| outcome.key == *key)
                    .map_or_else(|| Err(unanswered(key)), |one| one.result.clone()),
                Err(failure) => Err(failure.clone()),
            };
            if let Some(result) = results.get_mut(*index) {
                *result = outcome;
            }
        }
    }
    results
}

/// The marker of a folder that nothing lies in. What is put there at this very moment keeps its key: only the marker goes.
pub(super) async fn remove_folder(inner: &Arc<Inner>, path: &str, attempt: &str) -> Outcome<()> {
    let marker = inner.keys.under(path)?;
    let options = || ListOptions { prefix: marker.clone(), limit: 2, ..ListOptions::default() };
    let found = inner.asked(|| inner.objects.list(&inner.bucket, options())).await?;
    if found.entries.iter().any(|entry| entry.key != marker) || !found.prefixes.is_empty() {
        return Err(not_empty(path));
    }
    if found.entries.is_empty() {
        return Ok(());
    }
    let folder = Item { kind: ItemKind::Folder { empty: true }, native: Some(marker), ..Item::file(path, 0, Timestamp(0)) };
    remove(inner, &[folder], false, attempt).await.into_iter().collect()
}

fn unanswered(key: &str) -> Failure {
    Failure::new(Kind::PluginFault, format!("The target did not say what became of {key:?}")).with_maybe_done()
}

/// Folder markers with nothing but markers under them.
pub(super) async fn remove_markers(inner: &Arc<Inner>, start: &str, attempt: &str) -> Outcome<u64> {
    let mut pages = Pages::new(inner.keys.under(start)?);
    let mut doomed: Vec<Item> = Vec::new();
    let mut removed = 0;
    // Markers that the list is inside of, and that held no object so far.
    let mut open: Vec<(String, Item)> = Vec::new();
    loop {
        let page = pages.next(inner).await?;
        let ended = page.is_none();
        for entry in page.unwrap_or_default() {
            while let Some((_, item)) = open.pop_if(|(key, _)| !entry.key.starts_with(key.as_str())) {
                doomed.push(item);
            }
            match item_of(inner, &entry) {
                Some(item) if matches!(item.kind, ItemKind::Folder { .. }) => open.push((entry.key, item)),
                _ => open.clear(),
            }
        }
        if ended {
            doomed.extend(open.drain(..).map(|(_, item)| item));
        }
        if doomed.len() >= REMOVALS || ended {
            for result in remove(inner, &std::mem::take(&mut doomed), false, attempt).await {
                result?;
                removed += 1;
            }
        }
        if ended {
            return Ok(removed);
        }
    }
}
