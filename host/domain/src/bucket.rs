//! A bucket: a location of a target, as it is offered to spaces.

use serde::{Deserialize, Serialize};

use crate::ids::{LocationId, Number, TargetId};
use crate::time::Timestamp;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bucket {
    pub location: LocationId,
    /// The location's.
    pub number: Number,
    pub target: TargetId,
    pub target_number: Number,
    /// The target's.
    pub plugin: String,
    /// As the target calls the location.
    pub container: String,
    pub profile: BucketProfile,
    /// Since when it is being deleted: no new work goes there.
    pub deleting: Option<Timestamp>,
    /// Numbers of the external targets that lead there.
    pub external_targets: Vec<Number>,
}

/// What a bucket has beside its location. One that was made elsewhere, and never got a profile, is called like its location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketProfile {
    /// Unique among buckets that have a profile.
    pub name: String,
    /// A dialect's word; none: it was made elsewhere, and its target's plugin tells.
    pub storage_type: Option<String>,
    pub endpoint: Option<String>,
    pub label: Option<String>,
    /// The folder that everything goes into.
    pub folder: Option<String>,
    /// Its target was reached.
    pub is_ready: bool,
    /// What a dialect keeps beside it and only that dialect reads.
    pub attributes: serde_json::Value,
}
