//! A node: a process that works for a site, and says so again and again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{NodeId, Number};
use crate::time::Timestamp;

/// How old the last heartbeat of a node that is online may be.
pub const HEARTBEAT_HOLDS: Duration = Duration::from_secs(120);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Node {
    pub id: NodeId,
    pub number: Number,
    pub site_number: Number,
    pub site_name: String,
    /// Unique within the site.
    pub name: String,
    pub heartbeat: Option<Timestamp>,
    /// It works for the default queue of its site.
    pub has_default_queue: bool,
    pub created: Timestamp,
}

impl Node {
    pub fn is_online(&self, now: Timestamp) -> bool {
        self.heartbeat.is_some_and(|heartbeat| heartbeat.plus(HEARTBEAT_HOLDS) > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_online_for_two_minutes_after_a_heartbeat() {
        let mut node = Node {
            id: NodeId::new(),
            number: 1,
            site_number: 1,
            site_name: "s".to_owned(),
            name: "n".to_owned(),
            heartbeat: None,
            has_default_queue: true,
            created: Timestamp(0),
        };
        assert!(!node.is_online(Timestamp(0)));
        node.heartbeat = Some(Timestamp(5));
        let end = Timestamp(5).plus(HEARTBEAT_HOLDS);
        assert!(node.is_online(Timestamp(end.0 - 1)) && !node.is_online(end));
    }
}
