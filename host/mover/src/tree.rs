//! A place as a tree of files: what a transfer needs of the host's disks, an object store or a share, and no more.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use capstan_domain::content::Content;
use capstan_domain::ids::LocationId;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use tokio::sync::mpsc;

use crate::control::Control;
use crate::digest::{self, Value};
use crate::item::{Found, Item};
use crate::ledger::PartTables;
use crate::local::LocalFile;
use crate::measured::Measured;

/// One page of a folder.
#[derive(Clone, Debug, Default)]
pub struct Children {
    pub items: Vec<Item>,
    /// None: this was the last page.
    pub next: Option<String>,
}

/// A whole small file in memory, read while it stood still.
#[derive(Clone, Debug)]
pub struct Small {
    /// As it was when it was read; objects learn their attributes only here.
    pub item: Item,
    pub bytes: Bytes,
}

/// A large file, open for reading in any order.
#[derive(Clone)]
pub struct Opened {
    /// As it is now, with its attributes.
    pub item: Item,
    pub content: Content,
    /// Set where the file lies on the host's own disks: saves the way through a stream.
    pub file: Option<Arc<LocalFile>>,
}

/// What is to be stored where.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// In the tree that stores it.
    pub path: String,
    pub size: u64,
    pub modified: Timestamp,
    pub mode: Option<u32>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    /// BLAKE3, if it is known before the bytes are sent.
    pub blake3: Option<[u8; 32]>,
    /// Idempotency key of this store.
    pub attempt: String,
    /// False: what stands there already stays, and the store fails with `AlreadyExists`.
    pub overwrite: bool,
    pub storage_class: Option<String>,
}

/// What a tree says it stored. It is durable; that it is right, only reading back proves.
#[derive(Clone, Debug)]
pub struct Stored {
    /// As the tree now shows it.
    pub item: Item,
    /// The target's own key or path.
    pub key: String,
}

/// What is given of a file's or a folder's attributes; the rest stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NewAttributes {
    pub modified: Option<Timestamp>,
    pub mode: Option<u32>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
}

#[async_trait]
pub trait Tree: Send + Sync + 'static {
    /// Stable over restarts: the part table is kept under it.
    fn id(&self) -> &str;

    /// The location whose replicas the stored files are; none for the host's own disks.
    fn location(&self) -> Option<LocationId>;

    /// Everything at and under `start`, folders before what is in them. Ends when the receiver is dropped. Fails only if `start`
    /// itself cannot be read; other failures are reported in place.
    async fn walk(&self, start: &str, found: mpsc::Sender<Vec<Found>>) -> Outcome<()>;

    /// What stands in one folder, up to `limit` things a page; `after` is the page's `next`.
    async fn children(&self, path: &str, after: Option<&str>, limit: u32) -> Outcome<Children>;

    /// None: nothing is there.
    async fn stat(&self, path: &str) -> Outcome<Option<Item>>;

    /// One result per item, in order.
    async fn stat_many(&self, paths: &[String]) -> Vec<Outcome<Option<Item>>>;

    /// True if surely nothing is stored at or under `start`: saves a look per file.
    async fn is_empty(&self, start: &str) -> Outcome<bool>;

    /// Whole files, one result per item, in order. A file larger than `limit` bytes answers `Conflict`, code "grown".
    async fn read_small(&self, items: &[Item], limit: u64) -> Vec<Outcome<Small>>;

    /// The BLAKE3 of whole files, read as `read_small` does.
    async fn hash_small(&self, items: &[Item], limit: u64) -> Vec<Outcome<(Item, Value)>> {
        let read = self.read_small(items, limit).await;
        read.into_iter().map(|read| read.map(|small| (small.item, digest::of(&small.bytes)))).collect()
    }

    /// The BLAKE3 that the target keeps beside each of these, one answer per item, in order; none: it keeps none. Nothing is read for it.
    async fn kept_hashes(&self, items: &[Item]) -> Vec<Outcome<Option<Value>>> {
        items.iter().map(|item| Ok(item.blake3)).collect()
    }

    /// Reading fails with `Conflict`, code "source-changed", once the file is no longer the one that was opened.
    async fn open(&self, item: &Item) -> Outcome<Opened>;

    /// Asks for a file that cannot be read because it lies in cold storage. True: it was asked for, now or before, and comes in time.
    /// False: that is not why.
    async fn recall(&self, _item: &Item, _attempt: &str) -> Outcome<bool> {
        Ok(false)
    }

    /// Whole files, one result per item, in order; durable when this answers.
    async fn store_small(&self, files: Vec<(Arrival, Bytes)>) -> Vec<Outcome<Stored>>;

    /// A large file: visible whole or not at all, durable when this answers, resumed from the tables's part table.
    async fn store(
        &self,
        arrival: &Arrival,
        content: Arc<Measured>,
        tables: &dyn PartTables,
        control: &Control,
    ) -> Outcome<Stored>;

    /// Whether what is stored lies behind all that was stored before, and a sync is dear: then files are appended one after the other,
    /// synced rarely, and read in the order they lie in.
    fn sequential(&self) -> bool {
        false
    }

    /// The order in which these are best read: the indexes of `items`, each once.
    async fn reading_order(&self, items: &[Item]) -> Outcome<Vec<usize>> {
        Ok((0..items.len()).collect())
    }

    /// A whole file of any size behind what was stored before. Only of a sequential tree. It is durable when [`Tree::sync`] has answered
    /// afterwards, and may be lost until then. `NoSpace`: it does not fit, and what was appended before is not touched by that.
    async fn append(&self, _arrival: &Arrival, _content: Content) -> Outcome<Stored> {
        Err(Failure::unsupported("This place is not written in sequence"))
    }

    /// What the tables keeps an unfinished store of this path under.
    fn upload_key(&self, path: &str) -> Outcome<String>;

    /// Gives up what an unfinished store left: parts, a temporary file. `key` and `upload` as in its record. What is gone already is
    /// a success.
    async fn give_up(&self, key: &str, upload: &str) -> Outcome<()>;

    /// The same where the record knows no upload yet, only the attempt that asked for one: the target may have begun it.
    async fn give_up_begun(&self, _key: &str, _size: u64, _attempt: &str) -> Outcome<()> {
        Ok(())
    }

    /// Whether folders are things of their own here, with attributes.
    fn keeps_folders(&self) -> bool;

    /// Whether a folder's times change whenever a name in it is made, removed or renamed.
    fn folder_times(&self) -> bool {
        false
    }

    /// With its parents. `item` gives the attributes.
    async fn make_folder(&self, path: &str, item: &Item, attempt: &str) -> Outcome<()>;

    /// `to` as in `ItemKind::Link`.
    async fn make_link(&self, path: &str, to: &str, item: &Item, attempt: &str, overwrite: bool) -> Outcome<Stored>;

    /// One result per item, in order. `if_unchanged`: only what is still the item given; else `Conflict`, code "source-changed".
    /// What is gone already is a success.
    async fn remove(&self, items: &[Item], if_unchanged: bool, attempt: &str) -> Vec<Outcome<()>>;

    /// Gives what stands at a path another name, at once. False: this tree cannot, it has to be copied and removed. `replace` false and
    /// something at `to`: `AlreadyExists`.
    async fn rename(&self, from: &Item, to: &str, replace: bool, attempt: &str) -> Outcome<bool>;

    /// `Unsupported` where attributes are only kept with a store.
    async fn set_attributes(&self, path: &str, attributes: NewAttributes, attempt: &str) -> Outcome<()>;

    /// An empty folder; one that is gone is a success. `Conflict`, code "not-empty": something is in it.
    async fn remove_folder(&self, path: &str, attempt: &str) -> Outcome<()>;

    /// Removes the folders under `start` that hold nothing, `start` itself excepted. Answers how many.
    async fn remove_empty_folders(&self, start: &str, attempt: &str) -> Outcome<u64>;

    /// Bytes that still fit; none: not known.
    async fn room(&self) -> Outcome<Option<u64>>;

    /// Removals made before are durable when this answers, and what was appended.
    async fn sync(&self) -> Outcome<()>;

    /// The target's own key or path of an item.
    fn key(&self, item: &Item) -> Outcome<String> {
        Ok(item.native.clone().unwrap_or_else(|| item.path.clone()))
    }

    /// Why a name cannot be stored here, if it cannot.
    fn refuses(&self, path: &str) -> Option<Failure>;
}

/// Runs each on its own task, so that signing and hashing use all cores; results in order.
pub(crate) async fn each<T: Send + 'static, F>(work: impl Iterator<Item = F>) -> Vec<Outcome<T>>
where
    F: Future<Output = Outcome<T>> + Send + 'static,
{
    let tasks: Vec<_> = work.map(tokio::spawn).collect();
    let mut results = Vec::with_capacity(tasks.len());
    for task in tasks {
        results.push(task.await.unwrap_or_else(|error| Err(Failure::host("The host's own task broke off", error))));
    }
    results
}
