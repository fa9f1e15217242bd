//! What is open in a view: one file of the raw tree for all who have it open, whatever they call it.
//!
//! A file that is data when it is opened stays data for as long as it is open: nobody gets a lease on it. The kernel wants one way for
//! all that have a file open: itself at the raw file (passthrough), or through this process (plain). So the first decides, until the
//! last has closed it.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use capstan_domain::{Failure, Outcome};
use capstan_stub::{Identity, Look, RawFile, State};
use fuser::BackingId;
use rustix::fs::{Mode as Permissions, OFlags, Statx};
use rustix::io::Errno;

use crate::attributes;
use crate::inner::{Inner, proc_path};
use crate::listing::OpenFolder;
use crate::recalling::Recalling;
use crate::refusal::{Answer, Refusal, STALE};

/// Files and folders open in one view; more are refused.
pub const MOST_OPEN: usize = 65_536;
/// Permission bits that a write takes from a file, which only this process sees in time if the write comes by it.
const TAKEN_BY_WRITING: u16 = 0o6000;

/// How the kernel gets at a file.
enum Way {
    Undecided,
    Plain,
    Passthrough(Arc<BackingId>),
}

struct Kernel {
    way: Way,
    handles: usize,
}

#[derive(Default)]
struct Writing {
    file: Option<RawFile>,
    users: usize,
}

pub(crate) struct OpenFile {
    pub(crate) number: u64,
    pub(crate) identity: Identity,
    raw: RawFile,
    kernel: Mutex<Kernel>,
    writing: Mutex<Writing>,
    /// What the raw file gives is the content; once so, always so.
    is_data: AtomicBool,
    /// It has no record, and gets none as long as it is open for writing.
    is_ready: AtomicBool,
    /// Its content was changed through this process.
    is_written: AtomicBool,
    /// When it was changed last, as long as nothing but a recall did: to whoever has it open nothing happened.
    changed: Mutex<Option<SystemTime>>,
    /// Whoever makes it ready for writing.
    pub(crate) readying: tokio::sync::Mutex<()>,
    /// Whoever asks for its recall.
    pub(crate) beginning: tokio::sync::Mutex<()>,
    recall: Mutex<Recall>,
}

#[derive(Default)]
struct Recall {
    running: Option<Recalling>,
    failed: Option<(Failure, Instant)>,
}

impl OpenFile {
    pub(crate) fn raw(&self) -> &RawFile {
        &self.raw
    }

    pub(crate) fn look(&self) -> Outcome<Look> {
        let look = self.raw.look()?;
        if look.is_data() {
            self.set_data();
        }
        Ok(look)
    }

    pub(crate) fn is_data(&self) -> bool {
        self.is_data.load(Relaxed)
    }

    pub(crate) fn set_data(&self) {
        self.is_data.store(true, Relaxed);
        let mut recall = locked(&self.recall);
        recall.running = None;
        recall.failed = None;
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.is_ready.load(Relaxed)
    }

    /// Whoever calls has it open for writing.
    pub(crate) fn set_ready(&self) {
        self.is_ready.store(true, Relaxed);
    }

    pub(crate) fn changed(&self) -> Option<SystemTime> {
        *locked(&self.changed)
    }

    /// By more than a recall.
    pub(crate) fn set_changed(&self) {
        *locked(&self.changed) = None;
    }

    pub(crate) fn set_written(&self) {
        self.set_changed();
        self.is_written.store(true, Relaxed);
    }

    pub(crate) fn running(&self) -> Option<Recalling> {
        locked(&self.recall).running.clone()
    }

    pub(crate) fn set_running(&self, recalling: &Recalling) {
        *locked(&self.recall) = Recall { running: Some(recalling.clone()), failed: None };
    }

    /// `ended`: the recall did, not only the waiting for it.
    pub(crate) fn set_failed(&self, failure: &Failure, ended: bool) {
        let mut recall = locked(&self.recall);
        recall.failed = Some((failure.clone(), Instant::now()));
        if ended {
            recall.running = None;
        }
    }

    pub(crate) fn forget_failure(&self) {
        locked(&self.recall).failed = None;
    }

    pub(crate) fn failed(&self, within: std::time::Duration) -> Option<Failure> {
        let recall = locked(&self.recall);
        recall.failed.as_ref().filter(|(_, at)| at.elapsed() < within).map(|(failure, _)| failure.clone())
    }
}

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

/// The same, open for writing.
pub(crate) struct Writer {
    file: Arc<OpenFile>,
    pub(crate) raw: RawFile,
}

impl Writer {
    pub(crate) fn of(file: &Arc<OpenFile>) -> Answer<Self> {
        let mut writing = locked(&file.writing);
        let raw = match &writing.file {
            Some(raw) => raw.clone(),
            None => {
                let raw = RawFile::from_handle(reopen(&file.raw, OFlags::RDWR)?, "")?;
                writing.file = Some(raw.clone());
                raw
            }
        };
        writing.users += 1;
        Ok(Self { file: Arc::clone(file), raw })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let mut writing = locked(&self.file.writing);
        writing.users = writing.users.saturating_sub(1);
        if writing.users == 0 {
            writing.file = None;
            self.file.is_ready.store(false, Relaxed);
        }
    }
}

/// The kernel's: from its open to its release.
pub(crate) struct Handle {
    writer: Option<Writer>,
    /// Size and times when it was opened for writing.
    before: Option<Statx>,
    used: Used,
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
        let now = attributes::stat(&self.used.file.raw);
        let differs = now.is_ok_and(|now| {
            let state = |stat: &Statx| {
                let (modified, changed) = (&stat.stx_mtime, &stat.stx_ctime);
                (stat.stx_size, modified.tv_sec, modified.tv_nsec, changed.tv_sec, changed.tv_nsec)
            };
            state(before) != state(&now)
        });
        differs || self.used.file.is_written.swap(false, Relaxed)
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

    pub(crate) fn keep_folder(&self, folder: OpenFolder) -> Answer<u64> {
        self.keep(&self.folders, folder)
    }

    pub(crate) fn close_folder(&self, handle: u64) {
        locked(&self.folders).remove(&handle);
    }

    fn join(&self, number: u64) -> Option<Used> {
        let mut files = locked(&self.table.files);
        let (file, users) = files.get_mut(&number)?;
        *users += 1;
        Some(Used { opens: Arc::clone(&self.table), file: Arc::clone(file) })
    }

    /// Somebody may have been faster: then theirs is the file.
    fn add(&self, file: OpenFile) -> Used {
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

/// What the kernel is to be told of a file that was opened.
pub(crate) struct Opened {
    pub(crate) handle: u64,
    pub(crate) backing: Option<Arc<BackingId>>,
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
        let used = self.use_looked(raw.clone(), &look, stat);
        locked(&used.file.writing).file.get_or_insert(raw);
        Ok(used)
    }

    /// `stat`: of the handle, now. `name`: what messages call it.
    pub(crate) fn use_raw(&self, handle: OwnedFd, stat: &Statx, name: &OsStr) -> Answer<Used> {
        let (raw, look) = RawFile::looked_at(handle, stat, &name.to_string_lossy())?;
        Ok(self.use_looked(raw, &look, stat))
    }

    fn use_looked(&self, raw: RawFile, look: &Look, stat: &Statx) -> Used {
        let is_data = look.is_data();
        let changed = if is_data { None } else { Some(attributes::instant(&stat.stx_ctime)) };
        let file = OpenFile {
            number: stat.stx_ino,
            identity: attributes::identity(stat),
            raw,
            kernel: Mutex::new(Kernel { way: Way::Undecided, handles: 0 }),
            writing: Mutex::default(),
            is_data: AtomicBool::new(is_data),
            is_ready: AtomicBool::new(false),
            is_written: AtomicBool::new(false),
            changed: Mutex::new(changed),
            readying: tokio::sync::Mutex::default(),
            beginning: tokio::sync::Mutex::default(),
            recall: Mutex::default(),
        };
        self.opens.add(file)
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
        let before = if write { Some(attributes::stat(&file.raw)?) } else { None };
        if write && !has_record {
            file.set_ready();
        }
        let mut kernel = locked(&file.kernel);
        let must_ready = match &kernel.way {
            Way::Undecided => {
                let loses_bits = before.as_ref().is_some_and(|stat| stat.stx_mode & TAKEN_BY_WRITING != 0);
                let may = self.is_passthrough() && is_data && !(write && (has_record || loses_bits));
                kernel.way = match may.then(|| back(file.raw.as_fd())) {
                    Some(Ok(backing)) => Way::Passthrough(Arc::new(backing)),
                    Some(Err(error)) => {
                        tracing::debug!(%error, "the kernel does not take a file; it is read by this process");
                        Way::Plain
                    }
                    None => Way::Plain,
                };
                false
            }
            Way::Plain => false,
            Way::Passthrough(_) => write && has_record,
        };
        let backing = match &kernel.way {
            Way::Passthrough(backing) => Some(Arc::clone(backing)),
            _ => None,
        };
        kernel.handles += 1;
        drop(kernel);
        let handle = self.opens.keep(&self.opens.handles, Handle { writer, before, used })?;
        Ok(Opened { handle, backing, must_ready })
    }
}

/// What a handle is of, opened anew; never waiting for a lease.
pub(crate) fn reopen(handle: impl AsFd, access: OFlags) -> Answer<OwnedFd> {
    let flags = access | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(proc_path(handle), flags, Permissions::empty())?)
}

fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
