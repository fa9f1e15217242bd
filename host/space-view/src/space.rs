//! The space as a file system: what is free in it, what is durable.

use rustix::fs::StatVfs;

use crate::inner::Inner;
use crate::listing::OpenFolder;
use crate::opens::Handle;
use crate::refusal::Answer;

/// What the file system has left, and no more than the space may have.
pub(crate) fn free(inner: &Inner) -> Answer<StatVfs> {
    let mut free = rustix::fs::fstatvfs(&inner.tree)?;
    if let Some(allowance) = inner.quota.allowance() {
        let unit = free.f_frsize.max(1);
        free.f_blocks = allowance.bytes / unit;
        free.f_bfree = free.f_bfree.min(allowance.left() / unit);
        free.f_bavail = free.f_bavail.min(allowance.left() / unit);
    }
    Ok(free)
}

/// A failure is the caller's, and is not tried again as if nothing had been (D7).
pub(crate) fn sync(handle: &Handle, data_only: bool) -> Answer<()> {
    let raw = handle.file().raw();
    if data_only {
        rustix::fs::fdatasync(raw)?
    } else {
        rustix::fs::fsync(raw)?
    }
    Ok(())
}

pub(crate) fn sync_folder(folder: &OpenFolder) -> Answer<()> {
    Ok(rustix::fs::fsync(&folder.handle)?)
}
