//! What a file system must have to hold stubs, tried out on a file without a name.

use std::os::fd::OwnedFd;

use capstan_domain::Outcome;
use rustix::fs::{Mode, OFlags, XattrFlags};
use rustix::io::Errno;

use crate::fault::{self, Named};
use crate::file::RawFile;
use crate::hole;
use crate::lease::{Against, Lease};
use crate::lock::Lock;
use crate::record::RECORD_NAME;

/// Bytes of the file that is tried on.
const TRIAL: u64 = 64 << 10;

/// Fails with `Unsupported`, naming what is missing.
pub(crate) fn check(directory: &OwnedFd, shown: &str) -> Outcome<()> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let handle = rustix::fs::openat(directory, ".", flags, Mode::RUSR | Mode::WUSR).map_err(|errno| match errno {
        Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL => fault::lacks("unnamed files", shown),
        errno => fault::of(errno, shown),
    })?;
    let file = RawFile::from_handle(handle, shown)?;
    rustix::fs::ftruncate(&file, TRIAL).on(shown)?;
    rustix::fs::fsetxattr(&file, RECORD_NAME, b"trial", XattrFlags::empty()).map_err(|errno| match errno {
        Errno::OPNOTSUPP => fault::lacks("user extended attributes", shown),
        errno => fault::of(errno, shown),
    })?;
    hole::punch(&file, 0, TRIAL, TRIAL).map_err(|errno| match errno {
        Errno::OPNOTSUPP | Errno::NOSYS => fault::lacks("holes in files", shown),
        errno => fault::of(errno, shown),
    })?;
    Lock::take(&file)?;
    Lease::take(&file, Against::Everybody).map(drop)
}
