//! A regular file of a raw tree, open.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use rustix::fs::{AtFlags, OFlags, Statx, StatxFlags, StatxTimestamp};
use rustix::io::Errno;

use crate::fault::{self, Named};
use crate::look::{self, Look};
use crate::record::{self, Identity, Unreadable};
use crate::version::Version;

const NANOS: i64 = 1_000_000_000;

/// Clones share the open file.
#[derive(Clone, Debug)]
pub struct RawFile {
    handle: Arc<OwnedFd>,
    shown: Arc<str>,
}

impl RawFile {
    /// A handle that somebody has already, as a view has. `shown` is what messages call it.
    pub fn from_handle(handle: OwnedFd, shown: &str) -> Outcome<Self> {
        let file = Self { handle: Arc::new(handle), shown: shown.into() };
        file.found()?;
        Ok(file)
    }

    /// The same with what the file is, for somebody who asked for its `stat` by this handle, with the basic fields and the time of birth.
    pub fn looked_at(handle: OwnedFd, stat: &Statx, shown: &str) -> Outcome<(Self, Look)> {
        let file = Self { handle: Arc::new(handle), shown: shown.into() };
        let look = look::judge(&Found::from_stat(stat, shown)?, file.record()?);
        Ok((file, look))
    }

    /// What the file is now. Cheap: two calls of the kernel, nothing of the content. Data it stays for as long as the file is open: nobody
    /// gets a lease on it.
    pub fn look(&self) -> Outcome<Look> {
        let found = self.found()?;
        Ok(look::judge(&found, self.record()?))
    }

    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    pub(crate) fn shared(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.handle)
    }

    pub(crate) fn found(&self) -> Outcome<Found> {
        Found::of(&self.handle, &self.shown)
    }

    pub(crate) fn record(&self) -> Outcome<Option<Result<record::Record, Unreadable>>> {
        record::of(&self.handle).on(&self.shown)
    }

    pub(crate) fn write_record(&self, record: &record::Record) -> Outcome<()> {
        record::write(&self.handle, record, &self.shown)
    }

    pub(crate) fn remove_record(&self) -> Outcome<()> {
        record::remove(&self.handle).on(&self.shown)
    }

    /// Content, size, times and record are durable when it answers. A failure is the end of what was under way (D7).
    pub(crate) fn sync(&self) -> Outcome<()> {
        rustix::fs::fsync(&self.handle).on(&self.shown)
    }

    pub(crate) fn is_writable(&self) -> Outcome<bool> {
        let flags = rustix::fs::fcntl_getfl(&self.handle).on(&self.shown)?;
        Ok(flags.intersects(OFlags::WRONLY | OFlags::RDWR))
    }
}

impl AsFd for RawFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

/// What the file system says of a file.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) identity: Identity,
    pub(crate) size: u64,
    /// None: before 1677 or after 2262, which an instant does not hold.
    pub(crate) modified: Option<Timestamp>,
    /// Permission bits.
    pub(crate) mode: u32,
    /// Bytes of disk.
    pub(crate) allocated: u64,
}

impl Found {
    /// Fails for what is no regular file. The handle may be one of a path only.
    pub(crate) fn of(handle: impl AsFd, shown: &str) -> Outcome<Self> {
        let mask = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
        Self::from_stat(&rustix::fs::statx(handle, c"", AtFlags::EMPTY_PATH, mask).on(shown)?, shown)
    }

    fn from_stat(stat: &Statx, shown: &str) -> Outcome<Self> {
        let mode = u32::from(stat.stx_mode);
        if !rustix::fs::FileType::from_raw_mode(mode).is_file() {
            return Err(fault::not_a_file(shown));
        }
        let has_birth = StatxFlags::from_bits_retain(stat.stx_mask).contains(StatxFlags::BTIME);
        Ok(Self {
            identity: Identity {
                inode: stat.stx_ino,
                birth: has_birth.then(|| instant(&stat.stx_btime)).flatten().map_or(0, |birth| birth.0),
            },
            size: stat.stx_size,
            modified: instant(&stat.stx_mtime),
            mode: mode & 0o7777,
            allocated: stat.stx_blocks.saturating_mul(512),
        })
    }

    pub(crate) fn version(&self, shown: &str) -> Outcome<Version> {
        let modified = self.modified.ok_or_else(|| {
            Failure::invalid(format!("{shown:?} was changed before 1677 or after 2262, as its time says"))
                .with_code("time-out-of-range")
                .with_next_step("Set its time of modification right.")
        })?;
        Ok(Version { inode: self.identity.inode, size: self.size, modified })
    }
}

pub(crate) fn instant(time: &StatxTimestamp) -> Option<Timestamp> {
    time.tv_sec.checked_mul(NANOS)?.checked_add(i64::from(time.tv_nsec)).map(Timestamp)
}

/// The record beside a file that is open as a path only: reading it must not break a lease, as opening the file would.
pub(crate) fn record_by_path(handle: &OwnedFd) -> Result<Option<Result<record::Record, Unreadable>>, Errno> {
    use std::os::fd::AsRawFd;
    record::at(&format!("/proc/self/fd/{}", handle.as_raw_fd()))
}
