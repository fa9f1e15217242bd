//! Opening files of a view.
//!
//! A file that is data when it is opened stays data for as long as it is open: nobody gets a lease on it. The kernel wants one way for
//! all that have a file open: itself at the raw file (passthrough), or through this process (plain). So the first decides, until the
//! last has closed it.
//!
//! A small file that is opened for reading once more, and did not change since it was opened for reading before, is read from what the
//! kernel has of it in memory ([`Way::Cached`]): cheaper than to let the kernel at the raw file and take it away again. What it has in
//! memory is of the file as it is: every other opening made the kernel forget what it had, and any that may have changed the file makes
//! the next one another way.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use capstan_stub::{RawFile, State};
use fuser::BackingId;
use rustix::fs::{Mode as Permissions, OFlags, Statx};
use rustix::io::Errno;

use crate::attributes;
use crate::inner::Inner;
use crate::open_file::{OpenFile, Way, Writer, locked};
use crate::opens::{Handle, Used};
use crate::refusal::{Answer, STALE};

/// Permission bits that a write takes from a file, which only this process sees in time if the write comes by it.
const TAKEN_BY_WRITING: u16 = 0o6000;

/// What the kernel is to be told of a file that was opened.
pub(crate) struct Opened {
    pub(crate) handle: u64,
    pub(crate) backing: Option<Arc<BackingId>>,
    /// What the kernel has of it in memory is its content.
    pub(crate) keeps: bool,
    /// It has copies that the first write makes stale, and the kernel would not tell of the write: so it is taken for done.
    pub(crate) must_ready: bool,
}

/// Lets the kernel at a raw file itself.
pub(crate) type Back<'b> = &'b dyn Fn(BorrowedFd<'_>) -> std::io::Result<BackingId>;

impl Inner {
    /// Fails with `LATER` while the file is being migrated.
    pub(crate) fn use_file(&self, number: u64) -> Answer<Used> {
        if let Some(used) = self.opens.join(number) {
            return Ok(used);
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        for (above, name) in self.table.names(number).into_iter().rev() {
            let Ok(folder) = self.folder(above) else { continue };
            match rustix::fs::openat(&folder, &name, flags, Permissions::empty()) {
                Ok(handle) => {
                    let stat = attributes::stat(&handle)?;
                    if self.is(&stat, number) {
                        return self.use_raw(handle, &stat, &name);
                    }
                }
                Err(Errno::NOENT | Errno::LOOP) => {}
                Err(errno) => return Err(errno.into()),
            }
            self.table.unnamed(number, above, &name);
        }
        Err(STALE)
    }

    /// A file that was just made, which is open for writing anyway.
    pub(crate) fn use_new(&self, handle: OwnedFd, stat: &Statx, name: &OsStr) -> Answer<Used> {
        let (raw, look) = RawFile::looked_at(handle, stat, &name.to_string_lossy())?;
        let used = self.opens.add(OpenFile::new(raw.clone(), &look, stat));
        used.file.lend(raw);
        Ok(used)
    }

    /// `stat`: of the handle, now. `name`: what messages call it.
    pub(crate) fn use_raw(&self, handle: OwnedFd, stat: &Statx, name: &OsStr) -> Answer<Used> {
        let (raw, look) = RawFile::looked_at(handle, stat, &name.to_string_lossy())?;
        Ok(self.opens.add(OpenFile::new(raw, &look, stat)))
    }

    pub(crate) fn open(&self, used: Used, write: bool, back: Back<'_>) -> Answer<Opened> {
        let file = Arc::clone(&used.file);
        // Open for writing first: then what it is found to be it stays.
        let writer = if write { Some(Writer::of(&file)?) } else { None };
        // Whoever opens it anew asks anew.
        file.forget_failure();
        let (is_data, has_record) = if write || !file.is_data() {
            let look = file.look()?;
            (look.is_data(), look.stale || !matches!(look.state, State::Resident))
        } else {
            (true, false)
        };
        let before = if write { Some(attributes::stat(file.raw())?) } else { None };
        if write && !has_record {
            file.set_ready();
        }
        let is_read_again = if write {
            self.table.unread(file.number);
            false
        } else {
            file.steady.is_some_and(|changed| self.table.read(file.number, changed)) && file.is_stamped
        };
        let mut kernel = locked(&file.kernel);
        let must_ready = match &kernel.way {
            Way::Undecided => {
                let loses_bits = before.as_ref().is_some_and(|stat| stat.stx_mode & TAKEN_BY_WRITING != 0);
                let may = !is_read_again && self.is_passthrough() && is_data && !(write && (has_record || loses_bits));
                kernel.way = match may.then(|| back(file.raw().as_fd())) {
                    Some(Ok(backing)) => Way::Passthrough(Arc::new(backing)),
                    Some(Err(error)) => {
                        tracing::debug!(%error, "the kernel does not take a file; it is read by this process");
                        Way::Plain
                    }
                    None if is_read_again => Way::Cached,
                    None => Way::Plain,
                };
                false
            }
            Way::Plain | Way::Cached => false,
            Way::Passthrough(_) => write && has_record,
        };
        let keeps = !write && matches!(kernel.way, Way::Cached);
        let backing = match &kernel.way {
            Way::Passthrough(backing) => Some(Arc::clone(backing)),
            _ => None,
        };
        kernel.handles += 1;
        drop(kernel);
        let handle = self.opens.keep_handle(Handle { writer, before, used })?;
        Ok(Opened { handle, backing, keeps, must_ready })
    }
}
