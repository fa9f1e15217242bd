//! Block volumes of a target, as the host's floors see them.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{LocationInfo, NamedValues};
use crate::content::{Body, Content};
use crate::failure::Outcome;

/// A drive as its engine tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriveInfo {
    /// The host's name for it; [a-z0-9-], 1 to 64 bytes.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Bytes it takes in the engine.
    pub used: Option<u64>,
    /// Nanoseconds since 1970.
    pub created: Option<i64>,
    pub extras: NamedValues,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DrivePage {
    pub drives: Vec<DriveInfo>,
    pub next: Option<String>,
}

/// Bytes, all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriveLimits {
    pub minimum: u64,
    pub maximum: u64,
    /// Sizes are multiples of it.
    pub granularity: u64,
    /// Offsets and lengths of what is read and written are multiples of it.
    pub block: u32,
    pub extras: NamedValues,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotInfo {
    pub name: String,
    /// Bytes of the drive when it was taken.
    pub size: u64,
    /// Nanoseconds since 1970.
    pub created: Option<i64>,
    pub extras: NamedValues,
}

impl SnapshotInfo {
    /// Bytes that it takes in the engine, if that tells.
    pub fn used(&self) -> Option<u64> {
        self.extras.iter().find(|(name, _)| name == "used").and_then(|(_, bytes)| bytes.parse().ok())
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnapshotPage {
    pub snapshots: Vec<SnapshotInfo>,
    pub next: Option<String>,
}

/// A range that may hold data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    pub offset: u64,
    pub length: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtentPage {
    /// Ordered and apart.
    pub extents: Vec<Extent>,
    /// The offset to go on from.
    pub next: Option<u64>,
}

/// Where the host itself reaches a drive's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// A file below a directory that was granted to the target under the name `root`.
    File { root: String, path: String },
    /// An export of an NBD server that the target may connect to.
    Nbd { host: String, port: u16, export: String },
    /// By `read` and `write` of the facet alone.
    Calls,
}

/// What a clone is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloneSource<'a> {
    pub name: &'a str,
    /// None: the drive as it is now.
    pub snapshot: Option<&'a str>,
    /// Bytes of it, which the call is given time for: where the target has no other way, it copies them.
    pub size: u64,
}

/// `capstan:target/drives`.
#[async_trait]
pub trait Drives: Send + Sync {
    async fn list_locations(&self) -> Outcome<Vec<LocationInfo>>;
    async fn limits(&self, location: &str) -> Outcome<DriveLimits>;
    async fn get(&self, location: &str, name: &str) -> Outcome<DriveInfo>;
    async fn list(&self, location: &str, after: Option<&str>, limit: u32) -> Outcome<DrivePage>;
    async fn create(&self, location: &str, name: &str, size: u64, attempt: &str, extras: NamedValues) -> Outcome<DriveInfo>;
    async fn resize(&self, location: &str, name: &str, size: u64, attempt: &str) -> Outcome<DriveInfo>;
    async fn clone_drive(
        &self,
        location: &str,
        source: CloneSource<'_>,
        to: &str,
        attempt: &str,
        extras: NamedValues,
    ) -> Outcome<DriveInfo>;
    async fn delete(&self, location: &str, name: &str, attempt: &str) -> Outcome<()>;

    async fn take_snapshot(&self, location: &str, name: &str, snapshot: &str, attempt: &str) -> Outcome<SnapshotInfo>;
    async fn list_snapshots(&self, location: &str, name: &str, after: Option<&str>, limit: u32) -> Outcome<SnapshotPage>;
    async fn restore_snapshot(&self, location: &str, name: &str, snapshot: &str, attempt: &str) -> Outcome<DriveInfo>;
    async fn delete_snapshot(&self, location: &str, name: &str, snapshot: &str, attempt: &str) -> Outcome<()>;

    async fn read(&self, location: &str, name: &str, offset: u64, length: u64) -> Outcome<(DriveInfo, Body)>;
    async fn write(&self, location: &str, name: &str, offset: u64, content: Content, attempt: &str) -> Outcome<()>;
    async fn discard(&self, location: &str, name: &str, offset: u64, length: u64, attempt: &str) -> Outcome<()>;
    async fn flush(&self, location: &str, name: &str) -> Outcome<()>;
    async fn extents(&self, location: &str, name: &str, offset: u64, length: u64, limit: u32) -> Outcome<ExtentPage>;

    async fn attach(&self, location: &str, name: &str, read_only: bool, attempt: &str) -> Outcome<Attachment>;
    async fn detach(&self, location: &str, name: &str, attempt: &str) -> Outcome<()>;
}
