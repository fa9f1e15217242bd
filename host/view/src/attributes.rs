//! Items as the kernel wants them described.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use capstan_domain::time::Timestamp;
use capstan_mover::{Item, ItemKind};
use fuser::{FileAttr, FileType, INodeNo};

/// Bytes that reads should come in.
const BLOCK: u32 = 1 << 20;
/// Permission bits of a view in which nothing can be written.
const READABLE: u32 = 0o555;
/// And of one in which something can: never set-user-id, which a target's word alone must not give.
const WRITABLE: u32 = 0o1777;

pub(crate) fn of(ino: u64, item: &Item, owner: (u32, u32), writable: bool) -> FileAttr {
    let time = instant(item.stamp());
    let (usual, kind) = match item.kind {
        ItemKind::Folder { .. } => (0o755, FileType::Directory),
        ItemKind::Link { .. } => (0o777, FileType::Symlink),
        ItemKind::File | ItemKind::Other { .. } => (0o644, FileType::RegularFile),
    };
    let held = if writable { WRITABLE } else { READABLE };
    let mode = if kind == FileType::Symlink { usual } else { item.mode.unwrap_or(usual) & held };
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
