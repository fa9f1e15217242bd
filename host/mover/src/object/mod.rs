//! Objects under a prefix as a tree.
//!
//! A file is an object under its path; attributes ride along as metadata, so that a tree comes back with them. An empty folder is
//! an empty object whose key ends in "/", a link is a small object whose metadata says where it points.

mod attributes;
mod content;
mod keys;
mod parts;
mod recall;
mod store;
mod walk;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use bytes::Bytes;
use capstan_domain::failure::Kind;
use capstan_domain::ids::LocationId;
use capstan_domain::ports::{GetOptions, ListOptions, NamedValues, Objects, Uploads};
use capstan_domain::{Failure, Outcome};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};

use crate::backoff;
use crate::control::Control;
use crate::held::gather;
use crate::item::{Found, Item, ItemKind};
use crate::ledger::PartTables;
use crate::measured::Measured;
use crate::names;
use crate::tree::{Arrival, Children, NewAttributes, Opened, Small, Stored, Tree, each};
use keys::Keys;

/// Calls of one tree that are under way at a time; more wait.
const CALLS_IN_FLIGHT: usize = 64;
/// Tries of one call that changes nothing.
const TRIES: u32 = 5;

#[derive(Clone)]
pub struct ObjectTree {
    inner: Arc<Inner>,
}

struct Inner {
    id: String,
    location: Option<LocationId>,
    /// As the target names it.
    bucket: String,
    keys: Keys,
    objects: Arc<dyn Objects>,
    uploads: Option<Arc<dyn Uploads>>,
    calls: Semaphore,
    /// The target was seen to answer a range with the whole object.
    no_ranges: AtomicBool,
}

impl ObjectTree {
    /// `bucket`: the location as the target names it. `prefix`: where in it the tree's root is, without slashes at its ends.
    /// `capabilities`: what the plugin said of the names it can hold.
    pub fn new(
        id: impl Into<String>,
        location: Option<LocationId>,
        bucket: impl Into<String>,
        prefix: &str,
        objects: Arc<dyn Objects>,
        uploads: Option<Arc<dyn Uploads>>,
        capabilities: &NamedValues,
    ) -> Self {
        let keys = Keys::new(prefix, capabilities);
        let calls = Semaphore::new(CALLS_IN_FLIGHT);
        let (id, bucket, no_ranges) = (id.into(), bucket.into(), AtomicBool::new(false));
        Self { inner: Arc::new(Inner { id, location, bucket, keys, objects, uploads, calls, no_ranges }) }
    }
}

impl Inner {
    async fn permit(&self) -> Outcome<SemaphorePermit<'_>> {
        self.calls.acquire().await.map_err(|error| Failure::host("The tree was closed", error))
    }

    /// Asks until it is answered, for calls that change nothing.
    async fn asked<T, F: Future<Output = Outcome<T>> + Send>(&self, call: impl Fn() -> F + Send) -> Outcome<T> {
        let mut tries = 1;
        loop {
            let failure = match call().await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            match backoff::wait_after(&failure, tries, TRIES) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(failure),
            }
            tries += 1;
        }
    }

    async fn stat(&self, path: &str) -> Outcome<Option<Item>> {
        if !path.is_empty() {
            let key = self.keys.of(path)?;
            match self.asked(|| self.objects.head(&self.bucket, &key, GetOptions::default())).await {
                Ok(object) => return Ok(Some(attributes::item_of(path.to_owned(), &object))),
                Err(failure) if failure.kind == Kind::NotFound => {}
                Err(failure) => return Err(failure),
            }
        }
        // No object: a folder, if anything lies under it.
        let under = self.keys.under(path)?;
        let found = self.asked(|| self.objects.list(&self.bucket, first_under(&under))).await?;
        let first = found.entries.first().map(|entry| entry.modified);
        Ok(first.map(|modified| Item {
            kind: ItemKind::Folder { empty: false },
            ..Item::file(path, 0, capstan_domain::time::Timestamp(modified))
        }))
    }

    async fn read_one(&self, item: &Item, limit: u64) -> Outcome<Small> {
        let key = self.keys.of_item(item)?;
        let _permit = self.permit().await?;
        let (object, body) =
            self.objects.get(&self.bucket, &key, None, GetOptions::default()).await.map_err(content::while_reading)?;
        let bytes = gather(body, &item.path, object.size, limit, content::wrong_length).await?;
        let mut read = attributes::item_of(item.path.clone(), &object);
        read.native.clone_from(&item.native);
        Ok(Small { item: read, bytes })
    }

    async fn remove_one(&self, item: &Item) -> Outcome<()> {
        let key = self.keys.of_item(item)?;
        match self.asked(|| self.objects.head(&self.bucket, &key, GetOptions::default())).await {
            Ok(object) if attributes::item_of(item.path.clone(), &object).same_content(item) => Ok(()),
            Ok(_) => {
                Err(Failure::new(Kind::Conflict, format!("{:?} is no longer what it was", item.path)).with_code("source-changed"))
            }
            Err(failure) => Err(failure),
        }
    }
}

fn first_under(prefix: &str) -> ListOptions {
    ListOptions { prefix: prefix.to_owned(), limit: 1, ..ListOptions::default() }
}

#[async_trait]
impl Tree for ObjectTree {
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
                inner.stat(names::checked(&path)?).await
            }
        });
        each(looks).await
    }

    async fn is_empty(&self, start: &str) -> Outcome<bool> {
        let start = names::checked(start)?;
        if !start.is_empty() && self.inner.stat(start).await?.is_some() {
            return Ok(false);
        }
        let under = self.inner.keys.under(start)?;
        let found = self.inner.asked(|| self.inner.objects.list(&self.inner.bucket, first_under(&under))).await?;
        Ok(found.entries.is_empty() && found.prefixes.is_empty() && found.next.is_none())
    }

    async fn read_small(&self, items: &[Item], limit: u64) -> Vec<Outcome<Small>> {
        let reads = items.iter().cloned().map(|item| {
            let inner = Arc::clone(&self.inner);
            async move { inner.read_one(&item, limit).await }
        });
        each(reads).await
    }

    async fn open(&self, item: &Item) -> Outcome<Opened> {
        content::open(&self.inner, item).await
    }

    async fn recall(&self, item: &Item, attempt: &str) -> Outcome<bool> {
        recall::recall(&self.inner, item, attempt).await
    }

    async fn store_small(&self, files: Vec<(Arrival, Bytes)>) -> Vec<Outcome<Stored>> {
        let puts = files.into_iter().map(|(arrival, bytes)| {
            let inner = Arc::clone(&self.inner);
            async move { store::put_bytes(&inner, &arrival, bytes, None).await }
        });
        each(puts).await
    }

    async fn store(
        &self,
        arrival: &Arrival,
        content: Arc<Measured>,
        tables: &dyn PartTables,
        control: &Control,
    ) -> Outcome<Stored> {
        match &self.inner.uploads {
            Some(uploads) if arrival.size >= parts::FROM => {
                parts::store(&self.inner, uploads, arrival, content, tables, control).await
            }
            _ => store::put(&self.inner, arrival, content).await,
        }
    }

    fn upload_key(&self, path: &str) -> Outcome<String> {
        self.inner.keys.of(path)
    }

    async fn give_up(&self, key: &str, upload: &str) -> Outcome<()> {
        match &self.inner.uploads {
            Some(uploads) => parts::abort(&self.inner, uploads, key, upload).await,
            None => Ok(()),
        }
    }

    async fn give_up_begun(&self, key: &str, size: u64, attempt: &str) -> Outcome<()> {
        match &self.inner.uploads {
            Some(uploads) => parts::abort_begun(&self.inner, uploads, key, size, attempt).await,
            None => Ok(()),
        }
    }

    fn keeps_folders(&self) -> bool {
        false
    }

    async fn make_folder(&self, path: &str, item: &Item, attempt: &str) -> Outcome<()> {
        store::put_folder(&self.inner, names::checked(path)?, item, attempt).await
    }

    async fn make_link(&self, path: &str, to: &str, item: &Item, attempt: &str, overwrite: bool) -> Outcome<Stored> {
        store::put_link(&self.inner, names::checked(path)?, to, item, attempt, overwrite).await
    }

    async fn remove(&self, items: &[Item], if_unchanged: bool, attempt: &str) -> Vec<Outcome<()>> {
        walk::remove(&self.inner, items, if_unchanged, attempt).await
    }

    async fn rename(&self, _from: &Item, _to: &str, _replace: bool, _attempt: &str) -> Outcome<bool> {
        Ok(false)
    }

    async fn set_attributes(&self, path: &str, _attributes: NewAttributes, _attempt: &str) -> Outcome<()> {
        Err(Failure::unsupported(format!(
            "{path:?} is an object: its attributes are kept when it is stored, and not changed after"
        )))
    }

    async fn remove_folder(&self, path: &str, attempt: &str) -> Outcome<()> {
        walk::remove_folder(&self.inner, names::checked(path)?, attempt).await
    }

    async fn remove_empty_folders(&self, start: &str, attempt: &str) -> Outcome<u64> {
        walk::remove_markers(&self.inner, names::checked(start)?, attempt).await
    }

    async fn room(&self) -> Outcome<Option<u64>> {
        Ok(None)
    }

    async fn sync(&self) -> Outcome<()> {
        // A put is durable when it is answered.
        Ok(())
    }

    fn key(&self, item: &Item) -> Outcome<String> {
        self.inner.keys.of_item(item)
    }

    fn refuses(&self, path: &str) -> Option<Failure> {
        self.inner.keys.of(path).err()
    }
}
