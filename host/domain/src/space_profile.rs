//! What a space has beside its tree: where clients see it, and on which sites it is.

use serde::{Deserialize, Serialize};

use crate::ids::Number;
use crate::space::Space;
use crate::time::Timestamp;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpaceProfile {
    /// Where its view is, absolute; unique among spaces. None: nowhere yet.
    pub mountpoint: Option<String>,
    /// Red, green, blue.
    pub colour: Option<[u8; 3]>,
    /// A dialect's word.
    pub permission_mode: Option<String>,
    /// When snapshots are taken and how long they stay, as a dialect says it.
    pub snapshot_schedule: Option<serde_json::Value>,
    /// Its directory is there on all of its sites.
    pub is_ready: bool,
}

/// A space as it is managed over sites.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ManagedSpace {
    pub space: Space,
    pub profile: SpaceProfile,
    /// Made on first start. There is at most one; it cannot be deleted.
    pub is_default: bool,
    /// Since when it is being deleted.
    pub deleting: Option<Timestamp>,
    /// Numbers of the sites that it is on.
    pub sites: Vec<Number>,
}
