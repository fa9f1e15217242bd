//! Identities. A noun has a UUIDv7, made by the host and never reused, and a number per noun for dialects that show integers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
pub use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new identity, ordered by time.
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl From<$name> for Reference<$name> {
            fn from(id: $name) -> Self {
                Self::Id(id)
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )*};
}

ids! {
    TargetId,
    LocationId,
    PoolId,
    SpaceId,
    EntryId,
    ReplicaId,
    /// A definition of work: what a job runs.
    DefinitionId,
    JobId,
    ScanId,
    UserId,
    ApiKeyId,
    GrantId,
    ServerId,
    DriveId,
    SnapshotId,
    MachineId,
    TagId,
    LibraryId,
    TapeDriveId,
    GroupId,
    SiteId,
    /// A worker of a site.
    NodeId,
    QueueId,
    ExternalTargetId,
    WorkflowId,
    TaskId,
}

/// The integer a dialect shows; unique and never reused within its noun.
pub type Number = i64;

/// How a caller points at a noun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference<I> {
    Id(I),
    Number(Number),
    /// As a path segment holds it: digits are a number before they are a name; a noun without unique names takes the newest of
    /// that name.
    Given(String),
}

impl<I> From<Number> for Reference<I> {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

impl<I> From<&str> for Reference<I> {
    fn from(text: &str) -> Self {
        Self::Given(text.to_owned())
    }
}
