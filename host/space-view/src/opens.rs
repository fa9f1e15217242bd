//! What is open in a view: one file of the raw tree for all who have it open, whatever they call it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use rustix::fs::Statx;

use crate::attributes;
use crate::listing::OpenFolder;
use crate::open_file::{OpenFile, Way, Writer, locked};
use crate::refusal::{Answer, Refusal};

/// Files and folders open in one view; more are refused.
pub const MOST_OPEN: usize = 65_536;

/// A file that is kept open by whoever has this.
pub(crate) struct Used {
    opens: Arc<Table>,
    pub(crate) file: Arc<OpenFile>,
}

impl Drop for Used {
    fn drop(&mut self) {
        let mut files = locked(&self.opens.files);
        if let Some((_, users)) = files.get_mut(&self.file.number) {
            *users = users.saturating_sub(1);
            if *users == 0 {
                files.remove(&self.file.number);
            }
        }
    }
}

/// The kernel's: from its open to its release.
pub(crate) struct Handle {
    pub(crate) writer: Option<Writer>,
    /// Size and times when it was opened for writing.
    pub(crate) before: Option<Statx>,
    pub(crate) used: Used,
}

impl Handle {
    pub(crate) fn file(&self) -> &Arc<OpenFile> {
        &self.used.file
    }

    pub(crate) fn writer(&self) -> Option<&Writer> {
        self.writer.as_ref()
    }

    /// Whether the content may have been changed by whoever had it open for writing.
    pub(crate) fn was_written(&self) -> bool {
        let Some(before) = &self.before else { return false };
        let now = attributes::stat(self.used.file.raw());
        let differs = now.is_ok_and(|now| {
            let state = |stat: &Statx| {
                let (modified, changed) = (&stat.stx_mtime, &stat.stx_ctime);
                (stat.stx_size, modified.tv_sec, modified.tv_nsec, changed.tv_sec, changed.tv_nsec)
            };
            state(before) != state(&now)
        });
        differs || self.used.file.take_written()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut kernel = locked(&self.used.file.kernel);
        kernel.handles = kernel.handles.saturating_sub(1);
        if kernel.handles == 0 {
            kernel.way = Way::Undecided;
        }
    }
}

#[derive(Default)]
struct Table {
    files: Mutex<HashMap<u64, (Arc<OpenFile>, usize)>>,
}

#[derive(Default)]
pub(crate) struct Opens {
    table: Arc<Table>,
    handles: Mutex<HashMap<u64, Arc<Handle>>>,
    folders: Mutex<HashMap<u64, Arc<OpenFolder>>>,
    next: AtomicU64,
}

impl Opens {
    pub(crate) fn get(&self, number: u64) -> Option<Arc<OpenFile>> {
        locked(&self.table.files).get(&number).map(|(file, _)| Arc::clone(file))
    }

    pub(crate) fn handle(&self, handle: u64) -> Answer<Arc<Handle>> {
        locked(&self.handles).get(&handle).cloned().ok_or(Refusal(fuser::Errno::EBADF))
    }

    pub(crate) fn close(&self, handle: u64) -> Option<Arc<Handle>> {
        locked(&self.handles).remove(&handle)
    }

    pub(crate) fn folder(&self, handle: u64) -> Answer<Arc<OpenFolder>> {
        locked(&self.folders).get(&handle).cloned().ok_or(Refusal(fuser::Errno::EBADF))
    }

    pub(crate) fn keep_handle(&self, handle: Handle) -> Answer<u64> {
        self.keep(&self.handles, handle)
    }

    pub(crate) fn keep_folder(&self, folder: OpenFolder) -> Answer<u64> {
        self.keep(&self.folders, folder)
    }

    pub(crate) fn close_folder(&self, handle: u64) {
        locked(&self.folders).remove(&handle);
    }

    pub(crate) fn join(&self, number: u64) -> Option<Used> {
        let mut files = locked(&self.table.files);
        let (file, users) = files.get_mut(&number)?;
        *users += 1;
        Some(Used { opens: Arc::clone(&self.table), file: Arc::clone(file) })
    }

    /// Somebody may have been faster: then theirs is the file.
    pub(crate) fn add(&self, file: OpenFile) -> Used {
        let mut files = locked(&self.table.files);
        let (file, users) = files.entry(file.number).or_insert_with(|| (Arc::new(file), 0));
        *users += 1;
        Used { opens: Arc::clone(&self.table), file: Arc::clone(file) }
    }

    fn keep<T>(&self, kept: &Mutex<HashMap<u64, Arc<T>>>, what: T) -> Answer<u64> {
        let mut kept = locked(kept);
        if kept.len() >= MOST_OPEN {
            return Err(Refusal(fuser::Errno::ENFILE));
        }
        let number = self.next.fetch_add(1, Relaxed);
        kept.insert(number, Arc::new(what));
        Ok(number)
    }
}
