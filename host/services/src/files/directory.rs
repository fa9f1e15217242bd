//! A granted directory: the only way from a plugin to the host's files.
//!
//! Every path is resolved beneath an open descriptor of the root, by the kernel where it can (openat2 with RESOLVE_BENEATH), so no
//! `..`, no absolute path and no link leads out, not even one that is swapped in between. Operations on a name itself use the
//! descriptor of its parent and never follow a link in the last place.

use std::collections::{HashMap, HashSet, VecDeque};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use capstan_domain::{Failure, Kind, Outcome};
use capstan_grants::DirectoryGrant;
use rustix::fs::{Mode, OFlags};
use tokio::sync::Semaphore;

use super::errors;
use super::path::RelativePath;

/// A root and what may be done with it. Made from a grant alone.
pub struct Directory {
    pub(super) shared: Arc<Shared>,
    operations: Arc<Semaphore>,
}

pub(super) struct Shared {
    root: String,
    path: String,
    writable: bool,
    pub(super) dir: Dir,
    /// Files whose flush to disk failed, by device and inode: the kernel forgets it, so the next flush would lie.
    pub(super) broken: Mutex<HashSet<(u64, u64)>>,
    /// Names of directories that are being paged through, sorted once.
    pub(super) listings: Mutex<Listings>,
}

#[derive(Default)]
pub(super) struct Listings {
    pub by_path: HashMap<RelativePath, Listing>,
    pub order: VecDeque<RelativePath>,
}

#[derive(Clone)]
pub(super) struct Listing {
    /// When it was begun to read the names: none that was made later need be among them.
    pub read: Instant,
    pub used: Instant,
    pub names: Arc<[String]>,
}

impl Directory {
    /// Opens the granted directory. `operations` bounds the threads that file calls of the target occupy.
    pub fn open(grant: &DirectoryGrant, operations: Arc<Semaphore>) -> Outcome<Self> {
        let path = grant.path().to_owned();
        let dir = Dir::open_ambient_dir(&path, ambient_authority())
            .map_err(|cause| errors::io(&format!("the granted directory {path} cannot be opened"), &cause))?;
        let shared = Shared {
            root: grant.root().to_owned(),
            path: path.clone(),
            writable: grant.writable(),
            dir,
            broken: Mutex::default(),
            listings: Mutex::default(),
        };
        Ok(Self { shared: Arc::new(shared), operations })
    }

    /// Runs a blocking operation on a thread for such, a bounded number at a time.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Shared) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        let permit = Arc::clone(&self.operations)
            .acquire_owned()
            .await
            .map_err(|cause| Failure::host("the file service is closed", cause))?;
        let shared = Arc::clone(&self.shared);
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            operation(&shared)
        });
        task.await.map_err(|cause| Failure::host("a file operation did not end", cause))?
    }

    /// The same for an operation that changes something.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Shared) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        self.shared.may_write()?;
        self.run(operation).await
    }
}

impl Shared {
    pub(super) fn may_write(&self) -> Outcome<()> {
        if self.writable {
            return Ok(());
        }
        Err(Failure::new(Kind::Denied, format!("the directory `{}` was granted for reading only", self.root))
            .with_next_step(format!("capstan grant allow TARGET directory {} {} --write", self.root, self.path)))
    }

    /// The parent of the path, open, and the last name.
    pub(super) fn parent<'p>(&self, path: &'p RelativePath) -> Outcome<(Dir, &'p std::ffi::OsString)> {
        let (above, name) = path.split().ok_or_else(|| Failure::invalid("the root itself cannot be changed"))?;
        let dir = self.dir.open_dir(&above).map_err(|cause| errors::io("the directory cannot be opened", &cause))?;
        Ok((dir, name))
    }

    /// A descriptor of the directory that can be read and flushed.
    pub(super) fn directory(&self, path: &RelativePath) -> Outcome<OwnedFd> {
        let dir = self.dir.open_dir(path.whole()).map_err(|cause| errors::io("the directory cannot be opened", &cause))?;
        rustix::fs::openat(&dir, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|cause| errors::errno("the directory cannot be opened", cause))
    }

    pub(super) fn broken(&self) -> MutexGuard<'_, HashSet<(u64, u64)>> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn listings(&self) -> MutexGuard<'_, Listings> {
        self.listings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
