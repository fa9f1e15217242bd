//! Files that were removed and of which copies are elsewhere: they lie in a folder of the raw tree until that is recorded.
//!
//! A removal is a renaming into it, so at any time a file either stands where it stood or lies here, and a process that dies forgets
//! none. A file that another takes the place of gets a second name here first; if that is still its second name after a crash, the
//! other never came. A view that ends with nothing left to tell removes the folder: where one is found, the view before died.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use capstan_stub::{Identity, Look};
use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use rustix::io::Errno;

use crate::attributes;
use crate::changes::{Change, Gone, Kind};
use crate::refusal::Answer;

/// In the root of the raw tree; nobody sees it in the view.
pub(crate) const FOLDER: &str = ".capstan-removed";

/// What is to be told, with the name that a file has here until it is.
pub(crate) type Left = Vec<(Change, Option<OsString>)>;

pub(crate) struct Removed {
    folder: OwnedFd,
}

impl Removed {
    /// Answers what the view before left untold; none where it ended in order.
    pub(crate) fn open(root: impl AsFd) -> Answer<(Self, Option<Left>)> {
        let was_there = match rustix::fs::mkdirat(&root, FOLDER, Mode::RWXU) {
            Ok(()) => false,
            Err(Errno::EXIST) => true,
            Err(errno) => return Err(errno.into()),
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let removed = Self { folder: rustix::fs::openat(&root, FOLDER, flags, Mode::empty())? };
        let left = if was_there { Some(removed.left()?) } else { None };
        Ok((removed, left))
    }

    pub(crate) fn name(identity: Identity) -> OsString {
        format!("{:016x}-{:016x}", identity.inode, identity.birth).into()
    }

    /// A file's name goes, and the file lies here.
    pub(crate) fn take(&self, folder: impl AsFd, name: &OsStr, identity: Identity) -> Answer<OsString> {
        let kept = Self::name(identity);
        rustix::fs::renameat(folder, name, &self.folder, &kept)?;
        Ok(kept)
    }

    /// A file gets a second name here before another takes the place of its first.
    pub(crate) fn hold(&self, folder: impl AsFd, name: &OsStr, identity: Identity) -> Answer<OsString> {
        let kept = Self::name(identity);
        match rustix::fs::linkat(folder, name, &self.folder, &kept, AtFlags::empty()) {
            Ok(()) | Err(Errno::EXIST) => Ok(kept),
            Err(errno) => Err(errno.into()),
        }
    }

    pub(crate) fn let_go(&self, name: &OsStr) {
        match rustix::fs::unlinkat(&self.folder, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => tracing::warn!(%errno, ?name, "a removed file could not be let go"),
        }
    }

    /// Everything was told.
    pub(crate) fn close(&self, root: impl AsFd) {
        if let Err(errno) = rustix::fs::unlinkat(root, FOLDER, AtFlags::REMOVEDIR) {
            tracing::warn!(%errno, "the folder of removed files stays");
        }
    }

    fn left(&self) -> Answer<Left> {
        let mut left = Vec::new();
        for entry in Dir::read_from(&self.folder)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if matches!(name.as_bytes(), b"." | b"..") {
                continue;
            }
            let handle =
                rustix::fs::openat(&self.folder, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
            let stat = attributes::stat(&handle)?;
            if stat.stx_nlink > 1 {
                // What should have taken its place never came.
                self.let_go(name);
                continue;
            }
            let record = Look::of(&handle, FOLDER).ok().and_then(|look| look.record().cloned().map(Box::new));
            let gone = Gone { path: None, identity: attributes::identity(&stat), kind: Kind::File, last: true, record };
            left.push((Change::Removed(gone), Some(name.to_owned())));
        }
        Ok(left)
    }
}
