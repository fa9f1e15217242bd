//! One worker at a time on a file, over all processes: an advisory lock that dies with its holder.
//!
//! It holds among those who go by this room only. The lease keeps others out; the lock keeps two of us from working on one record,
//! also when the kernel broke a lease after its time.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use capstan_domain::Outcome;
use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::fault;
use crate::file::RawFile;

/// Given back when dropped.
pub(crate) struct Lock(Arc<OwnedFd>);

impl Lock {
    /// Fails with `Busy` when somebody else works on the file.
    pub(crate) fn take(file: &RawFile) -> Outcome<Self> {
        let handle = file.shared();
        match rustix::fs::flock(&handle, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self(handle)),
            Err(Errno::WOULDBLOCK) => Err(fault::busy(file.shown())),
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::NOLCK) => Err(fault::lacks("file locks", file.shown())),
            Err(errno) => Err(fault::of(errno, file.shown())),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = rustix::fs::flock(&self.0, FlockOperation::Unlock);
    }
}
