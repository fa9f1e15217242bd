//! A machine that drives are mounted on, as far as that matters to them: its drives, and whether it runs. Nothing is computed here.

use serde::{Deserialize, Serialize};

use crate::ids::{DriveId, MachineId, Number, TagId, UserId};
use crate::time::Timestamp;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    pub id: MachineId,
    pub number: Number,
    pub owner: UserId,
    pub name: String,
    pub running: bool,
    /// In the order they were given.
    pub mounts: Vec<Mount>,
    /// What a dialect keeps beside it and only that dialect reads.
    pub attributes: serde_json::Value,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// A drive of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    pub drive: DriveId,
    /// Device, channel, boot order: the dialect's words.
    pub attributes: serde_json::Value,
}

#[derive(Clone, Debug)]
pub struct NewMachine {
    pub owner: UserId,
    pub name: String,
    pub mounts: Vec<Mount>,
    pub attributes: serde_json::Value,
    /// That it bears from the start.
    pub tags: Vec<TagId>,
}
