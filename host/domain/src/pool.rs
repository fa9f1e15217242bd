//! A pool: locations used as one, under the name that work refers to.

use serde::{Deserialize, Serialize};

use crate::ids::{EntryId, Number, PoolId};
use crate::time::Timestamp;

/// What a pool groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolContent {
    Tape,
    Cloud,
    Nas,
}

/// What a pool is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolRole {
    Primary,
    ActiveArchive,
    OfflineArchive,
    DataExchange,
    DataEnrichment,
    Scratch,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pool {
    pub id: PoolId,
    pub number: Number,
    /// Unique among pools.
    pub name: String,
    pub comment: Option<String>,
    pub content: PoolContent,
    pub role: PoolRole,
    /// Of tapes: one that was found full is not written to any more.
    pub protects_full: bool,
    /// The root entry in the file catalogue: of a primary pool, and of one of tapes that hold files which were found there.
    pub root: Option<EntryId>,
    pub root_number: Option<Number>,
    pub attributes: serde_json::Value,
    pub created: Timestamp,
    pub updated: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeriodUnit {
    Minutes,
    Hours,
    Days,
    Weeks,
    Months,
    Years,
}

/// The repeating crawl of a primary pool into the catalogue; at most one a pool.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scan {
    pub id: crate::ids::ScanId,
    pub number: Number,
    pub pool: PoolId,
    pub pool_number: Number,
    pub enabled: bool,
    pub operand: u32,
    pub unit: PeriodUnit,
    /// When it is due next; kept, so that a restart neither loses nor repeats one.
    pub due: Option<Timestamp>,
    pub last_started: Option<Timestamp>,
    pub last_finished: Option<Timestamp>,
    /// When one last looked at every file but the unread ones, and nothing was left unfinished since.
    pub last_complete: Option<Timestamp>,
    /// What could not be read then or since: the next one reads it, whatever else it reads.
    pub unread: crate::unread::Unread,
}

#[derive(Clone, Debug)]
pub struct NewPool {
    pub name: String,
    pub comment: Option<String>,
    pub content: PoolContent,
    pub role: PoolRole,
    pub protects_full: bool,
    pub attributes: serde_json::Value,
}
