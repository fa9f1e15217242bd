//! What the inner floors ask of a target. The runtime implements these over sandboxed plugins; tests implement them natively.
//!
//! One trait per facet of `capstan:target`, with the same functions, units and promises; `wit/capstan-target` says them in full. Every mutation carries `attempt`,
//! its idempotency key. Implementations check a plugin's claims (size, digest) as far as the answer itself allows; proof is the
//! mover's, by reading back.

mod drives;
mod media;

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::content::{Body, Content};
use crate::failure::Outcome;
use crate::ids::TargetId;

pub use drives::{
    Attachment, CloneSource, DriveInfo, DriveLimits, DrivePage, Drives, Extent, ExtentPage, SnapshotInfo, SnapshotPage,
};
pub use media::{
    ElementInfo, ElementKind, ElementPage, Laying, LibraryInfo, Media, MediaAlert, MediaHealth, MediumInfo, PLANNED_PATHS,
    PartitionInfo, Severity, Spacing, TapeDriveInfo, TapePlace, Written,
};

/// Open sets travel as named values; the names are registered in `wit/CAPABILITIES.md`.
pub type NamedValues = Vec<(String, String)>;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    pub algorithm: String,
    pub value: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocationInfo {
    pub name: String,
    /// Nanoseconds since 1970.
    pub created: Option<i64>,
    pub extras: NamedValues,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeReport {
    pub latency_us: u64,
    pub clock_skew_ms: Option<i64>,
    pub locations: Vec<LocationInfo>,
    pub extras: NamedValues,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consumption {
    pub used: Option<u64>,
    pub capacity: Option<u64>,
    pub objects: Option<u64>,
    pub extras: NamedValues,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    pub key: String,
    pub size: u64,
    /// Nanoseconds since 1970.
    pub modified: Option<i64>,
    pub etag: Option<String>,
    pub version: Option<String>,
    pub checksums: Vec<Checksum>,
    pub metadata: NamedValues,
    pub extras: NamedValues,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectEntry {
    pub key: String,
    pub size: u64,
    pub modified: i64,
    pub etag: Option<String>,
    pub extras: NamedValues,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectPage {
    pub entries: Vec<ObjectEntry>,
    pub prefixes: Vec<String>,
    pub next: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    pub offset: u64,
    pub length: Option<u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutOptions {
    pub content_type: Option<String>,
    pub if_match: Option<String>,
    pub if_absent: bool,
    pub metadata: NamedValues,
    pub checksums: Vec<Checksum>,
    pub extras: NamedValues,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GetOptions {
    pub if_match: Option<String>,
    pub version: Option<String>,
    pub extras: NamedValues,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListOptions {
    pub prefix: String,
    pub delimiter: Option<String>,
    pub after: Option<String>,
    pub limit: u32,
    pub extras: NamedValues,
}

/// What became of one of many: `Ok` or why not.
#[derive(Debug)]
pub struct KeyOutcome {
    pub key: String,
    pub result: Outcome<()>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    pub id: String,
    pub part_size: u64,
    pub extras: NamedValues,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// From 1.
    pub number: u32,
    pub size: u64,
    pub etag: String,
    pub checksums: Vec<Checksum>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    File,
    Directory,
    Symlink,
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub name: String,
    pub kind: NodeKind,
    pub size: u64,
    /// Nanoseconds since 1970.
    pub modified: i64,
    pub mode: Option<u32>,
    pub owner: Option<String>,
    pub group: Option<String>,
    pub id: Option<String>,
    pub link: Option<String>,
    pub extras: NamedValues,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodePage {
    pub nodes: Vec<Node>,
    pub next: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    pub modified: Option<i64>,
    pub mode: Option<u32>,
    pub owner: Option<String>,
    pub group: Option<String>,
    pub extras: NamedValues,
}

/// `capstan:target/objects`.
#[async_trait]
pub trait Objects: Send + Sync {
    async fn list_locations(&self) -> Outcome<Vec<LocationInfo>>;
    async fn create_location(&self, name: &str, attempt: &str, extras: NamedValues) -> Outcome<LocationInfo>;
    async fn delete_location(&self, name: &str, attempt: &str) -> Outcome<()>;
    async fn put(&self, location: &str, key: &str, content: Content, attempt: &str, options: PutOptions) -> Outcome<Object>;
    async fn get(&self, location: &str, key: &str, range: Option<ByteRange>, options: GetOptions) -> Outcome<(Object, Body)>;
    async fn head(&self, location: &str, key: &str, options: GetOptions) -> Outcome<Object>;
    async fn list(&self, location: &str, options: ListOptions) -> Outcome<ObjectPage>;
    async fn delete_many(&self, location: &str, keys: Vec<String>, attempt: &str) -> Outcome<Vec<KeyOutcome>>;
    async fn copy(&self, source: (&str, &str), destination: (&str, &str), attempt: &str, options: PutOptions) -> Outcome<Object>;
    async fn restore(&self, location: &str, key: &str, days: u32, attempt: &str, extras: NamedValues) -> Outcome<Object>;
}

/// `capstan:target/uploads`.
#[async_trait]
pub trait Uploads: Send + Sync {
    async fn begin(&self, location: &str, key: &str, size: u64, attempt: &str, options: PutOptions) -> Outcome<Upload>;
    /// `range`: offset and length of the part in `content`.
    async fn put_part(
        &self,
        location: &str,
        key: &str,
        upload: &str,
        number: u32,
        content: Content,
        range: (u64, u64),
    ) -> Outcome<Part>;
    async fn list_parts(&self, location: &str, key: &str, upload: &str, after: u32, limit: u32) -> Outcome<Vec<Part>>;
    async fn complete(
        &self,
        location: &str,
        key: &str,
        upload: &str,
        parts: Vec<Part>,
        attempt: &str,
        options: PutOptions,
    ) -> Outcome<Object>;
    async fn abort(&self, location: &str, key: &str, upload: &str) -> Outcome<()>;
}

/// `capstan:target/files`.
#[async_trait]
pub trait Files: Send + Sync {
    async fn list_locations(&self) -> Outcome<Vec<LocationInfo>>;
    async fn stat(&self, location: &str, path: &str) -> Outcome<Node>;
    async fn read_directory(&self, location: &str, path: &str, after: Option<&str>, limit: u32) -> Outcome<NodePage>;
    async fn read(&self, location: &str, path: &str, range: Option<ByteRange>) -> Outcome<(Node, Body)>;
    async fn write(&self, location: &str, path: &str, content: Content, attempt: &str, options: PutOptions) -> Outcome<Node>;
    async fn make_directory(&self, location: &str, path: &str, attempt: &str) -> Outcome<()>;
    async fn remove(&self, location: &str, path: &str, attempt: &str) -> Outcome<()>;
    async fn rename(&self, location: &str, path: &str, to: &str, replace: bool, attempt: &str) -> Outcome<()>;
    async fn set_attributes(&self, location: &str, path: &str, attributes: Attributes, attempt: &str) -> Outcome<Node>;
    async fn make_link(&self, location: &str, path: &str, target: &str, attempt: &str) -> Outcome<Node>;
    async fn get_xattrs(&self, location: &str, path: &str) -> Outcome<Vec<(String, Vec<u8>)>>;
    async fn set_xattr(&self, location: &str, path: &str, name: &str, value: Option<Vec<u8>>, attempt: &str) -> Outcome<()>;
    async fn get_acl(&self, location: &str, path: &str) -> Outcome<String>;
    async fn set_acl(&self, location: &str, path: &str, acl: &str, attempt: &str) -> Outcome<()>;
    async fn sync(&self, location: &str, path: &str) -> Outcome<()>;
}

/// A configured target that can be called. Cheap to clone and to hold: a swap of the plugin changes what is behind it.
#[async_trait]
pub trait Connection: Send + Sync {
    async fn probe(&self) -> Outcome<ProbeReport>;
    async fn usage(&self, location: Option<&str>) -> Outcome<Consumption>;
    /// What the plugin said it can do.
    fn capabilities(&self) -> NamedValues;
    fn objects(&self) -> Option<Arc<dyn Objects>>;
    fn uploads(&self) -> Option<Arc<dyn Uploads>>;
    fn files(&self) -> Option<Arc<dyn Files>>;
    fn drives(&self) -> Option<Arc<dyn Drives>>;
    fn media(&self) -> Option<Arc<dyn Media>>;
}

/// Finds the connection of a configured target.
#[async_trait]
pub trait Targets: Send + Sync {
    async fn connect(&self, target: TargetId) -> Outcome<Arc<dyn Connection>>;
}

/// A value a plugin keeps, with the version it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateValue {
    pub data: Vec<u8>,
    /// From 1; every change of the key raises it, and a removed key that comes back does not repeat one.
    pub version: u64,
}

/// `capstan:host/state`: a small durable key-value store per target. Sizes are checked before it is called.
#[async_trait]
pub trait StateStore: Send + Sync {
    async fn get(&self, target: TargetId, key: &str) -> Outcome<Option<StateValue>>;
    /// `expect` none: whatever is there; 0: must be absent; n: must be version n, else `conflict`. A new key beyond `most_keys` is
    /// `no-space`. Durable when it answers the new version.
    async fn set(&self, target: TargetId, key: &str, data: Vec<u8>, expect: Option<u64>, most_keys: u64) -> Outcome<u64>;
    /// An absent key is a success unless a version was expected.
    async fn remove(&self, target: TargetId, key: &str, expect: Option<u64>) -> Outcome<()>;
    /// Keys with the prefix after `after`, ordered bytewise.
    async fn keys(&self, target: TargetId, prefix: &str, after: Option<&str>, limit: u32) -> Outcome<Vec<String>>;
}
