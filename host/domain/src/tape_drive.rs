//! A tape drive of a library, as it was last seen.

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::ids::{LibraryId, Number, TapeDriveId, TargetId};
use crate::time::Timestamp;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DriveState {
    #[default]
    Ok,
    /// It does not answer, or says that it is broken.
    Failed,
    Cleaning,
    /// It asks for a cleaning cartridge.
    CleaningNeeded,
    /// The last inventory did not find it.
    Absent,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TapeDrive {
    pub id: TapeDriveId,
    pub number: Number,
    pub target: TargetId,
    pub library: LibraryId,
    pub library_number: Number,
    /// As people call it; its serial number until somebody says otherwise.
    pub name: String,
    /// As the target calls it for ever; unique within the target.
    pub serial: String,
    pub vendor: String,
    pub product: String,
    /// Of its firmware.
    pub revision: Option<String>,
    /// Address of its element.
    pub element: Option<u32>,
    pub state: DriveState,
    /// Something is in and can be read.
    pub ready: bool,
    /// The label of what is in.
    pub cartridge: Option<String>,
    /// Times that something was seen to come in.
    pub loads: u64,
    /// False: the host leaves it to others.
    pub registered: bool,
    /// When a cleaning cartridge was last put in.
    pub cleaned: Option<Timestamp>,
    /// Why that did not clean it.
    pub cleaning_failure: Option<Failure>,
    pub attributes: serde_json::Value,
    pub seen: Timestamp,
    pub created: Timestamp,
    pub updated: Timestamp,
}

impl TapeDrive {
    /// It answered at the last look.
    pub fn is_online(&self) -> bool {
        matches!(self.state, DriveState::Ok | DriveState::Cleaning | DriveState::CleaningNeeded)
    }
}
