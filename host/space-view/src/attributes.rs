//! What the file system says of something, as the kernel wants it described.

use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use capstan_domain::time::Timestamp;
use capstan_stub::Identity;
use fuser::{FileAttr, FileType, INodeNo};
use rustix::fs::{AtFlags, Statx, StatxFlags, StatxTimestamp};

use crate::changes::Kind;
use crate::refusal::Answer;

/// Of an open handle, also one of a path only.
pub(crate) fn stat(handle: impl AsFd) -> Answer<Statx> {
    let mask = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    Ok(rustix::fs::statx(handle, c"", AtFlags::EMPTY_PATH, mask)?)
}

/// Of what stands in a folder, of a link itself.
pub(crate) fn stat_in(folder: impl AsFd, name: &OsStr) -> Answer<Statx> {
    let mask = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    Ok(rustix::fs::statx(folder, name, AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT, mask)?)
}

/// When it was changed last, its attributes among it: seconds since 1970, and nanoseconds.
pub(crate) fn changed(stat: &Statx) -> (i64, u32) {
    (stat.stx_ctime.tv_sec, stat.stx_ctime.tv_nsec)
}

/// How long ago that was; zero where it is to come, by the clock.
pub(crate) fn age(stat: &Statx) -> Duration {
    SystemTime::now().duration_since(instant(&stat.stx_ctime)).unwrap_or_default()
}

pub(crate) fn kind(stat: &Statx) -> FileType {
    use rustix::fs::FileType as Raw;
    match Raw::from_raw_mode(stat.stx_mode.into()) {
        Raw::Directory => FileType::Directory,
        Raw::Symlink => FileType::Symlink,
        Raw::Fifo => FileType::NamedPipe,
        Raw::Socket => FileType::Socket,
        Raw::CharacterDevice => FileType::CharDevice,
        Raw::BlockDevice => FileType::BlockDevice,
        _ => FileType::RegularFile,
    }
}

pub(crate) fn told(kind: FileType) -> Kind {
    match kind {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Link,
        _ => Kind::Other,
    }
}

pub(crate) fn identity(stat: &Statx) -> Identity {
    Identity { inode: stat.stx_ino, birth: birth(stat) }
}

/// Nanoseconds since 1970; 0 where the file system does not know.
pub(crate) fn birth(stat: &Statx) -> i64 {
    let time = &stat.stx_btime;
    let is_known = StatxFlags::from_bits_retain(stat.stx_mask).contains(StatxFlags::BTIME);
    let nanos = time.tv_sec.checked_mul(1_000_000_000).and_then(|nanos| nanos.checked_add(i64::from(time.tv_nsec)));
    nanos.filter(|_| is_known).unwrap_or(0)
}

/// `modified`: where the file system's own is not that of the content.
pub(crate) fn of(number: u64, stat: &Statx, modified: Option<Timestamp>) -> FileAttr {
    let kind = kind(stat);
    // A file without blocks is taken for one that holds nothing but zeros, by tar for one; a stub is not that.
    let blocks = if kind == FileType::RegularFile && stat.stx_size > 0 { stat.stx_blocks.max(1) } else { stat.stx_blocks };
    FileAttr {
        ino: INodeNo(number),
        size: stat.stx_size,
        blocks,
        atime: instant(&stat.stx_atime),
        mtime: modified.map_or_else(|| instant(&stat.stx_mtime), from_nanos),
        ctime: instant(&stat.stx_ctime),
        crtime: instant(&stat.stx_btime),
        kind,
        perm: stat.stx_mode & 0o7777,
        nlink: stat.stx_nlink,
        uid: stat.stx_uid,
        gid: stat.stx_gid,
        rdev: device(stat.stx_rdev_major, stat.stx_rdev_minor),
        blksize: stat.stx_blksize,
        flags: 0,
    }
}

/// As the protocol packs it (`new_encode_dev` of the kernel).
fn device(major: u32, minor: u32) -> u32 {
    (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)
}

pub(crate) fn instant(time: &StatxTimestamp) -> SystemTime {
    let seconds = Duration::from_secs(time.tv_sec.unsigned_abs());
    let whole = if time.tv_sec < 0 { UNIX_EPOCH.checked_sub(seconds) } else { UNIX_EPOCH.checked_add(seconds) };
    whole.and_then(|whole| whole.checked_add(Duration::from_nanos(u64::from(time.tv_nsec)))).unwrap_or(UNIX_EPOCH)
}

fn from_nanos(time: Timestamp) -> SystemTime {
    let distance = Duration::from_nanos(time.0.unsigned_abs());
    let moved = if time.0 < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
    moved.unwrap_or(UNIX_EPOCH)
}
