//! A location: a place in a target that holds data, such as a bucket or a share.

use serde::{Deserialize, Serialize};

use crate::ids::{LocationId, Number, PoolId, TargetId};
use crate::time::Timestamp;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Location {
    pub id: LocationId,
    pub number: Number,
    pub target: TargetId,
    /// Numbers of the noun this one refers to stand beside its id, so that a dialect need not look them up.
    pub target_number: Number,
    /// As the target names it; unique within the target.
    pub name: String,
    /// A location is in one pool at a time.
    pub pool: Option<PoolId>,
    pub pool_number: Option<Number>,
    pub file_count: u64,
    pub file_bytes: u64,
    pub attributes: serde_json::Value,
    /// False once a sync no longer found it in the target; its row stays while entries refer to it.
    pub present: bool,
    pub created: Timestamp,
    pub updated: Timestamp,
}
