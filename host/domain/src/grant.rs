//! Power a target holds: recorded, revocable, made by somebody at some time for some reason.

use serde::{Deserialize, Serialize};

use crate::ids::{GrantId, TargetId};
use crate::time::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "to")]
pub enum Power {
    /// Connect to this host and port, by name or address.
    Connect { host: String, port: u16 },
    /// Use this directory of the host under the name `root`.
    Directory { root: String, path: String, write: bool },
    /// Skip the check of the server's certificate.
    InsecureTls { host: String, port: u16 },
    /// Give commands to this SCSI device of the host, by its path.
    ScsiDevice { path: String },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GrantRecord {
    pub id: GrantId,
    pub target: TargetId,
    pub power: Power,
    /// "configured" for those that come with an administrator's create or edit; else who allowed it.
    pub by: String,
    pub reason: Option<String>,
    pub created: Timestamp,
    pub revoked: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub struct NewGrant {
    pub power: Power,
    pub by: String,
    pub reason: Option<String>,
}
