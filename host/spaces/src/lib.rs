//! What is done with the files of a space: stored in buckets, made stubs, brought back, made anew, moved, removed.
//!
//! Below this are a file that may be a stub (`capstan_stub`), a bucket as a tree (`capstan_mover`), the mounted view
//! (`capstan_space_view`) and the catalogue; here they meet. The order of every work is that of D2: the content goes to the bucket and
//! is read back from there, the copy is recorded durably, in the catalogue and in the bucket's own manifest (`manifest`), and only then
//! does it leave the disk; a removal goes the other way. The state of a file stands beside it and in the catalogue: a worker that died
//! between the two leaves what the next one settles, since a stub that is found is recorded from its own record.
//!
//! A space has one tree in the catalogue, whatever sites it is on. The states that are recorded are those of its first site; what lies on
//! the others is told by the records beside their files, and steps there record copies only.
//!
//! A file's copy stands under its own path in the bucket. Two files never share a copy unless their contents are the same: what differs
//! stays, and the other is stored beside it, unless the step says that it is to be replaced and no other file rests on it.

mod changes;
mod claim;
mod copies;
mod links;
mod manifest;
mod on_disk;
mod opened;
mod pace;
mod points;
mod purge;
mod recall;
mod recorded;
mod routes;
mod settings;
mod step;
#[cfg(test)]
mod tests;
mod view;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use capstan_catalogue::Catalogue;
use capstan_domain::failure::Blame;
use capstan_domain::ids::{LocationId, SpaceId};
use capstan_domain::space_profile::ManagedSpace;
use capstan_domain::time::Timestamp;
use capstan_domain::workflow::TaskResult;
use capstan_domain::{Failure, Kind, Outcome};
use capstan_jobs::{SpaceWork, StepWork};
use capstan_stub::RawTree;
use tokio::sync::{RwLock, mpsc};

pub use manifest::{Exported, Left, Rebuilt, is_manifest};
pub use settings::{Limits, RECYCLE, Settings};

use crate::opened::OpenSpace;

/// Where buckets are found.
#[async_trait]
pub trait Buckets: Send + Sync + 'static {
    /// A bucket's tree, its folder already applied: the tree's root is where the copies of a space's files begin.
    async fn tree(&self, location: LocationId) -> Outcome<Arc<dyn capstan_mover::Tree>>;
}

/// Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Spaces {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) catalogue: Catalogue,
    pub(crate) buckets: Arc<dyn Buckets>,
    pub(crate) settings: Settings,
    /// Held for reading, never long, by who is about to count on what stands in a bucket, until the catalogue knows that; for writing by
    /// who takes copies away that nobody counts on.
    pub(crate) counting: RwLock<()>,
    open: Mutex<HashMap<SpaceId, Arc<OpenSpace>>>,
}

impl Spaces {
    pub fn new(catalogue: Catalogue, buckets: Arc<dyn Buckets>, settings: Settings) -> Self {
        Self { inner: Arc::new(Inner { catalogue, buckets, settings, counting: RwLock::default(), open: Mutex::default() }) }
    }

    /// Opens the raw tree in the directory `raw`, made if absent, puts right what a dead worker left, and mounts the view at the
    /// profile's mountpoint, if there is one. Nothing, when it is open. Fails with `Denied` (`not-private`) when others may enter the
    /// directory, with `Conflict` (`space-in-use`) while another process has it open, with `Unsupported` when its file system cannot hold
    /// stubs.
    pub async fn open(&self, space: &ManagedSpace, raw: &Path) -> Outcome<()> {
        if self.inner.space(space.space.id).is_ok() {
            return Ok(());
        }
        let opened = OpenSpace::open(&self.inner, space, raw).await?;
        self.inner.spaces().insert(space.space.id, opened);
        Ok(())
    }

    /// Unmounts the view and lets the tree go. Steps that are under way end as they would. Nothing, when it is not open.
    pub async fn close(&self, space: SpaceId) {
        let opened = self.inner.spaces().remove(&space);
        if let Some(opened) = opened {
            opened.unmount().await;
        }
    }

    pub async fn close_all(&self) {
        let all: Vec<SpaceId> = self.inner.spaces().keys().copied().collect();
        for space in all {
            self.close(space).await;
        }
    }

    /// Writes the whole manifest of the space anew beside its copies, in one bucket or in all that hold some, and removes what it replaces
    /// (D9). Fails with `Busy` (`manifest-busy`) while another one or a rebuild is under way, with `Unsupported` (`not-home`) on another
    /// site than the first.
    pub async fn export(&self, space: SpaceId, location: Option<LocationId>) -> Outcome<Vec<Exported>> {
        manifest::export(&self.inner, self.inner.space(space)?.as_ref(), location).await
    }

    /// Makes the files of a space anew, as stubs, from what a bucket's manifest says (D9). What is there stays. `from`: the space that the
    /// manifest was written for, where the bucket has several that could be meant. Fails as `export` does, and with `NotFound`
    /// (`no-manifest`) and `Conflict` (`which-manifest`). It may be run again.
    pub async fn rebuild(&self, space: SpaceId, location: LocationId, from: Option<SpaceId>) -> Outcome<Rebuilt> {
        manifest::rebuild(&self.inner, &self.inner.space(space)?, location, from).await
    }

    /// Deletes the copies of files that were removed longer ago than `Settings::recycle` before `now`, of the spaces that are open here
    /// and on no other site (D6). A copy that any file rests on stays. Bounded: what is left goes with the next call. Answers how many
    /// copies went.
    ///
    /// # Errors
    /// The first that a space or a bucket failed with; the others were dealt with all the same.
    pub async fn purge(&self, now: Timestamp) -> Outcome<u64> {
        let all: Vec<Arc<OpenSpace>> = self.inner.spaces().values().cloned().collect();
        let (mut purged, mut first) = (0, Ok(()));
        for space in all {
            let (copies, ended) = purge::purge(&self.inner, &space, now).await;
            purged += copies;
            first = first.and(ended);
        }
        first.map(|()| purged)
    }
}

#[async_trait]
impl SpaceWork for Spaces {
    async fn raw(&self, space: SpaceId) -> Outcome<RawTree> {
        Ok(self.inner.space(space)?.raw.clone())
    }

    async fn step(&self, work: StepWork, results: mpsc::Sender<Vec<TaskResult>>) -> Outcome<()> {
        step::run(Arc::clone(&self.inner), work, results).await
    }
}

impl Inner {
    pub(crate) fn space(&self, id: SpaceId) -> Outcome<Arc<OpenSpace>> {
        self.spaces().get(&id).cloned().ok_or_else(|| {
            Failure::new(Kind::Unavailable, "The space is not open on this host")
                .with_blame(Blame::Host)
                .with_code("space-not-open")
                .with_next_step("Give the task to a worker of a site that the space is on.")
        })
    }

    fn spaces(&self) -> std::sync::MutexGuard<'_, HashMap<SpaceId, Arc<OpenSpace>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
