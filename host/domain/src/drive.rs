//! A drive: a block volume of an owner, in one target's location, and its snapshots.
//!
//! What a drive is doing is its state; a job does it, and was recorded with the state in one transaction. Whether somebody has it
//! mounted is not a state of the drive: machines that list it, and attachments, tell.

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::ids::{DriveId, JobId, Number, SnapshotId, TagId, TargetId, UserId};
use crate::time::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Media {
    Disk,
    Cdrom,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriveState {
    /// Recorded; its volume is being made.
    Creating,
    /// Recorded; the bytes of another are on their way.
    Cloning,
    /// There, and an image is being put into it.
    Uploading,
    /// There; it is made larger, or gets a snapshot's bytes back. `size` is the old one until that is done.
    Resizing,
    Ready,
    /// Told to go; nobody sees it any more.
    Deleting,
    /// What was to make it failed, or its volume is not found. `failure` says why. It can be deleted.
    Unavailable,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Drive {
    pub id: DriveId,
    pub number: Number,
    pub owner: UserId,
    /// Not unique.
    pub name: String,
    pub media: Media,
    /// Bytes.
    pub size: u64,
    /// Id of the plugin behind it: "nvme", "dssd", "zadara", …
    pub storage_type: String,
    pub target: TargetId,
    pub location: String,
    pub state: DriveState,
    pub failure: Option<Failure>,
    /// Several machines may list it.
    pub allow_multimount: bool,
    /// What a dialect keeps beside it and only that dialect reads.
    pub attributes: serde_json::Value,
    pub created: Timestamp,
    pub updated: Timestamp,
}

impl Drive {
    /// What the drive is called in its target, for ever.
    pub fn volume(&self) -> String {
        volume(self.id)
    }
}

/// The name of a drive's volume in its target.
pub fn volume(id: DriveId) -> String {
    format!("capstan-{id}")
}

#[derive(Clone, Debug)]
pub struct NewDrive {
    pub id: DriveId,
    pub owner: UserId,
    pub name: String,
    pub media: Media,
    pub size: u64,
    pub storage_type: String,
    pub target: TargetId,
    pub location: String,
    /// `Creating`, `Cloning` or `Uploading`.
    pub state: DriveState,
    pub allow_multimount: bool,
    pub attributes: serde_json::Value,
    /// That it bears from the start.
    pub tags: Vec<TagId>,
}

/// What changes of a drive without work behind it; what is none stays as it is.
#[derive(Clone, Debug, Default)]
pub struct DriveEdit {
    pub name: Option<String>,
    pub media: Option<Media>,
    pub allow_multimount: Option<bool>,
    pub attributes: Option<serde_json::Value>,
}

/// What the work on a drive or a snapshot came to.
#[derive(Clone, Debug)]
pub struct ChangeOutcome<State> {
    pub state: State,
    /// Bytes. None: a drive is as large as it was, a snapshot as recorded when it was asked for.
    pub size: Option<u64>,
    /// Why it is not as asked; none clears what was there.
    pub failure: Option<Failure>,
}

/// What a job does to a drive; stored with the job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "to")]
pub enum DriveChange {
    Create,
    /// Gives it these bytes: within a target by the target's own way, else through the host.
    Clone {
        source: DriveId,
        snapshot: Option<SnapshotId>,
    },
    Resize {
        size: u64,
    },
    Delete,
    TakeSnapshot {
        snapshot: SnapshotId,
    },
    RestoreSnapshot {
        snapshot: SnapshotId,
    },
    DeleteSnapshot {
        snapshot: SnapshotId,
    },
}

/// How a drive takes part in a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriveRole {
    /// It is changed.
    Subject,
    /// It is read.
    Source,
}

/// A job that a drive takes part in.
#[derive(Clone, Debug)]
pub struct DriveJob {
    pub drive: DriveId,
    pub job: JobId,
    pub role: DriveRole,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotState {
    Creating,
    Ready,
    Deleting,
    Unavailable,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    pub id: SnapshotId,
    pub number: Number,
    pub drive: DriveId,
    pub owner: UserId,
    pub name: String,
    /// Bytes of the drive when it was taken.
    pub size: u64,
    /// Bytes it took in its target when it was taken; none while that is not known, or where the target does not tell.
    #[serde(default)]
    pub used: Option<u64>,
    pub state: SnapshotState,
    pub failure: Option<Failure>,
    pub attributes: serde_json::Value,
    pub created: Timestamp,
    pub updated: Timestamp,
}

impl Snapshot {
    /// What the snapshot is called in its target, for ever.
    pub fn volume(&self) -> String {
        format!("capstan-{}", self.id)
    }
}

#[derive(Clone, Debug)]
pub struct NewSnapshot {
    pub id: SnapshotId,
    pub drive: DriveId,
    pub owner: UserId,
    pub name: String,
    pub size: u64,
    pub attributes: serde_json::Value,
    /// That it bears from the start.
    pub tags: Vec<TagId>,
}

/// What changes of a snapshot without work behind it; what is none stays as it is.
#[derive(Clone, Debug, Default)]
pub struct SnapshotEdit {
    pub name: Option<String>,
    pub attributes: Option<serde_json::Value>,
}

/// How many users of a remote desktop service a drive is licensed for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriveUser {
    pub drive: DriveId,
    /// The drive's.
    pub owner: UserId,
    pub amount: u64,
}

/// How far an image has come that is put into a drive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriveUpload {
    pub drive: DriveId,
    /// Bytes of the whole image.
    pub size: u64,
    /// Bytes that are in the drive for good, from the first on.
    pub received: u64,
    pub updated: Timestamp,
}

/// That the host lets somebody reach a drive's bytes. It is mounted as long as there is one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DriveAttachment {
    pub drive: DriveId,
    /// Where: "unix:/path", "tcp:ADDR:PORT".
    pub address: String,
    pub read_only: bool,
    pub created: Timestamp,
}
