//! File leases: for as long as one holds, nobody else has the file open, and whoever wants to open it waits.
//!
//! The kernel waits for the holder of a lease for `/proc/sys/fs/lease-break-time` (45 s); then it lets the other in. So a holder asks
//! before each step that cannot be undone. Source: `fcntl(2)`, F_SETLEASE.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use capstan_domain::Outcome;
use libc::c_int;
use rustix::io::Errno;

use crate::fault;
use crate::file::RawFile;

/// `F_SETSIG` of `asm-generic/fcntl.h`.
const F_SETSIG: c_int = 10;
/// What the kernel sends to the holder when somebody wants in: a signal that nobody handles. The usual one, SIGIO, would end the process.
const BREAK_SIGNAL: c_int = libc::SIGURG;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Against {
    /// Nobody has the file open for writing. The file itself must be open for reading only.
    Writers,
    /// Nobody else has it open at all.
    Everybody,
}

/// Given back when dropped.
pub(crate) struct Lease {
    handle: Arc<OwnedFd>,
    kind: c_int,
}

impl Lease {
    /// Fails with `Busy` when somebody has the file open.
    pub(crate) fn take(file: &RawFile, against: Against) -> Outcome<Self> {
        let handle = file.shared();
        let kind = match against {
            Against::Writers => libc::F_RDLCK,
            Against::Everybody => libc::F_WRLCK,
        };
        control(&handle, F_SETSIG, BREAK_SIGNAL).and_then(|_| control(&handle, libc::F_SETLEASE, kind)).map_err(|errno| {
            match errno {
                Errno::AGAIN => fault::busy(file.shown()),
                Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS => fault::lacks("file leases", file.shown()),
                errno => fault::of(errno, file.shown()),
            }
        })?;
        Ok(Self { handle, kind })
    }

    /// Whether nobody wants in and nobody was let in.
    pub(crate) fn holds(&self) -> bool {
        control(&self.handle, libc::F_GETLEASE, 0) == Ok(self.kind)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let _ = control(&self.handle, libc::F_SETLEASE, libc::F_UNLCK);
    }
}

fn control(handle: &OwnedFd, command: c_int, argument: c_int) -> Result<c_int, Errno> {
    #[expect(unsafe_code, reason = "no safe interface of the crates that are here sets leases")]
    // SAFETY: the handle is open, and these three commands take an integer and touch no memory of the process.
    let result = unsafe { libc::fcntl(handle.as_raw_fd(), command, argument) };
    if result < 0 { Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)) } else { Ok(result) }
}
