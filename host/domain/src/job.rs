//! Durable work: a definition says what to do, a job is one run of it, outcomes say what became of each path.

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::ids::{DefinitionId, JobId, Number};
use crate::time::Timestamp;

/// What a dialect's user set up to be run, possibly often.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Definition {
    pub id: DefinitionId,
    pub number: Number,
    /// Not unique.
    pub name: String,
    pub comment: Option<String>,
    /// "active_archive", "data_migration", …; the dialect checks it.
    pub workflow: String,
    /// "copy", "move", "scan", "erase", "format", "ejection", "get_index", "duplication",
    /// "check_consistency".
    pub action: String,
    /// False keeps the scheduler off it.
    pub active: bool,
    pub options: serde_json::Value,
    pub attributes: serde_json::Value,
    /// The newest job of it.
    pub job: Option<JobId>,
    pub status: JobState,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// Whether an end is where bytes come from or where they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    Source,
    Destination,
}

/// A source or a destination of a definition.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Endpoint {
    pub number: Number,
    pub definition: DefinitionId,
    pub definition_number: Number,
    pub end: End,
    /// What the client gave, in the dialect's own words, repeated in its answers.
    pub given: serde_json::Value,
    pub place: Place,
}

/// Where bytes lie, resolved: a path in a space, in a primary pool, or in a pool's locations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "in")]
pub enum Place {
    Space { space: crate::ids::SpaceId, path: String },
    Pool { pool: crate::ids::PoolId, path: String },
    Location { location: crate::ids::LocationId, path: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// A definition that was never run.
    NotActivated,
    Queued,
    /// Finding out what there is to do.
    Calculating,
    Running,
    Paused,
    Done,
    /// Some path failed or was skipped (D11).
    DoneWithWarnings,
    Failed,
    StoppedByUser,
    StoppedBySystem,
}

impl JobState {
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::DoneWithWarnings | Self::Failed | Self::StoppedByUser | Self::StoppedBySystem)
    }
}

/// What somebody wants of a running job; the worker sees it within a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    Pause,
    Resume,
    Stop,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub files_to_process: u64,
    pub bytes_to_process: u64,
    pub files_processed: u64,
    pub bytes_processed: u64,
    /// Durable and, where asked for, verified.
    pub files_finalized: u64,
    pub bytes_finalized: u64,
    pub files_failed: u64,
    /// Over the last seconds.
    pub bytes_per_second: u64,
    /// Milliseconds left, estimated.
    pub remaining_ms: Option<u64>,
}

/// Whose workers take a job up, so that what somebody waits for does not stand behind hours of copying.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Asks targets for something; no bytes go through the host.
    Brief,
    /// Moves bytes or reads trees, which may take hours.
    Long,
}

/// One run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    pub id: JobId,
    pub number: Number,
    pub definition: Option<DefinitionId>,
    pub definition_number: Option<Number>,
    pub name: String,
    pub work: Work,
    pub lane: Lane,
    pub state: JobState,
    pub requested: Option<Request>,
    pub progress: Progress,
    /// How often a worker took it up: 1, or more after a crash.
    pub attempt: u32,
    pub failure: Option<Failure>,
    /// What the work answers, for the kinds that answer something.
    pub answer: Option<serde_json::Value>,
    pub created: Timestamp,
    pub started: Option<Timestamp>,
    pub finished: Option<Timestamp>,
}

/// What a job does; stored with it, so that it can be taken up again by another process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Work {
    /// Copies or moves trees.
    Transfer {
        sources: Vec<Place>,
        destinations: Vec<Place>,
        remove_source: bool,
        verify: Verify,
        options: TransferOptions,
    },
    Erase {
        places: Vec<Place>,
    },
    /// Crawls trees into the catalogue.
    Scan {
        places: Vec<Place>,
    },
    /// Crawls a primary pool as often as its scan says: only what changed, where that can be told and everything was looked at not long
    /// ago.
    Rescan {
        pool: crate::ids::PoolId,
    },
    /// Probes an unsaved target; the answer is the list of its locations. The configuration stays in memory (it holds secrets),
    /// so such a job fails with `StoppedBySystem` after a restart.
    Probe {
        plugin: String,
    },
    /// Changes a drive, or one of its snapshots.
    Drive {
        drive: crate::ids::DriveId,
        change: crate::drive::DriveChange,
    },
    /// Takes the locations of a target over into the catalogue.
    SyncLocations {
        target: crate::ids::TargetId,
    },
    /// Asks every target for its tape libraries; the answer is a list of `FoundLibrary`.
    FindLibraries {},
    /// Looks what a tape library holds, and takes it over into the catalogue.
    TakeInventory {
        library: crate::ids::LibraryId,
    },
    /// Leaves nothing on cartridges but a label.
    FormatCartridges {
        cartridges: Vec<crate::ids::LocationId>,
        /// Where they go then; none: they stay in the pool they are in.
        scratch: Option<crate::ids::PoolId>,
        /// Also where copies are recorded.
        force: bool,
    },
    /// Carries cartridges to mail slots.
    EjectCartridges {
        cartridges: Vec<crate::ids::LocationId>,
    },
    /// Reads which files are on cartridges, and records those that nobody knew.
    ReadIndexes {
        cartridges: Vec<crate::ids::LocationId>,
        /// Where these become entries; none: in the pool of each cartridge.
        #[serde(default)]
        into: Option<Place>,
    },
    /// Reads the files on cartridges and compares them with what is recorded.
    CheckCartridges {
        cartridges: Vec<crate::ids::LocationId>,
    },
    /// Runs a workflow. Its tasks are taken up one by one, the job itself by nobody.
    Workflow {
        /// As it was when the job was made.
        definition: serde_json::Value,
        /// Fields, globs and options of the call.
        call: serde_json::Value,
    },
}

impl Work {
    /// The lane that its job begins in. Whether a clone has to go through the host shows when its job is taken up: then it goes over
    /// to the long one.
    pub fn lane(&self) -> Lane {
        match self {
            Self::Transfer { .. }
            | Self::Erase { .. }
            | Self::Scan { .. }
            | Self::Rescan { .. }
            | Self::ReadIndexes { .. }
            | Self::CheckCartridges { .. }
            | Self::Workflow { .. } => Lane::Long,
            Self::Probe { .. }
            | Self::Drive { .. }
            | Self::SyncLocations { .. }
            | Self::FindLibraries {}
            | Self::TakeInventory { .. }
            | Self::FormatCartridges { .. }
            | Self::EjectCartridges { .. } => Lane::Brief,
        }
    }
}

/// How a copy is proved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verify {
    /// The target's own checksum or size, as far as it goes.
    Claim,
    /// Every byte is read back from the target and hashed.
    #[default]
    ReadBack,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferOptions {
    /// Bytes a second; none: unlimited.
    pub bandwidth: Option<u64>,
    pub storage_class: Option<String>,
    /// Overwrite a destination that differs; false: such a path is a warning.
    pub overwrite: bool,
    /// Where `overwrite` is false: store it beside what differs, under a name with a number.
    #[serde(default)]
    pub rename: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathState {
    Done,
    /// Was there already, identical.
    Unchanged,
    /// Left out on purpose, with the reason; a warning.
    Skipped,
    Failed,
}

/// What became of one path of a job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PathOutcome {
    pub job: JobId,
    pub path: String,
    pub state: PathState,
    pub bytes: u64,
    pub failure: Option<Failure>,
    pub finished: Timestamp,
}

#[derive(Clone, Debug)]
pub struct NewDefinition {
    pub name: String,
    pub comment: Option<String>,
    pub workflow: String,
    pub action: String,
    pub active: bool,
    pub options: serde_json::Value,
    pub attributes: serde_json::Value,
}

#[derive(Clone, Debug)]
pub struct NewEndpoint {
    pub definition: DefinitionId,
    pub end: End,
    pub given: serde_json::Value,
    pub place: Place,
}

#[derive(Clone, Debug)]
pub struct NewJob {
    pub definition: Option<DefinitionId>,
    pub name: String,
    pub work: Work,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::DriveChange;
    use crate::ids::{DriveId, LibraryId, PoolId, SnapshotId, TargetId};

    #[test]
    fn what_moves_bytes_or_reads_trees_is_long() {
        let transfer = Work::Transfer {
            sources: Vec::new(),
            destinations: Vec::new(),
            remove_source: false,
            verify: Verify::ReadBack,
            options: TransferOptions::default(),
        };
        let (erase, scan) = (Work::Erase { places: Vec::new() }, Work::Scan { places: Vec::new() });
        let index = Work::ReadIndexes { cartridges: Vec::new(), into: None };
        let check = Work::CheckCartridges { cartridges: Vec::new() };
        let workflow = Work::Workflow { definition: serde_json::Value::Null, call: serde_json::Value::Null };
        for work in [transfer, erase, scan, index, check, workflow, Work::Rescan { pool: PoolId::new() }] {
            assert_eq!(work.lane(), Lane::Long, "{work:?}");
        }
    }

    #[test]
    fn what_asks_targets_for_something_is_brief() {
        let (drive, snapshot) = (DriveId::new(), SnapshotId::new());
        for change in [
            DriveChange::Create,
            DriveChange::Clone { source: DriveId::new(), snapshot: None },
            DriveChange::Resize { size: 1 },
            DriveChange::Delete,
            DriveChange::TakeSnapshot { snapshot },
            DriveChange::RestoreSnapshot { snapshot },
            DriveChange::DeleteSnapshot { snapshot },
        ] {
            assert_eq!(Work::Drive { drive, change: change.clone() }.lane(), Lane::Brief, "{change:?}");
        }
        let (probe, sync) = (Work::Probe { plugin: "s3".to_owned() }, Work::SyncLocations { target: TargetId::new() });
        assert_eq!([probe.lane(), sync.lane()], [Lane::Brief; 2]);
        let cartridges = Vec::new();
        for work in [
            Work::FindLibraries {},
            Work::TakeInventory { library: LibraryId::new() },
            Work::FormatCartridges { cartridges: cartridges.clone(), scratch: None, force: false },
            Work::EjectCartridges { cartridges },
        ] {
            assert_eq!(work.lane(), Lane::Brief, "{work:?}");
        }
    }
}
