//! What a view knows and looks up: which path is meant, what stands there, what is open.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, MutexGuard, PoisonError};

use capstan_domain::time::Timestamp;
use capstan_mount::errno;
use capstan_mover::{Item, ItemKind};
use fuser::{Errno, FileType, INodeNo};
use tokio::sync::Mutex;

use crate::draft::Draft;
use crate::file::OpenFile;
use crate::folder::OpenFolder;
use crate::spool::Spool;
use crate::table::{Spot, Table};
use crate::{Shown, attributes, names};

/// Files and folders open in one view; more are refused.
const MOST_OPEN: usize = 4096;

/// An open file.
#[derive(Clone)]
pub(crate) enum Handle {
    Reading(Arc<OpenFile>),
    Writing(Arc<Draft>),
}

pub(crate) type Key = (usize, String);

pub(crate) struct Inner {
    pub(crate) shown: Vec<Shown>,
    pub(crate) spool: Option<Arc<Spool>>,
    pub(crate) table: Table,
    pub(crate) files: std::sync::Mutex<HashMap<u64, Handle>>,
    /// Files being written, with how many handles are open on each.
    pub(crate) drafts: std::sync::Mutex<HashMap<Key, (Arc<Draft>, usize)>>,
    pub(crate) folders: std::sync::Mutex<HashMap<u64, Arc<Mutex<OpenFolder>>>>,
    /// Folders of trees that keep none, whose last file went: they are there until they are removed.
    pub(crate) emptied: std::sync::Mutex<HashSet<Key>>,
    next_handle: AtomicU64,
    pub(crate) owner: (u32, u32),
    pub(crate) writable: bool,
    since: Timestamp,
}

impl Inner {
    pub(crate) fn new(shown: Vec<Shown>, spool: Option<Arc<Spool>>) -> Self {
        let table = Table::default();
        let single = matches!(shown.as_slice(), [only] if only.name.is_empty());
        table.hold_root(if single { Spot::In { tree: 0, path: String::new() } } else { Spot::Top });
        let owner = std::fs::metadata("/proc/self")
            .map(|own| (std::os::unix::fs::MetadataExt::uid(&own), std::os::unix::fs::MetadataExt::gid(&own)));
        Self {
            writable: spool.is_some() && shown.iter().any(|shown| shown.writes.is_some()),
            shown,
            spool,
            table,
            files: std::sync::Mutex::default(),
            drafts: std::sync::Mutex::default(),
            folders: std::sync::Mutex::default(),
            emptied: std::sync::Mutex::default(),
            next_handle: AtomicU64::new(1),
            owner: owner.unwrap_or((0, 0)),
            since: Timestamp::now(),
        }
    }

    pub(crate) fn folder_item(&self, path: &str) -> Item {
        Item { kind: ItemKind::Folder { empty: false }, ..Item::file(path, 0, self.since) }
    }

    pub(crate) fn locked<T>(lock: &std::sync::Mutex<T>) -> MutexGuard<'_, T> {
        lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn spot(&self, ino: INodeNo) -> Result<Spot, Errno> {
        self.table.spot(u64::from(ino)).ok_or(Errno::ESTALE)
    }

    /// The tree and path of something below the view's top.
    pub(crate) fn place(&self, ino: INodeNo) -> Result<Key, Errno> {
        match self.spot(ino)? {
            Spot::In { tree, path } => Ok((tree, path)),
            Spot::Top => Err(Errno::EPERM),
            Spot::Gone => Err(Errno::ENOENT),
        }
    }

    pub(crate) fn tree(&self, tree: usize) -> Result<&Shown, Errno> {
        self.shown.get(tree).ok_or(Errno::ESTALE)
    }

    pub(crate) fn draft(&self, key: &Key) -> Option<Arc<Draft>> {
        Self::locked(&self.drafts).get(key).map(|(draft, _)| Arc::clone(draft))
    }

    /// A file that is being written looks as it is being written.
    pub(crate) async fn item(&self, spot: &Spot) -> Result<Item, Errno> {
        let (tree, path) = match spot {
            Spot::Top => return Ok(self.folder_item("")),
            Spot::Gone => return Err(Errno::ENOENT),
            Spot::In { path, .. } if path.is_empty() => return Ok(self.folder_item("")),
            Spot::In { tree, path } => (*tree, path),
        };
        let key = (tree, path.clone());
        if let Some(draft) = self.draft(&key)
            && let Some(item) = draft.item().await.map_err(|failure| errno::of(&failure))?
        {
            return Ok(item);
        }
        match self.tree(tree)?.tree.stat(path).await.map_err(|failure| errno::of(&failure))? {
            Some(item) => Ok(item),
            None if Self::locked(&self.emptied).contains(&key) => Ok(self.folder_item(path)),
            None => Err(Errno::ENOENT),
        }
    }

    /// The path of a name in a folder.
    pub(crate) fn below(&self, parent: INodeNo, name: &OsStr) -> Result<Key, Errno> {
        match self.spot(parent)? {
            Spot::Gone => Err(Errno::ENOENT),
            Spot::Top => {
                let tree = self.shown.iter().position(|shown| shown.name.as_bytes() == name.as_bytes()).ok_or(Errno::ENOENT)?;
                Ok((tree, String::new()))
            }
            Spot::In { tree, path } => Ok((tree, names::path(&path, name))),
        }
    }

    pub(crate) async fn child(&self, parent: INodeNo, name: &OsStr) -> Result<(Key, Item), Errno> {
        let (tree, path) = self.below(parent, name)?;
        let item = self.item(&Spot::In { tree, path: path.clone() }).await?;
        Ok(((tree, path), item))
    }

    /// Holds it for the kernel and describes it.
    pub(crate) fn entered(&self, (tree, path): &Key, item: &Item) -> fuser::FileAttr {
        attributes::of(self.table.hold(*tree, path), item, self.owner, self.writable)
    }

    pub(crate) fn keep(&self, handle: Handle) -> Result<u64, Errno> {
        let mut files = Self::locked(&self.files);
        if files.len() >= MOST_OPEN {
            return Err(Errno::ENFILE);
        }
        let number = self.next_handle.fetch_add(1, Relaxed);
        files.insert(number, handle);
        Ok(number)
    }

    pub(crate) fn handle(&self, number: u64) -> Option<Handle> {
        Self::locked(&self.files).get(&number).cloned()
    }

    /// For reading; what is being written is read as it is.
    pub(crate) async fn open(&self, ino: INodeNo) -> Result<u64, Errno> {
        let (tree, path) = self.place(ino)?;
        if let Some(handle) = self.join(&(tree, path.clone())) {
            return handle;
        }
        let shown = self.tree(tree)?;
        let opened = shown.tree.open(&Item::file(path, 0, Timestamp(0))).await.map_err(|failure| errno::of(&failure))?;
        self.keep(Handle::Reading(Arc::new(OpenFile::new(opened.content))))
    }

    pub(crate) fn open_folder(&self, ino: INodeNo) -> Result<u64, Errno> {
        let number = self.next_handle.fetch_add(1, Relaxed);
        if let Spot::In { tree, path } = self.spot(ino)? {
            let folder = OpenFolder::new(Arc::clone(&self.tree(tree)?.tree), path);
            let mut folders = Self::locked(&self.folders);
            if folders.len() >= MOST_OPEN {
                return Err(Errno::ENFILE);
            }
            folders.insert(number, Arc::new(Mutex::new(folder)));
        }
        Ok(number)
    }

    /// The name, number and kind at a place of a listing.
    pub(crate) async fn line(&self, ino: INodeNo, handle: u64, place: u64) -> Result<Option<(u64, FileType, OsString)>, Errno> {
        let spot = self.spot(ino)?;
        if place < 2 {
            let name = if place == 0 { "." } else { ".." };
            return Ok(Some((u64::from(ino), FileType::Directory, name.into())));
        }
        match spot {
            Spot::Top => {
                let index = usize::try_from(place - 2).unwrap_or(usize::MAX);
                let line = |shown: &Shown| (Table::usual(index, ""), FileType::Directory, OsString::from(&shown.name));
                Ok(self.shown.get(index).map(line))
            }
            Spot::In { tree, path } => {
                let folder = Self::locked(&self.folders).get(&handle).cloned().ok_or(Errno::EBADF)?;
                let mut folder = folder.lock().await;
                let item = match folder.at(place - 2).await {
                    Ok(item) => item,
                    // Nothing is left in it, and the tree keeps no folders.
                    Err(failure)
                        if failure.kind == capstan_domain::Kind::NotFound
                            && Self::locked(&self.emptied).contains(&(tree, path.clone())) =>
                    {
                        None
                    }
                    Err(failure) => return Err(errno::of(&failure)),
                };
                Ok(item.map(|item| (Table::usual(tree, &item.path), attributes::kind_of(item), names::shown(&item.path))))
            }
            Spot::Gone => Ok(None),
        }
    }
}
