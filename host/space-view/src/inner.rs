//! What a view works on: the raw tree, what the kernel knows of it, what is open, whom it asks.

use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, OnceLock};

use capstan_stub::{RawTree, is_own, is_temporary};
use rustix::fs::{Mode, OFlags, Statx};
use tokio::runtime::Handle as Runtime;
use tokio::sync::{Semaphore, watch};

use crate::attributes;
use crate::folders::Folders;
use crate::open_file::OpenFile;
use crate::opens::Opens;
use crate::quota::Quota;
use crate::recalls::Recalls;
use crate::refusal::{Answer, FAILED, NOT_FOUND, RESERVED, Refusal, STALE};
use crate::table::{DEEPEST, ROOT, Table};
use crate::teller::Teller;
use crate::{Passthrough, Settings};

pub(crate) struct Inner {
    pub(crate) tree: RawTree,
    /// Of the file system that it lies on.
    pub(crate) device: (u32, u32),
    /// The inode of its directory.
    pub(crate) root: u64,
    pub(crate) table: Table,
    pub(crate) folders: Folders,
    pub(crate) opens: Opens,
    pub(crate) teller: Arc<Teller>,
    pub(crate) recalls: Arc<dyn Recalls>,
    pub(crate) quota: Arc<dyn Quota>,
    pub(crate) settings: Settings,
    /// Reads and writes that wait for a recall.
    pub(crate) waiting: Arc<Semaphore>,
    pub(crate) passthrough: OnceLock<Passthrough>,
    /// True when it ends: whoever waits is let go.
    pub(crate) ending: watch::Sender<bool>,
    pub(crate) runtime: Runtime,
}

/// Something in the raw tree by a handle that holds nobody up: of a path only, or one that is open anyway.
pub(crate) enum Node {
    Open(Arc<OpenFile>),
    Path(Arc<OwnedFd>),
}

impl AsFd for Node {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Open(file) => file.raw().as_fd(),
            Self::Path(handle) => handle.as_fd(),
        }
    }
}

/// A path that leads to what a handle is of, whatever it is called.
pub(crate) fn proc_path(handle: impl AsFd) -> String {
    format!("/proc/self/fd/{}", handle.as_fd().as_raw_fd())
}

impl Inner {
    /// The folder that the kernel knows by this number.
    pub(crate) fn folder(&self, number: u64) -> Answer<Arc<OwnedFd>> {
        let mut way = Vec::new();
        let mut at = number;
        let mut handle = loop {
            if at == ROOT {
                break None;
            }
            if let Some(kept) = self.folders.get(at) {
                break Some(kept);
            }
            let (above, name) = self.table.names(at).pop().ok_or(STALE)?;
            way.push((at, above, name));
            if way.len() > DEEPEST {
                return Err(STALE);
            }
            at = above;
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        while let Some((number, above, name)) = way.pop() {
            let opened = match &handle {
                Some(handle) => rustix::fs::openat(handle, &name, flags, Mode::empty()),
                None => rustix::fs::openat(&self.tree, &name, flags, Mode::empty()),
            };
            let opened = match opened {
                Ok(opened) if self.is(&attributes::stat(&opened)?, number) => Arc::new(opened),
                _ => {
                    self.table.unnamed(number, above, &name);
                    return Err(STALE);
                }
            };
            self.folders.keep(number, &opened);
            handle = Some(opened);
        }
        match handle {
            Some(handle) => Ok(handle),
            None => {
                let handle = Arc::new(rustix::fs::openat(&self.tree, ".", flags, Mode::empty())?);
                self.folders.keep(ROOT, &handle);
                Ok(handle)
            }
        }
    }

    /// What the kernel knows by this number.
    pub(crate) fn node(&self, number: u64) -> Answer<Node> {
        if let Some(file) = self.opens.get(number) {
            return Ok(Node::Open(file));
        }
        if number == ROOT {
            return self.folder(ROOT).map(Node::Path);
        }
        if let Some(handle) = self.folders.get(number) {
            return Ok(Node::Path(handle));
        }
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        for (above, name) in self.table.names(number).into_iter().rev() {
            let Ok(folder) = self.folder(above) else { continue };
            if let Ok(handle) = rustix::fs::openat(&folder, &name, flags, Mode::empty())
                && self.is(&attributes::stat(&handle)?, number)
            {
                return Ok(Node::Path(Arc::new(handle)));
            }
            self.table.unnamed(number, above, &name);
        }
        Err(STALE)
    }

    /// What stands in a folder, without holding anybody up.
    pub(crate) fn child(&self, folder: &OwnedFd, name: &OsStr) -> Answer<(Arc<OwnedFd>, Statx)> {
        let handle = rustix::fs::openat(folder, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        let stat = attributes::stat(&handle)?;
        self.check_device(&stat)?;
        Ok((Arc::new(handle), stat))
    }

    /// Somebody mounted something into the raw tree: that is not of the space.
    pub(crate) fn check_device(&self, stat: &Statx) -> Answer<()> {
        if (stat.stx_dev_major, stat.stx_dev_minor) == self.device { Ok(()) } else { Err(NOT_FOUND) }
    }

    /// Where something new is to stand.
    pub(crate) fn new_name(&self, folder: u64, name: &OsStr) -> Answer<Arc<OwnedFd>> {
        if is_hidden(folder, name) {
            return Err(RESERVED);
        }
        self.folder(folder)
    }

    pub(crate) fn is(&self, stat: &Statx, number: u64) -> bool {
        stat.stx_ino == number && (stat.stx_dev_major, stat.stx_dev_minor) == self.device
    }

    /// Something is to be made.
    pub(crate) fn check_quota(&self) -> Answer<()> {
        match self.quota.allowance() {
            Some(allowance) if allowance.left() == 0 => Err(Refusal(fuser::Errno::from_i32(QUOTA_EXCEEDED))),
            _ => Ok(()),
        }
    }

    pub(crate) fn is_passthrough(&self) -> bool {
        matches!(self.passthrough.get(), Some(Passthrough::Kernel))
    }

    pub(crate) fn is_ending(&self) -> bool {
        *self.ending.borrow()
    }

    /// Work that may wait for the disk, apart from the threads that take the kernel's questions.
    pub(crate) async fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> Answer<T> + Send + 'static) -> Answer<T> {
        match self.runtime.spawn_blocking(work).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(%error, "work of a view was not done");
                Err(FAILED)
            }
        }
    }
}

/// "Disk quota exceeded".
const QUOTA_EXCEEDED: i32 = 122;

/// Names of the host's own, which nobody sees.
pub(crate) fn is_hidden(folder: u64, name: &OsStr) -> bool {
    is_temporary(name) || folder == ROOT && is_own(name)
}
