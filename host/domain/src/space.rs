//! A space: a managed file tree on the host's own disks.

use serde::{Deserialize, Serialize};

use crate::ids::{EntryId, Number, PoolId, SpaceId};
use crate::time::Timestamp;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Space {
    pub id: SpaceId,
    pub number: Number,
    /// Unique among spaces; also the name of its directory unless `directory` says otherwise.
    pub name: String,
    pub comment: Option<String>,
    /// Absolute path under a configured root.
    pub directory: String,
    pub root: EntryId,
    pub root_number: Number,
    /// Bytes of all its files, wherever their content lies; none: no quota.
    pub quota_bytes: Option<u64>,
    /// Bytes of those whose content lies on the host's own disks; none: no quota.
    pub cache_quota_bytes: Option<u64>,
    pub push_pool: Option<PoolId>,
    pub cleaning_pool: Option<PoolId>,
    pub file_count: u64,
    pub file_bytes: u64,
    /// Of `file_bytes`, those on the host's own disks.
    pub resident_bytes: u64,
    pub attributes: serde_json::Value,
    pub created: Timestamp,
    pub updated: Timestamp,
}

#[derive(Clone, Debug)]
pub struct NewSpace {
    pub name: String,
    pub comment: Option<String>,
    pub directory: String,
    pub quota_bytes: Option<u64>,
    pub cache_quota_bytes: Option<u64>,
    pub push_pool: Option<PoolId>,
    pub cleaning_pool: Option<PoolId>,
    pub attributes: serde_json::Value,
}
