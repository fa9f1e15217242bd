//! An external target: which files of a space go to which bucket.

use serde::{Deserialize, Serialize};

use crate::ids::{ExternalTargetId, LocationId, Number, SpaceId};
use crate::time::Timestamp;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExternalTarget {
    pub id: ExternalTargetId,
    pub number: Number,
    /// Unique among external targets.
    pub name: String,
    pub space: SpaceId,
    pub space_number: Number,
    /// The bucket's.
    pub location: LocationId,
    pub location_number: Number,
    pub rule: TargetRule,
    /// Its bucket is ready and stays.
    pub is_ready: bool,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// What a user may edit of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRule {
    /// Found in the path as clients see it.
    pub local_file_regex: String,
    pub enabled: bool,
    /// A recall deletes the copy.
    pub delete_on_recall: bool,
    /// Nothing is ever stubbed for a copy there.
    pub backup_only: bool,
    /// Number of the site that backs up; none: any.
    pub backup_site: Option<Number>,
    /// Numbers of the sites that reach it; none: all of the space's.
    pub sites: Vec<Number>,
    /// The lower is asked first; of two that are alike the older.
    pub position: i64,
    /// What a dialect keeps beside it and only that dialect reads.
    pub attributes: serde_json::Value,
}

#[derive(Clone, Debug)]
pub struct NewExternalTarget {
    pub name: String,
    pub space: SpaceId,
    pub location: LocationId,
    pub rule: TargetRule,
}
