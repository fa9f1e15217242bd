//! Small files into a directory: written under temporary names, synced together, renamed, synced again.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytes::Bytes;
use capstan_domain::failure::Kind;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use rustix::fs::{AtFlags, Gid, Mode, OFlags, RenameFlags, Timespec, Timestamps, Uid};
use rustix::io::Errno;

use super::beneath::{Parents, Root, look, native, os};
use super::read::{item_of, key_of};
use super::sync::GroupSync;
use super::{fault, on_disk};
use crate::item::Item;
use crate::names;
use crate::tree::{Arrival, Stored};

/// Temporary names begin and end so; a file of a user that does is not seen as one.
const TEMPORARY: (&[u8], &[u8]) = (b".capstan-", b".part");
/// Hexadecimal digits between.
const TEMPORARY_DIGITS: usize = 16;
/// Bytes of a name on the usual file systems; what a file system holds less of, it refuses itself.
const LONGEST_NAME: usize = 255;
/// Permission bits that a copy keeps: never set-user-id, whose meaning hangs on an owner that may not come along.
pub(super) const KEPT_MODE: u32 = 0o1777;

pub(crate) fn is_temporary(name: &[u8]) -> bool {
    let (begin, end) = TEMPORARY;
    name.strip_prefix(begin)
        .and_then(|rest| rest.strip_suffix(end))
        .is_some_and(|middle| middle.len() == TEMPORARY_DIGITS && middle.iter().all(u8::is_ascii_hexdigit))
}

/// The same for the same path, so that a later run finds or replaces what a killed one left.
pub(crate) fn temporary(path: &str) -> Vec<u8> {
    let hash = blake3::hash(path.as_bytes()).to_hex();
    let digits = hash.get(..TEMPORARY_DIGITS).unwrap_or_default();
    [TEMPORARY.0, digits.as_bytes(), TEMPORARY.1].concat()
}

pub(crate) fn refuses(path: &str) -> Option<Failure> {
    if let Err(failure) = names::checked(path) {
        return Some(failure);
    }
    for name in path.split('/') {
        let name = native(name);
        if name.len() > LONGEST_NAME {
            return Some(
                Failure::invalid(format!("A name in {path:?} is longer than {LONGEST_NAME} bytes")).with_code("name-too-long"),
            );
        }
        if is_temporary(&name) {
            return Some(
                Failure::invalid(format!("{path:?} holds a name that the host keeps for itself")).with_code("reserved-name"),
            );
        }
    }
    None
}

/// A file that was written and waits to appear.
struct Written {
    parent: Arc<OwnedFd>,
    name: Vec<u8>,
    item: Item,
    overwrite: bool,
}

pub(crate) async fn store_small(root: &Arc<Root>, sync: &GroupSync, files: Vec<(Arrival, Bytes)>) -> Vec<Outcome<Stored>> {
    let count = files.len();
    let work = async {
        let on = Arc::clone(root);
        let written = on_disk(move || write_all(&on, &files)).await?;
        sync.sync().await?;
        let shown =
            on_disk(move || written.into_iter().map(|written| written.and_then(|written| show(&written))).collect::<Vec<_>>())
                .await?;
        sync.sync().await?;
        Ok(shown)
    };
    work.await.unwrap_or_else(|failure| vec![Err(failure); count])
}

fn write_all(root: &Root, files: &[(Arrival, Bytes)]) -> Vec<Outcome<Written>> {
    let mut parents = Parents::made(root);
    files.iter().map(|(arrival, bytes)| write_one(&mut parents, arrival, bytes)).collect()
}

fn write_one(parents: &mut Parents<'_>, arrival: &Arrival, bytes: &[u8]) -> Outcome<Written> {
    if let Some(failure) = refuses(&arrival.path) {
        return Err(failure);
    }
    let write = |parents: &mut Parents<'_>| {
        let (parent, name) = parents.at(&arrival.path)?;
        let temporary = temporary(&arrival.path);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&parent, os(&temporary), flags, Mode::RUSR | Mode::WUSR)?;
        let mut rest = bytes;
        let written = loop {
            match rest.split_at_checked(rustix::io::write(&file, rest)?) {
                Some((_, after)) if !after.is_empty() => rest = after,
                _ => break attributes(&file, arrival),
            }
        };
        written?;
        let item = item_of(&parent, &name, arrival.path.clone(), &rustix::fs::fstat(&file)?)?;
        Ok(Written { parent, name, item, overwrite: arrival.overwrite })
    };
    write(parents).map_err(|errno: Errno| {
        if let Ok((parent, _)) = parents.at(&arrival.path) {
            // The next run would replace it; a full disk wants it gone now.
            let _ = rustix::fs::unlinkat(&parent, os(&temporary(&arrival.path)), AtFlags::empty());
        }
        fault::of(errno, &arrival.path)
    })
}

pub(super) fn attributes(file: &OwnedFd, arrival: &Arrival) -> Result<(), Errno> {
    if rustix::process::geteuid().is_root()
        && let (Some(uid), Some(gid)) = (arrival.uid, arrival.gid)
    {
        rustix::fs::fchown(file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    }
    rustix::fs::fchmod(file, Mode::from_raw_mode(arrival.mode.unwrap_or(0o644) & KEPT_MODE))?;
    rustix::fs::futimens(file, &times(arrival.modified))
}

pub(super) fn times(modified: Timestamp) -> Timestamps {
    let nanos = modified.0.rem_euclid(1_000_000_000);
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW },
        last_modification: Timespec { tv_sec: modified.0.div_euclid(1_000_000_000), tv_nsec: nanos },
    }
}

fn show(written: &Written) -> Outcome<Stored> {
    rename(&written.parent, &written.name, &written.item.path, written.overwrite)?;
    Ok(Stored { key: key_of(&written.item.path), item: written.item.clone() })
}

/// From the temporary name to the file's own.
pub(super) fn rename(parent: &OwnedFd, name: &[u8], path: &str, overwrite: bool) -> Outcome<()> {
    let temporary = temporary(path);
    let renamed = if overwrite {
        rustix::fs::renameat(parent, os(&temporary), parent, os(name))
    } else {
        match rustix::fs::renameat_with(parent, os(&temporary), parent, os(name), RenameFlags::NOREPLACE) {
            // A file system without the flag: look first, which is as near as it gets there.
            Err(Errno::INVAL | Errno::NOSYS) => match look(parent, name) {
                Ok(_) => Err(Errno::EXIST),
                Err(Errno::NOENT) => rustix::fs::renameat(parent, os(&temporary), parent, os(name)),
                Err(errno) => Err(errno),
            },
            other => other,
        }
    };
    renamed.map_err(|errno| {
        let _ = rustix::fs::unlinkat(parent, os(&temporary), AtFlags::empty());
        match errno {
            Errno::ISDIR | Errno::NOTEMPTY => {
                Failure::new(Kind::Conflict, format!("A folder stands at {path:?}")).with_code("folder-in-the-way")
            }
            errno => fault::of(errno, path),
        }
    })
}

pub(crate) fn make_folder(root: &Root, path: &str, item: &Item) -> Outcome<()> {
    if path.is_empty() {
        return Ok(());
    }
    if let Some(failure) = refuses(path) {
        return Err(failure);
    }
    let handle = Parents::made(root).folder(path).map_err(|errno| fault::of(errno, path))?;
    let set = || {
        if let Some(mode) = item.mode {
            // Its owner must be able to fill it, whatever the original allowed.
            rustix::fs::fchmod(&handle, Mode::from_raw_mode(mode & KEPT_MODE | 0o700))?;
        }
        if rustix::process::geteuid().is_root()
            && let (Some(uid), Some(gid)) = (item.uid, item.gid)
        {
            rustix::fs::fchown(&handle, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
        }
        rustix::fs::futimens(&handle, &times(item.stamp()))
    };
    set().map_err(|errno| fault::of(errno, path))
}
