//! A tag: an owner's word for some of their drives, snapshots and machines.

use serde::{Deserialize, Serialize};

use crate::ids::{DriveId, MachineId, Number, SnapshotId, TagId, UserId};
use crate::time::Timestamp;

/// What bears a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "noun", content = "id")]
pub enum Tagged {
    Drive(DriveId),
    Snapshot(SnapshotId),
    Machine(MachineId),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tag {
    pub id: TagId,
    pub number: Number,
    pub owner: UserId,
    /// Unique among an owner's tags.
    pub name: String,
    pub attributes: serde_json::Value,
    pub created: Timestamp,
    pub updated: Timestamp,
}

#[derive(Clone, Debug)]
pub struct NewTag {
    pub owner: UserId,
    pub name: String,
    pub attributes: serde_json::Value,
}
