//! A server: a machine that several targets reach, such as a NAS; what is said of it is said once.
//!
//! Each share of it is a target, because login, session and state are a share's own.

use serde::{Deserialize, Serialize};

use crate::ids::{Number, ServerId};
use crate::time::Timestamp;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Server {
    pub id: ServerId,
    pub number: Number,
    /// Unique among servers.
    pub name: String,
    /// Name or address.
    pub host: String,
    /// How it is spoken to, in the word of the door that made it: "smb_v3", "nfs_v3".
    pub protocol: String,
    /// What a dialect keeps beside it and only that dialect reads.
    pub attributes: serde_json::Value,
    pub created: Timestamp,
    pub updated: Timestamp,
}

#[derive(Clone, Debug)]
pub struct NewServer {
    pub name: String,
    pub host: String,
    pub protocol: String,
    pub attributes: serde_json::Value,
}
