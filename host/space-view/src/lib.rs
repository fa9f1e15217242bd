//! The view of a space: the door to its files, which brings back on read what lies elsewhere.
//!
//! The raw tree is a private directory of the service's user (D13); this mounts it, by FUSE, for everybody. Names, owners, modes, times,
//! attributes are the raw tree's. A file that is here is read and written by the kernel itself where that is possible ([`Passthrough`]);
//! a small one that is read again and again is read from the kernel's memory (`opening`).
//! A stub shows the size, times and owner of its content; opening it brings nothing back, the first read of bytes that are not here
//! does ([`Recalls`]): the pieces of 16 MiB that it touches first. Nobody gets a byte that was not proved, and never zeros in its
//! place: a recall that fails, or takes too long, is an error of the read. If this process dies, every call fails with ENOTCONN.
//!
//! What is written to is data first, and its copies are told to be stale before the first byte changes (`writing`). Everything that is
//! done is told ([`Changes`]); what a crash leaves, and who learns of it, stands in `moving`.
//!
//! Bounds, and what happens beyond: [`MOST_OPEN`] files open (ENFILE), [`Settings::most_waiting`] reads and writes that wait for recalls
//! (EAGAIN), [`Settings::recall_wait`] for each (ETIMEDOUT), [`MOST_UNTOLD`] changes that are not recorded yet (the next waits
//! [`SLOT_WAIT`], then EAGAIN), a quota that is used up (EDQUOT; what the kernel writes itself is bounded by the raw file system).

mod answers;
mod attributes;
mod changes;
mod door;
mod folders;
mod inner;
mod listing;
mod making;
mod moving;
mod near;
mod open_file;
mod opening;
mod opening_later;
mod opens;
mod passthrough;
mod quota;
mod reading;
mod recalling;
mod recalls;
mod refusal;
mod removed;
mod seen;
mod setting;
mod space;
mod system;
mod table;
mod teller;
#[cfg(test)]
mod tests;
mod writing;
mod xattrs;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use capstan_domain::{Failure, Outcome};
use capstan_mount::{MountLine, Mounted, Place};
use capstan_stub::RawTree;
use tokio::runtime::Handle as Runtime;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

pub use changes::{Change, Changes, Gone, Kind, Known, Stale};
pub use opens::MOST_OPEN;
pub use passthrough::Passthrough;
pub use quota::{Allowance, Quota, Unbounded};
pub use recalling::{Bringing, Recalling};
pub use recalls::{Reader, Recalls, Wanted};
pub use teller::MOST_UNTOLD;

use crate::inner::Inner;
use crate::refusal::Refusal;
use crate::removed::Removed;
use crate::system::System;
use crate::teller::Teller;

/// How long the kernel believes names and attributes; what is done through the view shows at once.
pub const FRESH: Duration = Duration::from_secs(1);
/// How long a change waits for its place among those that are to be recorded.
pub const SLOT_WAIT: Duration = Duration::from_secs(30);
/// How long what is still to be recorded is waited for when the view is unmounted.
const DRAIN_WAIT: Duration = Duration::from_secs(10);
/// Threads that take the kernel's questions: the second for when the first waits for the disk. More wake each other.
const THREADS: usize = 2;

#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a read waits for a recall.
    pub recall_wait: Duration,
    /// Reads and writes that wait for recalls at a time, over all files.
    pub most_waiting: usize,
    /// Whether the kernel may read and write resident files itself.
    pub passthrough: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { recall_wait: Duration::from_secs(300), most_waiting: 4096, passthrough: true }
    }
}

/// What is mounted where, for whom, and whom it asks.
pub struct SpaceView {
    /// Made if absent.
    pub directory: PathBuf,
    /// What the table of mounts shows.
    pub source: String,
    pub tree: RawTree,
    pub recalls: Arc<dyn Recalls>,
    pub changes: Arc<dyn Changes>,
    pub quota: Arc<dyn Quota>,
    pub settings: Settings,
    /// For all users of the machine, as the modes of files allow; else for the user of this process alone.
    pub for_all: bool,
}

/// A mounted view; dropping it unmounts.
pub struct MountedSpace {
    mounted: Option<Mounted>,
    inner: Arc<Inner>,
    telling: JoinHandle<()>,
    passthrough: Passthrough,
}

/// Blocking; what waits, waits on `runtime`.
pub fn mount(view: SpaceView, runtime: Runtime) -> Outcome<MountedSpace> {
    let SpaceView { directory, source, tree, recalls, changes, quota, settings, for_all } = view;
    // A view that died may still have files of the tree open, and is in the way.
    capstan_mount::release_dead(&directory);
    let unusable = |refusal: Refusal| Failure::host("The space's directory cannot be used", refusal);
    let root = attributes::stat(&tree).map_err(unusable)?;
    let (removed, left) = Removed::open(&tree).map_err(unusable)?;
    let teller = Arc::new(Teller::new(changes, removed));
    for (change, kept) in left.iter().flatten() {
        teller.tell_kept(None, change.clone(), kept.clone());
    }
    if left.is_some() {
        teller.tell_kept(None, Change::Unsure, None);
    }
    let inner = Arc::new(Inner {
        device: (root.stx_dev_major, root.stx_dev_minor),
        root: root.stx_ino,
        table: table::Table::default(),
        folders: folders::Folders::default(),
        opens: opens::Opens::default(),
        teller: Arc::clone(&teller),
        recalls,
        quota,
        waiting: Arc::new(Semaphore::new(settings.most_waiting)),
        settings,
        passthrough: OnceLock::new(),
        ending: watch::Sender::new(false),
        runtime: runtime.clone(),
        tree,
    });
    let place = Place { directory, source, writable: true, executable: true, for_all, threads: THREADS };
    let mounting = capstan_mount::begin(System::new(Arc::clone(&inner)), place)?;
    let passthrough = passthrough::decide(&inner, mounting.session());
    if let Passthrough::Plain { why } = &passthrough {
        tracing::info!(why, "a view reads and writes resident files itself");
    }
    let mounted = mounting.serve()?;
    let telling = runtime.spawn(teller.run());
    Ok(MountedSpace { mounted: Some(mounted), inner, telling, passthrough })
}

/// What is done through a view is told a moment later. Clones are one.
#[derive(Clone)]
pub struct Telling(Arc<Teller>);

impl Telling {
    /// Waits until everything that was done through the view before this call was told, and whatever a view before this one that died had
    /// left to tell; not longer than `within`. Whether it was.
    pub async fn told_so_far(&self, within: std::time::Duration) -> bool {
        self.0.told_so_far(within).await
    }
}

impl MountedSpace {
    pub fn telling(&self) -> Telling {
        Telling(Arc::clone(&self.inner.teller))
    }

    pub fn directory(&self) -> &Path {
        self.mounted.as_ref().map_or(Path::new(""), Mounted::directory)
    }

    /// What the kernel's table of mounts has of it.
    pub fn line(&self) -> Outcome<MountLine> {
        self.mounted.as_ref().map_or_else(|| Err(Failure::not_found("The view is not mounted")), Mounted::line)
    }

    pub fn passthrough(&self) -> &Passthrough {
        &self.passthrough
    }

    /// Whoever waits for a recall is told EIO, files that are still open fail from then on. What was done is recorded when it answers, or
    /// else the next view is unsure.
    pub async fn unmount(mut self) {
        let runtime = self.inner.runtime.clone();
        if let Ok(Some(drained)) = runtime.spawn_blocking(move || self.end()).await {
            let _ = drained.await;
        }
    }

    /// Blocking. Answers the work that records what was done last; none: it ended before.
    fn end(&mut self) -> Option<JoinHandle<()>> {
        let mounted = self.mounted.take()?;
        self.inner.ending.send_replace(true);
        mounted.unmount();
        let (inner, telling) = (Arc::clone(&self.inner), self.telling.abort_handle());
        Some(self.inner.runtime.spawn(async move {
            let drained = inner.teller.drained(DRAIN_WAIT).await;
            telling.abort();
            if drained {
                inner.teller.removed().close(&inner.tree);
            } else {
                tracing::warn!("a view ends with changes that are not recorded; the next one will be unsure");
            }
        }))
    }
}

impl Drop for MountedSpace {
    /// On a thread of a runtime nothing may be waited for; the rest is done there, after this.
    fn drop(&mut self) {
        if let Some(drained) = self.end()
            && Runtime::try_current().is_err()
        {
            let _ = self.inner.runtime.block_on(drained);
        }
    }
}
