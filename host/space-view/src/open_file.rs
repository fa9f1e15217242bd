//! A file of the raw tree that somebody has open in a view.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use capstan_domain::{Failure, Outcome};
use capstan_stub::{Identity, Look, RawFile};
use fuser::BackingId;
use rustix::fs::{Mode as Permissions, OFlags, Statx, StatxTimestamp};

use crate::attributes;
use crate::inner::proc_path;
use crate::recalling::Recalling;
use crate::refusal::Answer;
use crate::seen::TICK;

/// Bytes of a file that the kernel may keep in memory itself.
const SMALL: u64 = 128 << 10;
/// After so long, reading a file gives it another time.
const READ_ANEW: Duration = Duration::from_secs(23 * 60 * 60);

/// How the kernel gets at a file.
pub(crate) enum Way {
    Undecided,
    Plain,
    /// Through this process where it has it not in memory from before.
    Cached,
    Passthrough(Arc<BackingId>),
}

pub(crate) struct Kernel {
    pub(crate) way: Way,
    /// Of the kernel's, that are open.
    pub(crate) handles: usize,
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
    /// When it had been changed last when it was opened here, if it is small and that was not a moment ago.
    pub(crate) steady: Option<(i64, u32)>,
    /// Reading it gives it no other time of reading.
    pub(crate) is_stamped: bool,
    pub(crate) kernel: Mutex<Kernel>,
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
    /// `stat`, `look`: of the file, now.
    pub(crate) fn new(raw: RawFile, look: &Look, stat: &Statx) -> Self {
        let is_data = look.is_data();
        Self {
            number: stat.stx_ino,
            identity: attributes::identity(stat),
            raw,
            steady: Some(attributes::changed(stat)).filter(|_| is_data && is_steady(stat)),
            is_stamped: is_stamped(stat),
            kernel: Mutex::new(Kernel { way: Way::Undecided, handles: 0 }),
            writing: Mutex::default(),
            is_data: AtomicBool::new(is_data),
            is_ready: AtomicBool::new(false),
            is_written: AtomicBool::new(false),
            changed: Mutex::new(Some(attributes::instant(&stat.stx_ctime)).filter(|_| !is_data)),
            readying: tokio::sync::Mutex::default(),
            beginning: tokio::sync::Mutex::default(),
            recall: Mutex::default(),
        }
    }

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

    /// A handle that is open for writing anyway, for whoever writes.
    pub(crate) fn lend(&self, raw: RawFile) {
        locked(&self.writing).file.get_or_insert(raw);
    }

    /// Whether its content may have been changed since it was asked last.
    pub(crate) fn take_written(&self) -> bool {
        self.is_written.swap(false, Relaxed)
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

fn is_steady(stat: &Statx) -> bool {
    stat.stx_size <= SMALL && attributes::age(stat) >= TICK
}

/// As `relatime` of `mount(8)` has it.
fn is_stamped(stat: &Statx) -> bool {
    let (read, modified, changed) = (&stat.stx_atime, &stat.stx_mtime, &stat.stx_ctime);
    let instant = |time: &StatxTimestamp| (time.tv_sec, time.tv_nsec);
    let since = SystemTime::now().duration_since(attributes::instant(read));
    instant(read) > instant(modified) && instant(read) > instant(changed) && since.is_ok_and(|since| since < READ_ANEW)
}

/// What a handle is of, opened anew; never waiting for a lease.
pub(crate) fn reopen(handle: impl AsFd, access: OFlags) -> Answer<OwnedFd> {
    let flags = access | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(proc_path(handle), flags, Permissions::empty())?)
}

pub(crate) fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
