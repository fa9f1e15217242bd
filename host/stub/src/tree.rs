//! The raw tree of a space: the directory that holds its files as they lie on the disk.
//!
//! Stubs read as zeros there, so nobody but the service may look into it: the directory is the service user's alone, and a tree that
//! is not is not opened (D13). Every path is resolved below the directory, through no link and onto no other file system.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use capstan_domain::failure::{Blame, Kind};
use capstan_domain::{Failure, Outcome};
use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::abilities;
use crate::fault::{self, Named};
use crate::file::RawFile;
use crate::look::Look;
use crate::path::Spot;

/// Permission bits of the directory.
const PRIVATE: u32 = 0o700;
/// Tries to resolve a path while others rename what is on it.
const TRIES: u32 = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
}

/// Clones share the directory.
#[derive(Clone, Debug)]
pub struct RawTree {
    root: Arc<OwnedFd>,
    shown: Arc<str>,
    /// A sync that failed once fails ever after: the kernel may have dropped what it could not write, and tells it once (D7).
    failed: Arc<Mutex<Option<Failure>>>,
}

impl RawTree {
    /// Makes the directory, and those above it, and opens it.
    pub fn create(directory: &Path) -> Outcome<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(PRIVATE).create(directory).map_err(|error| {
            Failure::host(format!("{} cannot be made", directory.display()), error)
                .with_next_step("Name a directory that the service user may make.")
        })?;
        Self::open(directory)
    }

    /// Fails with `Denied` when others than the service's user may enter the directory, with `Unsupported` when its file system cannot
    /// hold stubs.
    pub fn open(directory: &Path) -> Outcome<Self> {
        let shown = directory.to_string_lossy();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let root = rustix::fs::open(directory, flags, Mode::empty()).on(&shown)?;
        let stat = rustix::fs::fstat(&root).on(&shown)?;
        if stat.st_uid != rustix::process::geteuid().as_raw() || stat.st_mode & 0o777 != PRIVATE {
            return Err(Failure::new(Kind::Denied, format!("The directory {shown:?} is not the service user's alone"))
                .with_blame(Blame::Host)
                .with_code("not-private")
                .with_next_step(format!("Give it to the service user and run `chmod 700 {shown}`.")));
        }
        abilities::check(&root, &shown)?;
        Ok(Self { root: Arc::new(root), shown: shown.into(), failed: Arc::default() })
    }

    /// Opens a file. Fails with `Busy` while somebody is at its content; a file that is only looked at is better not opened.
    pub fn file(&self, path: &str, access: Access) -> Outcome<RawFile> {
        let flags = match access {
            Access::Read => OFlags::RDONLY,
            Access::Write => OFlags::RDWR,
        };
        // Not blocking: neither on a pipe nor on a lease that somebody has on the file.
        let handle =
            self.resolve(&Spot::read(path)?.whole(), flags | OFlags::NONBLOCK | OFlags::NOCTTY).map_err(|errno| match errno {
                Errno::NXIO => fault::not_a_file(path),
                errno => fault::of(errno, path),
            })?;
        RawFile::from_handle(handle, path)
    }

    /// What a file is now, without opening it: whoever works on it is not disturbed. Before reading it, open it and look again: a moment
    /// later it may be a stub.
    pub fn look(&self, path: &str) -> Outcome<Look> {
        let handle = self.resolve(&Spot::read(path)?.whole(), OFlags::PATH | OFlags::NOFOLLOW).on(path)?;
        Look::of(&handle, path)
    }

    /// Everything that was written before is durable when it answers. After a failure it fails for ever: the tree must be opened anew,
    /// and every file that was under way repaired.
    pub fn sync(&self) -> Outcome<()> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        match &*failed {
            Some(failure) => Err(failure.clone()),
            None => rustix::fs::syncfs(&self.root).on(&self.shown).inspect_err(|failure| *failed = Some(failure.clone())),
        }
    }

    /// The folder that a path stands in.
    pub(crate) fn folder(&self, path: &Path) -> Result<OwnedFd, Errno> {
        self.resolve(path, OFlags::RDONLY | OFlags::DIRECTORY)
    }

    fn resolve(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        resolve(&self.root, path, flags | OFlags::CLOEXEC, Mode::empty())
    }
}

/// The directory itself, for a view of the tree.
impl AsFd for RawTree {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }
}

/// Below `root`, never through a link or onto another file system.
fn resolve(root: impl AsFd, path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    let below = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
    let mut tries = 1;
    loop {
        match rustix::fs::openat2(&root, path, flags, mode, below) {
            // A name on the way was renamed meanwhile, or the file is under a lease.
            Err(Errno::AGAIN) if tries < TRIES => tries += 1,
            other => return other,
        }
    }
}
