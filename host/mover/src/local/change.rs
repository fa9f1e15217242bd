//! Changes in place: another name, other attributes, an empty folder gone.

use std::os::fd::OwnedFd;

use capstan_domain::failure::Kind;
use capstan_domain::{Failure, Outcome};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, RenameFlags, Uid};
use rustix::io::Errno;

use super::beneath::{Parents, Root, look, os};
use super::fault;
use super::store::{KEPT_MODE, refuses, times};
use crate::tree::NewAttributes;

/// Within the root, at once; folders on the way are not made.
pub(crate) fn rename(root: &Root, from: &str, to: &str, replace: bool) -> Outcome<()> {
    if let Some(failure) = refuses(to) {
        return Err(failure);
    }
    let rename = || {
        let mut parents = Parents::of(root);
        let (old_parent, old_name) = parents.at(from)?;
        let (parent, name) = parents.at(to)?;
        let flags = if replace { RenameFlags::empty() } else { RenameFlags::NOREPLACE };
        rustix::fs::renameat_with(&old_parent, os(&old_name), &parent, os(&name), flags)
    };
    rename().map_err(|errno| match errno {
        Errno::NOTEMPTY => not_empty(to),
        Errno::NOENT => fault::of(errno, from),
        errno => fault::of(errno, to),
    })
}

pub(crate) fn remove_folder(root: &Root, path: &str) -> Outcome<()> {
    let remove = || {
        let (parent, name) = Parents::of(root).at(path)?;
        rustix::fs::unlinkat(&parent, os(&name), AtFlags::REMOVEDIR)
    };
    match remove() {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(Errno::NOTEMPTY | Errno::EXIST) => Err(not_empty(path)),
        Err(errno) => Err(fault::of(errno, path)),
    }
}

pub(crate) fn not_empty(path: &str) -> Failure {
    Failure::new(Kind::Conflict, format!("{path:?} is not empty")).with_code("not-empty")
}

pub(crate) fn set_attributes(root: &Root, path: &str, new: &NewAttributes) -> Outcome<()> {
    let set = || {
        let (parent, name) = Parents::of(root).at(path)?;
        let kind = FileType::from_raw_mode(look(&parent, &name)?.st_mode);
        if rustix::process::geteuid().is_root() && (new.uid.is_some() || new.gid.is_some()) {
            let (uid, gid) = (new.uid.map(Uid::from_raw), new.gid.map(Gid::from_raw));
            rustix::fs::chownat(&parent, os(&name), uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
        }
        // A link has no mode of its own, and what it points to is not meant.
        if let (Some(mode), FileType::RegularFile | FileType::Directory) = (new.mode, kind) {
            let handle: OwnedFd =
                rustix::fs::openat(&parent, os(&name), OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
            rustix::fs::fchmod(handle, Mode::from_raw_mode(mode & KEPT_MODE))?;
        }
        match new.modified {
            Some(modified) => rustix::fs::utimensat(&parent, os(&name), &times(modified), AtFlags::SYMLINK_NOFOLLOW),
            None => Ok(()),
        }
    };
    set().map_err(|errno| fault::of(errno, path))
}
