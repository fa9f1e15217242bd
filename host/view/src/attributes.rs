//! Items as the kernel wants them described.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use capstan_domain::time::Timestamp;
use capstan_mover::{Item, ItemKind};
use fuser::{FileAttr, FileType, INodeNo};

/// Bytes that reads should come in.
const BLOCK: u32 = 1 << 20;
/// Permission bits: nothing can be written here.
const READABLE: u32 = 0o555;

pub(crate) fn of(ino: u64, item: &Item, owner: (u32, u32)) -> FileAttr {
    let time = instant(item.stamp());
    let (usual, kind) = match item.kind {
        ItemKind::Folder { .. } => (0o555, FileType::Directory),
        ItemKind::Link { .. } => (0o777, FileType::Symlink),
        ItemKind::File | ItemKind::Other { .. } => (0o444, FileType::RegularFile),
    };
    let mode = if kind == FileType::Symlink { usual } else { item.mode.map_or(usual, |mode| mode & READABLE) };
    FileAttr {
        ino: INodeNo(ino),
        size: item.size,
        blocks: item.size.div_ceil(512),
        atime: time,
        mtime: time,
        ctime: item.changed.map_or(time, instant),
        crtime: time,
        kind,
        perm: u16::try_from(mode).unwrap_or(0o444),
        nlink: 1,
        uid: item.uid.unwrap_or(owner.0),
        gid: item.gid.unwrap_or(owner.1),
        rdev: 0,
        blksize: BLOCK,
        flags: 0,
    }
}

pub(crate) fn kind_of(item: &Item) -> FileType {
    match item.kind {
        ItemKind::Folder { .. } => FileType::Directory,
        ItemKind::Link { .. } => FileType::Symlink,
        ItemKind::File | ItemKind::Other { .. } => FileType::RegularFile,
    }
}

fn instant(time: Timestamp) -> SystemTime {
    let distance = Duration::from_nanos(time.0.unsigned_abs());
    let moved = if time.0 < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
    moved.unwrap_or(UNIX_EPOCH)
}
