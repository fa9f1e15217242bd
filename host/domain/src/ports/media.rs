//! Tape libraries of a target, as the host's floors see them.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{LocationInfo, NamedValues};
use crate::content::{Body, Content};
use crate::failure::Outcome;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LibraryInfo {
    /// What it is called for ever, as a rule its serial number.
    pub name: String,
    pub vendor: String,
    pub product: String,
    pub extras: NamedValues,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ElementKind {
    /// What carries.
    Arm,
    Slot,
    MailSlot,
    Drive,
}

/// A place in a library, and what lies there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElementInfo {
    pub address: u32,
    pub kind: ElementKind,
    pub full: bool,
    /// The label of what lies here; none: nothing does, or it has none that can be read.
    pub cartridge: Option<String>,
    /// Of a drive: its name.
    pub drive: Option<String>,
    pub extras: NamedValues,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ElementPage {
    pub elements: Vec<ElementInfo>,
    pub next: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TapeDriveInfo {
    pub name: String,
    pub vendor: String,
    pub product: String,
    /// Where it stands, if a robot serves it.
    pub library: Option<String>,
    pub element: Option<u32>,
    /// The label of what is in.
    pub cartridge: Option<String>,
    /// Something is in and can be read.
    pub ready: bool,
    pub extras: NamedValues,
}

/// Bytes; none for what the drive does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionInfo {
    pub capacity: Option<u64>,
    pub remaining: Option<u64>,
}

/// What is in a drive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediumInfo {
    pub cartridge: Option<String>,
    pub write_protected: bool,
    /// Bytes of a block.
    pub block_minimum: u32,
    pub block_maximum: u32,
    pub partitions: Vec<PartitionInfo>,
    /// By their registered names.
    pub counters: NamedValues,
    pub extras: NamedValues,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Information,
    Warning,
    Critical,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaAlert {
    /// The number that TapeAlert gives it.
    pub flag: u32,
    pub severity: Severity,
    pub name: String,
}

/// Of a drive, or of a library.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaHealth {
    pub alerts: Vec<MediaAlert>,
    pub counters: NamedValues,
    pub extras: NamedValues,
}

/// Between two objects of a partition. Blocks and filemarks are objects, and are numbered together from 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TapePlace {
    pub partition: u32,
    /// The one that is read or written next.
    pub object: u64,
    /// What the last way here ended at: "filemark", "end-of-data", "beginning".
    pub met: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spacing {
    Blocks,
    Filemarks,
    EndOfData,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Bytes of the content, in whole blocks: fewer than all only where the medium is full.
    pub bytes: u64,
    /// Behind the last block, or the last filemark.
    pub place: TapePlace,
    /// There is room for little more.
    pub near_end: bool,
    pub extras: NamedValues,
}

/// Where and how content is laid down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Laying {
    pub partition: u32,
    pub object: u64,
    /// What lies behind goes; otherwise the data ends here, or it is a conflict.
    pub truncate: bool,
    /// Bytes of each block.
    pub block: u32,
    /// Written behind the content.
    pub filemarks: u32,
}

/// Paths that one plan of reading orders; more are invalid.
pub const PLANNED_PATHS: usize = 4096;

/// `capstan:target/media`.
#[async_trait]
pub trait Media: Send + Sync {
    async fn list_locations(&self) -> Outcome<Vec<LocationInfo>>;
    async fn list_libraries(&self) -> Outcome<Vec<LibraryInfo>>;
    async fn list_elements(&self, library: &str, after: Option<&str>, limit: u32) -> Outcome<ElementPage>;
    async fn list_drives(&self) -> Outcome<Vec<TapeDriveInfo>>;
    async fn take_inventory(&self, library: &str, attempt: &str) -> Outcome<()>;
    async fn move_cartridge(&self, library: &str, cartridge: &str, to: u32, attempt: &str) -> Outcome<ElementInfo>;
    async fn eject_cartridge(&self, library: &str, cartridge: &str, attempt: &str) -> Outcome<ElementInfo>;
    async fn admit_cartridge(&self, library: &str, mail_slot: u32, attempt: &str) -> Outcome<ElementInfo>;

    async fn load(&self, cartridge: &str, drive: Option<&str>, attempt: &str) -> Outcome<TapeDriveInfo>;
    async fn unload(&self, drive: &str, attempt: &str) -> Outcome<()>;
    async fn inspect(&self, drive: &str) -> Outcome<MediumInfo>;
    async fn examine(&self, name: &str) -> Outcome<MediaHealth>;

    /// The order in which these files of the cartridge are read soonest, as indexes into `paths`: each once. Up to `PLANNED_PATHS`.
    async fn plan_reading(&self, cartridge: &str, paths: &[String]) -> Outcome<Vec<u32>>;

    async fn position(&self, drive: &str) -> Outcome<TapePlace>;
    async fn locate(&self, drive: &str, partition: u32, object: u64) -> Outcome<TapePlace>;
    async fn space(&self, drive: &str, by: Spacing, count: i64) -> Outcome<TapePlace>;
    /// The place is where the body begins; where it ended, `position` tells.
    async fn read(&self, drive: &str, partition: u32, object: u64, length: u64) -> Outcome<(TapePlace, Body)>;
    async fn write(&self, drive: &str, laying: Laying, content: Content, attempt: &str) -> Outcome<Written>;
    async fn synchronize(&self, drive: &str) -> Outcome<TapePlace>;
    async fn format(&self, drive: &str, label: &str, attempt: &str, extras: NamedValues) -> Outcome<MediumInfo>;
}
