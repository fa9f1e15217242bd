//! What jobs ask of the floor above: trees for places, connections for targets, and the secrets of an unsaved target.

use std::sync::Arc;

use async_trait::async_trait;
use capstan_domain::Outcome;
use capstan_domain::entry;
use capstan_domain::ids::{JobId, TargetId};
use capstan_domain::job::Place;
use capstan_domain::ports::{Connection, ProbeReport};
use capstan_mover::Tree;

/// One tree of a place, and where work starts in it.
#[derive(Clone)]
pub struct Plot {
    pub tree: Arc<dyn Tree>,
    /// Where the place begins in the tree; empty for its root.
    pub path: String,
    /// What stands before a path of the tree to make it a path of the catalogued tree: a primary pool shows each of its locations
    /// as a folder. Empty for a space.
    pub shown_under: String,
}

/// A place, found.
#[derive(Clone)]
pub struct Ground {
    pub plots: Vec<Plot>,
    /// The catalogue's tree whose entries these files are; none for a secondary pool, whose content the catalogue knows as replicas.
    pub catalogued: Option<entry::Tree>,
}

#[async_trait]
pub trait Places: Send + Sync {
    /// Where to read: one plot per location, each starting at the place's path.
    async fn source(&self, place: &Place) -> Outcome<Ground>;

    /// Where to write: trees rooted at the place's path (made if absent), so that `path` is empty in each plot and `shown_under` holds
    /// the path.
    async fn destination(&self, place: &Place) -> Outcome<Ground>;

    async fn connect(&self, target: TargetId) -> Outcome<Arc<dyn Connection>>;
}

/// Keeps the configurations of unsaved targets, which hold secrets and so are never in the queue.
#[async_trait]
pub trait Probes: Send + Sync {
    /// `NotFound` after a restart: the configuration went with the process.
    async fn probe(&self, job: JobId) -> Outcome<ProbeReport>;
}
