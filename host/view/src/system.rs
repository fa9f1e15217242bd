//! The kernel's questions, answered from the trees.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError};

use capstan_domain::Failure;
use capstan_domain::failure::Kind;
use capstan_domain::names::unescape;
use capstan_domain::time::Timestamp;
use capstan_mover::{Item, ItemKind};
use fuser::{
    Errno, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner, OpenAccMode, OpenFlags, ReplyAttr,
    ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, Request,
};
use tokio::runtime::Handle;
use tokio::sync::Mutex;

use crate::file::OpenFile;
use crate::folder::OpenFolder;
use crate::table::{ROOT, Spot, Table};
use crate::{FRESH, Shown, attributes, names};

/// Files and folders open in one view; more are refused.
const MOST_OPEN: usize = 4096;

pub(crate) struct System {
    inner: Arc<Inner>,
    runtime: Handle,
}

struct Inner {
    shown: Vec<Shown>,
    table: Table,
    files: std::sync::Mutex<HashMap<u64, Arc<OpenFile>>>,
    folders: std::sync::Mutex<HashMap<u64, Arc<Mutex<OpenFolder>>>>,
    next_handle: AtomicU64,
    owner: (u32, u32),
    since: Timestamp,
}

impl System {
    pub(crate) fn new(shown: Vec<Shown>, runtime: Handle) -> Self {
        let table = Table::default();
        let single = matches!(shown.as_slice(), [only] if only.name.is_empty());
        table.hold(ROOT, if single { Spot::In { tree: 0, path: String::new() } } else { Spot::Top });
        let owner = std::fs::metadata("/proc/self")
            .map(|own| (std::os::unix::fs::MetadataExt::uid(&own), std::os::unix::fs::MetadataExt::gid(&own)));
        let inner = Inner {
            shown,
            table,
            files: std::sync::Mutex::default(),
            folders: std::sync::Mutex::default(),
            next_handle: AtomicU64::new(1),
            owner: owner.unwrap_or((0, 0)),
            since: Timestamp::now(),
        };
        Self { inner: Arc::new(inner), runtime }
    }

    fn answer<F: Future<Output = ()> + Send + 'static>(&self, work: impl FnOnce(Arc<Inner>) -> F) {
        self.runtime.spawn(work(Arc::clone(&self.inner)));
    }
}

impl Inner {
    fn folder_item(&self, path: &str) -> Item {
        Item { kind: ItemKind::Folder { empty: false }, ..Item::file(path, 0, self.since) }
    }

    fn locked<T>(lock: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
        lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spot(&self, ino: INodeNo) -> Result<Spot, Errno> {
        self.table.spot(u64::from(ino)).ok_or(Errno::ESTALE)
    }

    async fn item(&self, spot: &Spot) -> Result<Item, Errno> {
        match spot {
            Spot::Top => Ok(self.folder_item("")),
            Spot::In { path, .. } if path.is_empty() => Ok(self.folder_item("")),
            Spot::In { tree, path } => {
                let shown = self.shown.get(*tree).ok_or(Errno::ESTALE)?;
                shown.tree.stat(path).await.map_err(|failure| errno(&failure))?.ok_or(Errno::ENOENT)
            }
        }
    }

    async fn child(&self, parent: INodeNo, name: &OsStr) -> Result<(u64, Spot, Item), Errno> {
        let spot = match self.spot(parent)? {
            Spot::Top => {
                let tree = self.shown.iter().position(|shown| shown.name.as_bytes() == name.as_bytes()).ok_or(Errno::ENOENT)?;
                Spot::In { tree, path: String::new() }
            }
            Spot::In { tree, path } => Spot::In { tree, path: names::path(&path, name) },
        };
        let item = self.item(&spot).await?;
        let Spot::In { tree, path } = &spot else { return Err(Errno::ENOENT) };
        Ok((Table::number(*tree, path), spot, item))
    }

    async fn open(&self, ino: INodeNo) -> Result<u64, Errno> {
        let Spot::In { tree, path } = self.spot(ino)? else { return Err(Errno::EISDIR) };
        let shown = self.shown.get(tree).ok_or(Errno::ESTALE)?;
        if Self::locked(&self.files).len() >= MOST_OPEN {
            return Err(Errno::ENFILE);
        }
        let opened = shown.tree.open(&Item::file(path, 0, Timestamp(0))).await.map_err(|failure| errno(&failure))?;
        let handle = self.next_handle.fetch_add(1, Relaxed);
        Self::locked(&self.files).insert(handle, Arc::new(OpenFile::new(opened.content)));
        Ok(handle)
    }

    /// The name, number and kind at a place of a listing.
    async fn line(&self, ino: INodeNo, handle: u64, place: u64) -> Result<Option<(u64, FileType, OsString)>, Errno> {
        let spot = self.spot(ino)?;
        if place < 2 {
            let name = if place == 0 { "." } else { ".." };
            return Ok(Some((u64::from(ino), FileType::Directory, name.into())));
        }
        match spot {
            Spot::Top => {
                let index = usize::try_from(place - 2).unwrap_or(usize::MAX);
                let line = |shown: &Shown| (Table::number(index, ""), FileType::Directory, OsString::from(&shown.name));
                Ok(self.shown.get(index).map(line))
            }
            Spot::In { tree, .. } => {
                let folder = Self::locked(&self.folders).get(&handle).cloned().ok_or(Errno::EBADF)?;
                let mut folder = folder.lock().await;
                let item = folder.at(place - 2).await.map_err(|failure| errno(&failure))?;
                Ok(item.map(|item| (Table::number(tree, &item.path), attributes::kind_of(item), names::shown(&item.path))))
            }
        }
    }
}

impl Filesystem for System {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let name = name.to_owned();
        self.answer(|inner| async move {
            match inner.child(parent, &name).await {
                Ok((ino, spot, item)) => {
                    inner.table.hold(ino, spot);
                    reply.entry(&FRESH, &attributes::of(ino, &item, inner.owner), Generation(0));
                }
                Err(error) => reply.error(error),
            }
        });
    }

    fn forget(&self, _: &Request, ino: INodeNo, times: u64) {
        self.inner.table.forget(u64::from(ino), times);
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        self.answer(|inner| async move {
            let item = match inner.spot(ino) {
                Ok(spot) => inner.item(&spot).await,
                Err(error) => Err(error),
            };
            match item {
                Ok(item) => reply.attr(&FRESH, &attributes::of(u64::from(ino), &item, inner.owner)),
                Err(error) => reply.error(error),
            }
        });
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        self.answer(|inner| async move {
            let item = match inner.spot(ino) {
                Ok(spot) => inner.item(&spot).await,
                Err(error) => Err(error),
            };
            match item.map(|item| item.kind) {
                Ok(ItemKind::Link { to }) => reply.data(&unescape(&to)),
                Ok(_) => reply.error(Errno::EINVAL),
                Err(error) => reply.error(error),
            }
        });
    }

    fn open(&self, _: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        if flags.acc_mode() != OpenAccMode::O_RDONLY {
            reply.error(Errno::EROFS);
            return;
        }
        self.answer(|inner| async move {
            match inner.open(ino).await {
                Ok(handle) => reply.opened(FileHandle(handle), FopenFlags::empty()),
                Err(error) => reply.error(error),
            }
        });
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        fh: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let file = Inner::locked(&self.inner.files).get(&u64::from(fh)).cloned();
        self.answer(|_| async move {
            let Some(file) = file else {
                reply.error(Errno::EBADF);
                return;
            };
            match file.read(offset, size).await {
                Ok(bytes) => reply.data(&bytes),
                Err(failure) => {
                    tracing::warn!(%failure, offset, size, "a read through a view failed");
                    reply.error(Errno::EIO);
                }
            }
        });
    }

    fn release(&self, _: &Request, _: INodeNo, fh: FileHandle, _: OpenFlags, _: Option<LockOwner>, _: bool, reply: ReplyEmpty) {
        Inner::locked(&self.inner.files).remove(&u64::from(fh));
        reply.ok();
    }

    fn opendir(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let handle = self.inner.next_handle.fetch_add(1, Relaxed);
        match self.inner.spot(ino) {
            Ok(Spot::Top) => reply.opened(FileHandle(handle), FopenFlags::empty()),
            Ok(Spot::In { tree, path }) => {
                let mut folders = Inner::locked(&self.inner.folders);
                match self.inner.shown.get(tree) {
                    Some(shown) if folders.len() < MOST_OPEN => {
                        folders.insert(handle, Arc::new(Mutex::new(OpenFolder::new(Arc::clone(&shown.tree), path))));
                        reply.opened(FileHandle(handle), FopenFlags::empty());
                    }
                    _ => reply.error(Errno::ENFILE),
                }
            }
            Err(error) => reply.error(error),
        }
    }

    fn readdir(&self, _: &Request, ino: INodeNo, fh: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        self.answer(|inner| async move {
            let mut place = offset;
            loop {
                match inner.line(ino, u64::from(fh), place).await {
                    Ok(Some((ino, kind, name))) => {
                        place += 1;
                        if reply.add(INodeNo(ino), place, kind, &name) {
                            return reply.ok();
                        }
                    }
                    Ok(None) => return reply.ok(),
                    Err(error) => return reply.error(error),
                }
            }
        });
    }

    fn releasedir(&self, _: &Request, _: INodeNo, fh: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        Inner::locked(&self.inner.folders).remove(&u64::from(fh));
        reply.ok();
    }
}

fn errno(failure: &Failure) -> Errno {
    match failure.kind {
        Kind::NotFound => Errno::ENOENT,
        Kind::Denied | Kind::Unauthenticated => Errno::EACCES,
        Kind::Unsupported => Errno::EOPNOTSUPP,
        Kind::Invalid => Errno::EINVAL,
        _ => Errno::EIO,
    }
}
