//! A target: a configured instance of a plugin, such as an account on an object store.

use serde::{Deserialize, Serialize};

use crate::ids::{Number, ServerId, TargetId, UserId};
use crate::secret::SecretText;
use crate::time::Timestamp;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Target {
    pub id: TargetId,
    pub number: Number,
    /// Unique among targets.
    pub name: String,
    /// The plugin's id; its active version serves the target unless `pinned` names another.
    pub plugin: String,
    pub pinned: Option<String>,
    /// The plugin's configuration, secrets left out.
    pub configuration: serde_json::Value,
    /// What a dialect keeps beside it and only that dialect reads: `{"nodeum": {"provider": …}}`.
    pub attributes: serde_json::Value,
    /// Names of the secrets that are set; their values are sealed elsewhere.
    pub secrets: Vec<String>,
    pub owner: Option<UserId>,
    /// The machine it shares with others, if it was made as one of several.
    pub server: Option<ServerId>,
    pub server_number: Option<Number>,
    pub created: Timestamp,
    pub updated: Timestamp,
}

#[derive(Clone, Debug)]
pub struct NewTarget {
    pub name: String,
    pub plugin: String,
    pub pinned: Option<String>,
    pub configuration: serde_json::Value,
    pub attributes: serde_json::Value,
    pub secrets: Vec<(String, SecretText)>,
    pub owner: Option<UserId>,
}
