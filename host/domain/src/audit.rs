//! The audit log: every change and every denial, who asked for it and what came of it.

use serde::{Deserialize, Serialize};

use crate::ids::Number;
use crate::time::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Done,
    Denied,
    Failed,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditEvent {
    pub number: Number,
    pub at: Timestamp,
    /// The user's name; none: the host itself.
    pub actor: Option<String>,
    /// A verb: "create", "update", "delete", "run", "reveal", "connect", …
    pub action: String,
    /// A noun of the vocabulary: "target", "grant", …
    pub noun: String,
    /// Which one, as a person would say it: its name, else its number.
    pub subject: String,
    pub verdict: Verdict,
    /// Never a secret.
    pub detail: serde_json::Value,
}

#[derive(Clone, Debug)]
pub struct NewAuditEvent {
    pub actor: Option<String>,
    pub action: String,
    pub noun: String,
    pub subject: String,
    pub verdict: Verdict,
    pub detail: serde_json::Value,
}
