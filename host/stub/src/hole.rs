//! Freeing a file's blocks without changing its size.

use std::os::fd::AsFd;

use rustix::fs::{FallocateFlags, SeekFrom};
use rustix::io::Errno;

/// A hole ends behind the last block of the file, of any file system's size: one that ended with the content would leave that block.
const BEHIND: u64 = 64 << 10;

/// The bytes from `from` to `to` become a hole; `size` is the file's.
pub(crate) fn punch(file: impl AsFd, from: u64, to: u64, size: u64) -> Result<(), Errno> {
    if from >= to {
        return Ok(());
    }
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    let end = if to < size { to } else { size.checked_next_multiple_of(BEHIND).unwrap_or(size) };
    match rustix::fs::fallocate(&file, flags, from, end - from) {
        // Nearly as large as the file system's files become.
        Err(Errno::FBIG | Errno::INVAL) if end > to => rustix::fs::fallocate(&file, flags, from, to - from),
        other => other,
    }
}

/// Whether any of the bytes from `from` on may be other than a hole. Moves the handle's position, which nobody here uses.
pub(crate) fn has_data(file: impl AsFd, from: u64) -> Result<bool, Errno> {
    match rustix::fs::seek(file, SeekFrom::Data(from)) {
        Ok(_) => Ok(true),
        Err(Errno::NXIO) => Ok(false),
        // It cannot tell.
        Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok(true),
        Err(errno) => Err(errno),
    }
}
