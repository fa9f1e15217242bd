//! A share as a tree, through the files port: NAS shares, directories behind a plugin.

mod content;
mod kept_hash;
mod large;
mod order;
mod small;
mod walk;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use capstan_domain::content::{Content, Source};
use capstan_domain::failure::Kind;
use capstan_domain::ids::LocationId;
use capstan_domain::ports::{Attributes, Files, Media, NamedValues, Node, NodeKind};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use tokio::sync::{Semaphore, mpsc};

use crate::control::Control;
use crate::digest::{BLOCK, Value};
use crate::held::Held;
use crate::item::{Found, Identity, Item, ItemKind};
use crate::ledger::PartTables;
use crate::local::{is_temporary, not_empty};
use crate::measured::Measured;
use crate::names;
use crate::transfer::LOCATION_GONE;
use crate::tree::{Arrival, Children, NewAttributes, Opened, Small, Stored, Tree, each};

/// Calls of one tree that are under way at a time; more wait.
const CALLS_IN_FLIGHT: usize = 64;
/// What a node says beside its attributes: when they changed last, in nanoseconds since 1970.
const CHANGED: &str = "changed";
/// The same of a file on a tape: where its data begins.
const PLACE: &str = "place";
/// Bytes of a name, unless the target says otherwise.
const LONGEST_NAME: usize = 255;

#[derive(Clone)]
pub struct FileTree {
    inner: Arc<Inner>,
    /// Of a tape: knows the order in which its drive reads best.
    media: Option<Arc<dyn Media>>,
}

struct Inner {
    id: String,
    location: Option<LocationId>,
    /// The location as the target names it.
    share: String,
    /// Where in the share the tree's root is, without slashes at its ends.
    prefix: String,
    files: Arc<dyn Files>,
    calls: Semaphore,
    /// Bytes of a name: the capability "max-name-bytes".
    longest_name: usize,
    /// Characters that the share mangles or refuses: the capability "name-escape".
    bad: String,
    /// Whether a file can be written in ranges: the capability "ranged-write".
    in_ranges: bool,
    /// Whether folders tell when their names change: the capability "directory-times".
    folder_times: bool,
    /// Whether all that is written lies behind what was written before: the capability "sequential".
    sequential: bool,
    /// Nanoseconds; two moments that are closer may be one to the share: the capability "time-step-ns".
    time_step: i64,
}

impl FileTree {
    /// `capabilities`: what the plugin said of the names it can hold and the ways it can write.
    pub fn new(
        id: impl Into<String>,
        location: Option<LocationId>,
        share: impl Into<String>,
        prefix: &str,
        files: Arc<dyn Files>,
        capabilities: &NamedValues,
    ) -> Self {
        let said = |name: &str| capabilities.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        Self {
            inner: Arc::new(Inner {
                id: id.into(),
                location,
                share: share.into(),
                prefix: prefix.trim_matches('/').to_owned(),
                files,
                calls: Semaphore::new(CALLS_IN_FLIGHT),
                longest_name: said("max-name-bytes").and_then(|value| value.parse().ok()).unwrap_or(LONGEST_NAME),
                bad: said("name-escape").unwrap_or_default().to_owned(),
                in_ranges: said("ranged-write") == Some("true"),
                folder_times: said("directory-times") == Some("names"),
                sequential: said("sequential") == Some("true"),
                time_step: said("time-step-ns").and_then(|value| value.parse::<i64>().ok()).unwrap_or(1).max(1),
            }),
            media: None,
        }
    }

    /// Asks this facet of the same target in which order files are best read, where the share is a cartridge of it.
    #[must_use]
    pub fn planned_by(self, media: Option<Arc<dyn Media>>) -> Self {
        Self { media: media.filter(|_| self.inner.sequential), ..self }
    }
}

impl Inner {
    /// The share's path of a path in the tree; names that are not UTF-8 stay escaped, the contract's names are UTF-8.
    fn native(&self, path: &str) -> Outcome<String> {
        let path = names::checked(path)?;
        if path.is_empty() {
            return Ok(self.prefix.clone());
        }
        let mut native = Vec::new();
        for name in path.split('/') {
            let name = names::to_native(name, |c| self.is_bad(c));
            if name.len() > self.longest_name {
                let message =
                    format!("A name in {path:?} takes {} bytes there; the target holds {}", name.len(), self.longest_name);
                return Err(Failure::invalid(message).with_code("name-too-long"));
            }
            if is_temporary(name.as_bytes()) {
                let message = format!("{path:?} holds a name that the host keeps for itself");
                return Err(Failure::invalid(message).with_code("reserved-name"));
            }
            native.push(name);
        }
        Ok(names::join(&self.prefix, &native.join("/")))
    }

    fn is_bad(&self, c: char) -> bool {
        c == '/' || c == '\0' || self.bad.contains(c)
    }

    fn native_of(&self, item: &Item) -> Outcome<String> {
        item.native.clone().map_or_else(|| self.native(&item.path), Ok)
    }

    async fn permit(&self) -> Outcome<tokio::sync::SemaphorePermit<'_>> {
        self.calls.acquire().await.map_err(|error| Failure::host("The tree was closed", error))
    }

    async fn stat(&self, path: &str) -> Outcome<Option<Item>> {
        match self.files.stat(&self.share, &self.native(path)?).await {
            Ok(node) => Ok(Some(item_of(path.to_owned(), None, &node))),
            Err(failure) if failure.kind == Kind::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn remove_one(&self, item: &Item, if_unchanged: bool, attempt: &str) -> Outcome<()> {
        let native = self.native_of(item)?;
        let _permit = self.permit().await?;
        if if_unchanged {
            match self.files.stat(&self.share, &native).await {
                Ok(node) if item_of(item.path.clone(), None, &node).same_content(item) => {}
                Ok(_) => return Err(content::changed()),
                Err(failure) if failure.kind == Kind::NotFound => return Ok(()),
                Err(failure) => return Err(failure),
            }
        }
        self.files.remove(&self.share, &native, attempt).await
    }
}

fn item_of(path: String, native: Option<String>, node: &Node) -> Item {
    let kind = match node.kind {
        NodeKind::File => ItemKind::File,
        NodeKind::Directory => ItemKind::Folder { empty: false },
        NodeKind::Symlink => ItemKind::Link { to: names::from_bytes(node.link.as_deref().unwrap_or_default().as_bytes()) },
        NodeKind::Other => ItemKind::Other { what: "neither file, folder nor link" },
    };
    let size = if kind == ItemKind::File { node.size } else { 0 };
    let said = |name: &str| node.extras.iter().find(|(known, _)| known == name).map(|(_, value)| value);
    Item {
        kind,
        changed: said(CHANGED).and_then(|value| value.parse().ok()).map(Timestamp),
        place: said(PLACE).and_then(|value| value.parse().ok()),
        mode: node.mode,
        uid: node.owner.as_deref().and_then(|owner| owner.parse().ok()),
        gid: node.group.as_deref().and_then(|group| group.parse().ok()),
        identity: Identity { inode: node.id.as_deref().and_then(|id| id.parse().ok()), ..Identity::default() },
        native,
        ..Item::file(path, size, Timestamp(node.modified))
    }
}

fn while_storing(failure: Failure) -> Failure {
    match failure.kind {
        // Missing folders are made, so what was not found is the share.
        Kind::NotFound => failure.with_code(LOCATION_GONE),
        _ => failure,
    }
}

#[async_trait]
impl Tree for FileTree {
    fn id(&self) -> &str {
        &self.inner.id
    }

    fn location(&self) -> Option<LocationId> {
        self.inner.location
    }

    async fn walk(&self, start: &str, found: mpsc::Sender<Vec<Found>>) -> Outcome<()> {
        walk::walk(&self.inner, names::checked(start)?, &found).await
    }

    async fn children(&self, path: &str, after: Option<&str>, limit: u32) -> Outcome<Children> {
        walk::children(&self.inner, names::checked(path)?, after, limit).await
    }

    async fn stat(&self, path: &str) -> Outcome<Option<Item>> {
        self.inner.stat(names::checked(path)?).await
    }

    async fn stat_many(&self, paths: &[String]) -> Vec<Outcome<Option<Item>>> {
        let looks = paths.iter().cloned().map(|path| {
            let inner = Arc::clone(&self.inner);
            async move {
                let _permit = inner.permit().await?;
                inner.stat(&path).await
            }
        });
        each(looks).await
    }

    async fn is_empty(&self, start: &str) -> Outcome<bool> {
        match self.inner.files.read_directory(&self.inner.share, &self.inner.native(start)?, None, 1).await {
            Ok(page) => Ok(page.nodes.is_empty() && page.next.is_none()),
            Err(failure) if failure.kind == Kind::NotFound => Ok(true),
            // A file stands there.
            Err(failure) if failure.kind == Kind::Invalid => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    async fn read_small(&self, items: &[Item], limit: u64) -> Vec<Outcome<Small>> {
        if self.inner.sequential {
            // Two readers at a time would send the tape to and fro.
            let mut read = Vec::with_capacity(items.len());
            for item in items {
                read.push(self.inner.read_one(item, limit).await);
            }
            return read;
        }
        let reads = items.iter().cloned().map(|item| {
            let inner = Arc::clone(&self.inner);
            async move { inner.read_one(&item, limit).await }
        });
        each(reads).await
    }

    async fn kept_hashes(&self, items: &[Item]) -> Vec<Outcome<Option<Value>>> {
        let looks = items.iter().cloned().map(|item| {
            let inner = Arc::clone(&self.inner);
            async move { kept_hash::of(&inner, &item).await }
        });
        each(looks).await
    }

    async fn open(&self, item: &Item) -> Outcome<Opened> {
        content::open(&self.inner, item).await
    }

    async fn store_small(&self, files: Vec<(Arrival, Bytes)>) -> Vec<Outcome<Stored>> {
        let puts = files.into_iter().map(|(arrival, bytes)| {
            let inner = Arc::clone(&self.inner);
            async move { inner.put(&arrival, Arc::new(Held::new(bytes))).await }
        });
        let mut results = each(puts).await;
        if results.iter().any(Result::is_ok)
            && let Err(failure) = self.sync().await
        {
            // None of them is known to be durable (D7).
            results.iter_mut().filter(|result| result.is_ok()).for_each(|result| *result = Err(failure.clone()));
        }
        results
    }

    async fn store(
        &self,
        arrival: &Arrival,
        content: Arc<Measured>,
        tables: &dyn PartTables,
        control: &Control,
    ) -> Outcome<Stored> {
        control.ready().await?;
        let size = content.size();
        if self.inner.in_ranges && size > BLOCK {
            return large::store(self, arrival, content, tables, control).await;
        }
        let stored = self.inner.put(arrival, content).await?;
        if stored.item.size == size {
            self.sync().await?;
        }
        Ok(stored)
    }

    fn sequential(&self) -> bool {
        self.inner.sequential
    }

    async fn reading_order(&self, items: &[Item]) -> Outcome<Vec<usize>> {
        order::plan(&self.inner, self.media.as_ref(), items).await
    }

    async fn append(&self, arrival: &Arrival, content: Content) -> Outcome<Stored> {
        self.inner.put(arrival, content).await
    }

    fn upload_key(&self, path: &str) -> Outcome<String> {
        self.inner.native(path)
    }

    async fn give_up(&self, _key: &str, upload: &str) -> Outcome<()> {
        large::give_up(&self.inner, upload).await
    }

    fn keeps_folders(&self) -> bool {
        true
    }

    fn folder_times(&self) -> bool {
        self.inner.folder_times
    }

    async fn make_folder(&self, path: &str, item: &Item, attempt: &str) -> Outcome<()> {
        if path.is_empty() {
            return Ok(());
        }
        let native = self.inner.native(path)?;
        match self.inner.files.make_directory(&self.inner.share, &native, attempt).await {
            Ok(()) => {}
            Err(failure) if failure.kind == Kind::AlreadyExists => {}
            Err(failure) => return Err(failure),
        }
        let attributes = Attributes {
            modified: Some(item.stamp().0),
            mode: item.mode.map(|mode| mode & 0o1777 | 0o700),
            owner: None,
            group: None,
            extras: Vec::new(),
        };
        match self.inner.files.set_attributes(&self.inner.share, &native, attributes, attempt).await {
            Err(failure) if !matches!(failure.kind, Kind::Unsupported | Kind::Denied) => Err(failure),
            _ => Ok(()),
        }
    }

    async fn make_link(&self, path: &str, to: &str, _item: &Item, attempt: &str, overwrite: bool) -> Outcome<Stored> {
        let native = self.inner.native(path)?;
        let text = String::from_utf8(capstan_domain::names::unescape(to)).map_err(|error| {
            Failure::unsupported("The link's text is not UTF-8, which shares cannot hold").with_detail(error.to_string())
        })?;
        if overwrite {
            self.inner.files.remove(&self.inner.share, &native, attempt).await?;
        }
        let node = self.inner.files.make_link(&self.inner.share, &native, &text, attempt).await?;
        Ok(Stored { item: item_of(path.to_owned(), None, &node), key: native })
    }

    async fn remove(&self, items: &[Item], if_unchanged: bool, attempt: &str) -> Vec<Outcome<()>> {
        let removals = items.iter().cloned().map(|item| {
            let (inner, attempt) = (Arc::clone(&self.inner), attempt.to_owned());
            async move { inner.remove_one(&item, if_unchanged, &attempt).await }
        });
        each(removals).await
    }

    async fn rename(&self, from: &Item, to: &str, replace: bool, attempt: &str) -> Outcome<bool> {
        let (from, to) = (self.inner.native_of(from)?, self.inner.native(to)?);
        match self.inner.files.rename(&self.inner.share, &from, &to, replace, attempt).await {
            Ok(()) => {}
            Err(failure) if failure.kind == Kind::Unsupported => return Ok(false),
            Err(failure) => return Err(failure),
        }
        self.sync().await?;
        Ok(true)
    }

    async fn set_attributes(&self, path: &str, new: NewAttributes, attempt: &str) -> Outcome<()> {
        let attributes = Attributes {
            modified: new.modified.map(|modified| modified.0),
            mode: new.mode.map(|mode| mode & 0o1777),
            owner: new.uid.map(|uid| uid.to_string()),
            group: new.gid.map(|gid| gid.to_string()),
            extras: Vec::new(),
        };
        let native = self.inner.native(path)?;
        self.inner.files.set_attributes(&self.inner.share, &native, attributes, attempt).await.map(drop)
    }

    async fn remove_folder(&self, path: &str, attempt: &str) -> Outcome<()> {
        let native = self.inner.native(path)?;
        match self.inner.files.remove(&self.inner.share, &native, attempt).await {
            Err(failure) if matches!(failure.kind, Kind::Conflict | Kind::AlreadyExists) => Err(not_empty(path)),
            removed => removed,
        }
    }

    async fn remove_empty_folders(&self, start: &str, attempt: &str) -> Outcome<u64> {
        walk::remove_empty_folders(&self.inner, names::checked(start)?, attempt).await
    }

    async fn room(&self) -> Outcome<Option<u64>> {
        Ok(None)
    }

    async fn sync(&self) -> Outcome<()> {
        self.inner.files.sync(&self.inner.share, &self.inner.prefix).await
    }

    fn refuses(&self, path: &str) -> Option<Failure> {
        self.inner.native(path).err()
    }
}
