//! The states of a file whose content may lie elsewhere.

use serde::{Deserialize, Serialize};

use crate::entry::EntryKind;
use crate::failure::Failure;
use crate::ids::{EntryId, Number, ReplicaId, SpaceId};
use crate::time::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileState {
    /// The content is in the tree, and no copy of it counts.
    Resident,
    /// It is in the tree, and a verified copy is elsewhere.
    Premigrated,
    /// A stub: the content is elsewhere only.
    Migrated,
    /// A stub that is being filled.
    Recalling,
}

impl FileState {
    pub const ALL: [Self; 4] = [Self::Resident, Self::Premigrated, Self::Migrated, Self::Recalling];

    /// The content is in the tree.
    pub fn is_here(self) -> bool {
        matches!(self, Self::Resident | Self::Premigrated)
    }

    /// It rests on a copy elsewhere.
    pub fn needs_copy(self) -> bool {
        self != Self::Resident
    }
}

/// A file in another state than resident, or that something went wrong with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StatefulFile {
    pub entry: EntryId,
    pub entry_number: Number,
    pub space: Option<SpaceId>,
    pub path: String,
    pub kind: EntryKind,
    pub size: u64,
    pub state: FileState,
    /// The copy that the state rests on; none for a resident file, or when that copy is lost.
    pub replica: Option<ReplicaId>,
    /// Bytes at the beginning that stay on the disk when the rest is elsewhere.
    pub leading: u64,
    /// What went wrong last; none: nothing since the state was set.
    pub failure: Option<Failure>,
    pub changed: Timestamp,
}

/// The state of the file at a path of a tree, to be recorded.
#[derive(Clone, Debug)]
pub struct NewFileState {
    pub path: String,
    pub state: FileState,
    /// None: the oldest verified copy of the file's content.
    pub replica: Option<ReplicaId>,
    pub leading: u64,
    pub failure: Option<Failure>,
}

/// How many files of a tree are in which state, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateCounts {
    pub resident: StateCount,
    pub premigrated: StateCount,
    pub migrated: StateCount,
    pub recalling: StateCount,
    /// Of all of these: something went wrong with them.
    pub failed: StateCount,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateCount {
    pub files: u64,
    pub bytes: u64,
}

impl StateCounts {
    pub fn of(&mut self, state: FileState) -> &mut StateCount {
        match state {
            FileState::Resident => &mut self.resident,
            FileState::Premigrated => &mut self.premigrated,
            FileState::Migrated => &mut self.migrated,
            FileState::Recalling => &mut self.recalling,
        }
    }
}
