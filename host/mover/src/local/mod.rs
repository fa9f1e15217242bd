//! A directory of the host as a tree.
//!
//! Every path is opened name by name below the root and no link is followed on the way, so nothing outside the directory can be
//! reached, whatever links and renames others make meanwhile. Files appear under their name whole and synced, or not at all.

mod beneath;
mod change;
pub(crate) mod direct;
mod fault;
mod links;
mod read;
mod remove;
mod store;
mod store_large;
mod sync;
#[cfg(test)]
mod tests;
mod walk;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use capstan_domain::ids::LocationId;
use capstan_domain::{Failure, Outcome};
use rustix::fs::{Mode, OFlags};
use tokio::sync::mpsc;

use crate::control::Control;
use crate::digest::Value;
use crate::item::{Found, Item};
use crate::ledger::PartTables;
use crate::measured::Measured;
use crate::names;
use crate::tree::{Arrival, Children, NewAttributes, Opened, Small, Stored, Tree};
use beneath::{Parents, Root};
pub(crate) use change::not_empty;
pub use read::LocalFile;
pub(crate) use read::changed;
pub(crate) use store::{is_temporary, temporary};
use sync::GroupSync;

pub struct LocalTree {
    id: String,
    root: Arc<Root>,
    sync: Arc<GroupSync>,
}

impl LocalTree {
    /// `id`: stable over restarts. The directory must exist; it may be reached through links, what is under it may not.
    pub fn open(id: impl Into<String>, directory: &Path) -> Outcome<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle =
            rustix::fs::open(directory, flags, Mode::empty()).map_err(|errno| fault::of(errno, &directory.to_string_lossy()))?;
        Ok(Self::from_handle(id.into(), handle, directory.to_owned()))
    }

    /// Rooted at `path` beneath `directory`; missing folders on the way are made, links on it are refused. Blocking.
    pub fn open_under(id: impl Into<String>, directory: &Path, path: &str) -> Outcome<Self> {
        let above = Self::open(String::new(), directory)?;
        let path = names::checked(path)?;
        let handle = Parents::made(&above.root).folder(path).map_err(|errno| fault::of(errno, path))?;
        let handle = rustix::io::fcntl_dupfd_cloexec(&handle, 0).map_err(|errno| fault::of(errno, path))?;
        Ok(Self::from_handle(id.into(), handle, directory.join(path)))
    }

    fn from_handle(id: String, handle: OwnedFd, shown: PathBuf) -> Self {
        let root = Arc::new(Root::new(handle, shown));
        Self { id, sync: Arc::new(GroupSync::new(Arc::clone(&root))), root }
    }

    /// Runs blocking work on the tree's files.
    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce(&Root) -> T + Send + 'static) -> Outcome<T> {
        let root = Arc::clone(&self.root);
        on_disk(move || work(&root)).await
    }
}

/// Blocking file work, off the threads that poll.
pub(crate) async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Outcome<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Failure::host("The host could not work on a file", error))
}

#[async_trait]
impl Tree for LocalTree {
    fn id(&self) -> &str {
        &self.id
    }

    fn location(&self) -> Option<LocationId> {
        None
    }

    async fn walk(&self, start: &str, found: mpsc::Sender<Vec<Found>>) -> Outcome<()> {
        let start = names::checked(start)?.to_owned();
        self.blocking(move |root| walk::walk(root, &start, &found)).await?
    }

    async fn children(&self, path: &str, after: Option<&str>, limit: u32) -> Outcome<Children> {
        let (path, after) = (names::checked(path)?.to_owned(), after.map(str::to_owned));
        self.blocking(move |root| read::children(root, &path, after.as_deref(), limit)).await?
    }

    async fn stat(&self, path: &str) -> Outcome<Option<Item>> {
        let path = names::checked(path)?.to_owned();
        self.blocking(move |root| read::stat(root, &path)).await?
    }

    async fn stat_many(&self, paths: &[String]) -> Vec<Outcome<Option<Item>>> {
        let paths = paths.to_vec();
        let count = paths.len();
        let all = self.blocking(move |root| read::stat_many(root, &paths)).await;
        all.unwrap_or_else(|failure| vec![Err(failure); count])
    }

    async fn is_empty(&self, start: &str) -> Outcome<bool> {
        let start = names::checked(start)?.to_owned();
        self.blocking(move |root| read::is_empty(root, &start)).await?
    }

    async fn read_small(&self, items: &[Item], limit: u64) -> Vec<Outcome<Small>> {
        let (items, count) = (items.to_vec(), items.len());
        let all = self.blocking(move |root| read::read_small(root, &items, limit)).await;
        all.unwrap_or_else(|failure| vec![Err(failure); count])
    }

    async fn hash_small(&self, items: &[Item], limit: u64) -> Vec<Outcome<(Item, Value)>> {
        let (items, count) = (items.to_vec(), items.len());
        let all = self.blocking(move |root| read::hash_small(root, &items, limit)).await;
        all.unwrap_or_else(|failure| vec![Err(failure); count])
    }

    async fn open(&self, item: &Item) -> Outcome<Opened> {
        let path = item.path.clone();
        self.blocking(move |root| read::open(root, &path)).await?
    }

    async fn store_small(&self, files: Vec<(Arrival, Bytes)>) -> Vec<Outcome<Stored>> {
        store::store_small(&self.root, &self.sync, files).await
    }

    async fn store(
        &self,
        arrival: &Arrival,
        content: Arc<Measured>,
        tables: &dyn PartTables,
        control: &Control,
    ) -> Outcome<Stored> {
        store_large::store(self, arrival, content, tables, control).await
    }

    fn upload_key(&self, path: &str) -> Outcome<String> {
        names::checked(path).map(str::to_owned)
    }

    async fn give_up(&self, key: &str, _upload: &str) -> Outcome<()> {
        let path = names::checked(key)?.to_owned();
        self.blocking(move |root| store_large::give_up(root, &path)).await?
    }

    fn keeps_folders(&self) -> bool {
        true
    }

    /// As POSIX has it.
    fn folder_times(&self) -> bool {
        true
    }

    async fn make_folder(&self, path: &str, item: &Item, _attempt: &str) -> Outcome<()> {
        let (path, item) = (names::checked(path)?.to_owned(), item.clone());
        self.blocking(move |root| store::make_folder(root, &path, &item)).await?
    }

    async fn make_link(&self, path: &str, to: &str, item: &Item, _attempt: &str, overwrite: bool) -> Outcome<Stored> {
        let (path, to, item) = (names::checked(path)?.to_owned(), to.to_owned(), item.clone());
        let stored = self.blocking(move |root| links::make(root, &path, &to, &item, overwrite)).await??;
        self.sync.sync().await?;
        Ok(stored)
    }

    async fn remove(&self, items: &[Item], if_unchanged: bool, _attempt: &str) -> Vec<Outcome<()>> {
        let (items, count) = (items.to_vec(), items.len());
        let all = self.blocking(move |root| remove::remove(root, &items, if_unchanged)).await;
        all.unwrap_or_else(|failure| vec![Err(failure); count])
    }

    async fn rename(&self, from: &Item, to: &str, replace: bool, _attempt: &str) -> Outcome<bool> {
        let (from, to) = (names::checked(&from.path)?.to_owned(), names::checked(to)?.to_owned());
        self.blocking(move |root| change::rename(root, &from, &to, replace)).await??;
        self.sync.sync().await?;
        Ok(true)
    }

    async fn set_attributes(&self, path: &str, attributes: NewAttributes, _attempt: &str) -> Outcome<()> {
        let path = names::checked(path)?.to_owned();
        self.blocking(move |root| change::set_attributes(root, &path, &attributes)).await?
    }

    async fn remove_folder(&self, path: &str, _attempt: &str) -> Outcome<()> {
        let path = names::checked(path)?.to_owned();
        self.blocking(move |root| change::remove_folder(root, &path)).await??;
        self.sync.sync().await
    }

    async fn remove_empty_folders(&self, start: &str, _attempt: &str) -> Outcome<u64> {
        let start = names::checked(start)?.to_owned();
        self.blocking(move |root| remove::remove_empty_folders(root, &start)).await?
    }

    async fn room(&self) -> Outcome<Option<u64>> {
        self.blocking(|root| {
            let space = rustix::fs::fstatvfs(root.handle()).map_err(|errno| fault::of(errno, root.shown()))?;
            Ok(Some(space.f_bavail.saturating_mul(space.f_frsize)))
        })
        .await?
    }

    async fn sync(&self) -> Outcome<()> {
        self.sync.sync().await
    }

    fn refuses(&self, path: &str) -> Option<Failure> {
        store::refuses(path)
    }
}
