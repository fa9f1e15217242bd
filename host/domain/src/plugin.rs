//! A plugin: an installed component, in one or more versions of which one is active.

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::ports::NamedValues;
use crate::time::Timestamp;

/// What the component says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    pub id: String,
    pub vendor: String,
    pub version: String,
    pub title: String,
    /// JSON Schema 2020-12; secret fields carry "x-capstan-secret": true.
    pub configuration: serde_json::Value,
    pub grants: Vec<String>,
    pub capabilities: NamedValues,
    pub extras: NamedValues,
}

/// What is wrong with one field of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// RFC 6901; empty for the whole document.
    pub pointer: String,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Facet {
    Objects,
    Uploads,
    Files,
    Media,
    Drives,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum VersionState {
    /// Serves calls.
    Active,
    /// Installed; can be activated or rolled back to.
    Idle,
    /// Crashed too often; kept, not served, until activated by hand.
    Quarantined { failure: Failure },
    /// The load gate said no; kept and shown.
    Refused { failure: Failure },
}

/// One installed version of a plugin.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PluginVersion {
    pub plugin: String,
    pub version: String,
    /// SHA-256 of the component, hex.
    pub digest: String,
    pub size: u64,
    /// Contract track, such as "0.1".
    pub track: String,
    pub facets: Vec<Facet>,
    /// Interfaces it imports.
    pub imports: Vec<String>,
    pub description: Option<Description>,
    pub state: VersionState,
    pub installed: Timestamp,
    pub installed_by: Option<String>,
    pub activated: Option<Timestamp>,
}
