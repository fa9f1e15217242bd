//! A queue of a site: tasks wait in it for the nodes that work for it.

use serde::{Deserialize, Serialize};

use crate::ids::{Number, QueueId};
use crate::time::Timestamp;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SiteQueue {
    pub id: QueueId,
    pub number: Number,
    pub site_number: Number,
    pub site_name: String,
    /// Unique within the site.
    pub name: String,
    pub label: String,
    /// Each site has one, which takes what names no queue.
    pub is_default: bool,
    /// Names of the nodes that work for it.
    pub nodes: Vec<String>,
    /// The newest of its nodes.
    pub heartbeat: Option<Timestamp>,
    pub created: Timestamp,
}
