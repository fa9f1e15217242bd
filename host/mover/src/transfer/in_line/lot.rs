//! The tasks of the next round, gathered while the one before is under way.

use std::collections::HashSet;

use super::super::Transfer;
use super::super::plan::Task;

/// Paths of a tape that are put in order together, and read.
const READ_TOGETHER: usize = 4096;

#[derive(Default)]
pub(in super::super) struct Lot {
    tasks: Vec<Task>,
    bytes: u64,
    places: HashSet<String>,
}

impl Lot {
    /// Whether the task has to wait for a round after this one: there is no room, or it lands where another one does.
    pub(in super::super) fn is_closed_to(&self, task: &Task, transfer: &Transfer) -> bool {
        let limits = &transfer.limits;
        let (files, bytes) =
            if transfer.writes_in_line() { (limits.round_files, limits.round_bytes) } else { (READ_TOGETHER, u64::MAX) };
        let full = self.tasks.len() >= files || self.bytes.saturating_add(task.item.size) > bytes;
        !self.tasks.is_empty() && (full || self.places.contains(&task.place))
    }

    pub(in super::super) fn push(&mut self, task: Task) {
        self.bytes = self.bytes.saturating_add(task.item.size);
        self.places.insert(task.place.clone());
        self.tasks.push(task);
    }

    pub(in super::super) fn take(&mut self) -> Vec<Task> {
        std::mem::take(self).tasks
    }
}
