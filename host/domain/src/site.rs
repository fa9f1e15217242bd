//! A site: a host, or several, that work on the same trees.

use serde::{Deserialize, Serialize};

use crate::ids::{Number, SiteId};
use crate::time::Timestamp;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Site {
    pub id: SiteId,
    pub number: Number,
    /// Unique among sites.
    pub name: String,
    pub label: String,
    /// Made on first start. There is one; it cannot be deleted.
    pub is_default: bool,
    pub settings: SiteSettings,
    /// What a dialect keeps beside it and only that dialect reads.
    pub attributes: serde_json::Value,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// How work is done on a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteSettings {
    /// Megabits a second; none: unlimited.
    pub bandwidth: Option<u64>,
    /// Globs of which a path must match one, if there are any.
    pub include: Vec<String>,
    /// Globs of which a path may match none.
    pub exclude: Vec<String>,
    /// Paths of a task; 0: as many as a task may have.
    pub file_batch_size: u64,
    /// Gigabytes of a task; 0: any.
    pub file_batch_gb: u64,
    pub automatic_batches: bool,
    /// Files from which on a job takes locks in bulk; 0: never.
    pub lock_threshold: u64,
    pub public_url: Option<String>,
}

impl Default for SiteSettings {
    fn default() -> Self {
        Self {
            bandwidth: None,
            include: Vec::new(),
            exclude: Vec::new(),
            file_batch_size: 40,
            file_batch_gb: 1,
            automatic_batches: true,
            lock_threshold: 0,
            public_url: None,
        }
    }
}

#[derive(Clone, Debug)]
pub struct NewSite {
    pub name: String,
    pub label: String,
    pub settings: SiteSettings,
    pub attributes: serde_json::Value,
}

/// What lies in the spaces of a site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteCounts {
    pub files: u64,
    pub directories: u64,
    /// Files whose content is elsewhere only.
    pub stubbed: u64,
}

impl SiteCounts {
    /// Files whose content is here.
    pub fn hydrated(&self) -> u64 {
        self.files.saturating_sub(self.stubbed)
    }
}
