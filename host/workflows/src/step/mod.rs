//! Steps: what is done with a file, with arguments of the right types.
//!
//! A step comes from its template by putting the fields of a call in. The defaults are those of the Hub's documentation.

mod kind;
mod template;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use self::kind::StepKind;
pub use self::template::{Setting, StepTemplate};

/// How far a file is locked while it is worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockLevel {
    /// Against writers, as long as bytes move.
    Partial,
    /// As the operation needs by itself.
    Implicit,
    /// Not at all; what changes meanwhile is noticed, and not kept.
    None,
}

/// What is done where the destination has a file of its own that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictPreference {
    /// The one with the later mtime stays.
    Newest,
    /// The one of the site that sends stays.
    Local,
    /// The one of the destination stays, and the path is aborted.
    Ignore,
}

/// Stores a file in its external target, and frees its blocks unless `premigrate`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Migrate {
    /// Keep the content on disk.
    pub premigrate: bool,
    /// Leading bytes that stay on disk.
    pub stub_size: u64,
    /// Replace an object that is there and differs; else store beside it.
    pub overwrite: bool,
    /// A differing object is a failure.
    pub fail_on_mismatch: bool,
    pub lock_level: LockLevel,
    /// The external target by name; none: as its regex routes.
    pub endpoint: Option<String>,
    /// A path that is not there is aborted; else it has failed.
    pub abort_missing: bool,
    /// Take migrated files too; else only their attributes are stored anew.
    pub migrate_offline_files: bool,
}

impl Default for Migrate {
    fn default() -> Self {
        Self {
            premigrate: false,
            stub_size: 0,
            overwrite: false,
            fail_on_mismatch: false,
            lock_level: LockLevel::Implicit,
            endpoint: None,
            abort_missing: false,
            migrate_offline_files: false,
        }
    }
}

/// Brings the content of a file back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recall {
    /// Do not hold the whole file against its hash. Each range is verified all the same.
    pub skip_hash: bool,
    pub endpoint: Option<String>,
    pub lock_level: LockLevel,
    /// Owner of a file whose stored attributes name none.
    pub default_uid: Option<u32>,
    pub default_gid: Option<u32>,
    /// Set to now.
    pub update_atime: bool,
    pub update_mtime: bool,
    /// Remove the remote copy once the file is back.
    pub delete_remote: bool,
}

impl Default for Recall {
    fn default() -> Self {
        Self {
            skip_hash: false,
            endpoint: None,
            lock_level: LockLevel::Partial,
            default_uid: None,
            default_gid: None,
            update_atime: false,
            update_mtime: false,
            delete_remote: false,
        }
    }
}

/// Makes a file at this site out of its remote copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReverseStub {
    /// With its content; else as a stub.
    pub hydrate: bool,
    /// Replace a file that is there.
    pub overwrite: bool,
    pub skip_hash: bool,
    pub endpoint: Option<String>,
    pub lock_level: LockLevel,
    pub default_uid: Option<u32>,
    pub default_gid: Option<u32>,
    /// Decides before `overwrite`, where it is given.
    pub conflict_preference: Option<ConflictPreference>,
}

impl Default for ReverseStub {
    fn default() -> Self {
        Self {
            hydrate: false,
            overwrite: false,
            skip_hash: false,
            endpoint: None,
            lock_level: LockLevel::Implicit,
            default_uid: None,
            default_gid: None,
            conflict_preference: None,
        }
    }
}

/// Removes a path from the tree, by the recycle rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Delete {
    /// A directory with all in it; else only an empty one.
    pub recursive: bool,
}

/// Renames a path from where it was discovered to have been.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Move {
    /// Replace what has the new name.
    pub overwrite: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "name")]
pub enum Step {
    Migrate(Migrate),
    Recall(Recall),
    ReverseStub(ReverseStub),
    Delete(Delete),
    Move(Move),
}

impl Step {
    /// The type of its tasks, as lists and statistics show it.
    pub fn task_type(&self) -> &'static str {
        match self {
            Self::Migrate(Migrate { premigrate: true, .. }) => "premigrate",
            Self::Migrate(_) => "migrate",
            Self::Recall(_) => "recall",
            Self::ReverseStub(_) => "reverse_stub",
            Self::Delete(_) => "delete",
            Self::Move(_) => "move",
        }
    }
}

/// A step and where it is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundStep {
    pub step: Step,
    /// None: the site of the job.
    pub site: Option<String>,
    /// None: the default queue of that site, or the job's own where the site is the job's.
    pub queue: Option<String>,
}
