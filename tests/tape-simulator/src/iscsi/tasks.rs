//! Commands of a session that are neither answered nor aborted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::limits::{MOST_IMMEDIATE, WINDOW};

/// Distinguishes a command from a later one with the same tag.
pub(super) type Mark = Arc<()>;

#[derive(Default)]
pub(super) struct Tasks(Mutex<HashMap<u32, (u64, Mark)>>);

/// Why a command cannot begin.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Busy {
    Tag,
    Full,
}

impl Tasks {
    /// Begins one under its initiator's tag.
    pub(super) fn begin(&self, tag: u32, lun: u64) -> Result<Mark, Busy> {
        let mut tasks = self.lock();
        if tasks.contains_key(&tag) {
            return Err(Busy::Tag);
        }
        if tasks.len() >= MOST_IMMEDIATE + usize::try_from(WINDOW).unwrap_or(0) {
            return Err(Busy::Full);
        }
        let mark = Mark::default();
        tasks.insert(tag, (lun, Arc::clone(&mark)));
        Ok(mark)
    }

    /// Whether nobody has aborted it.
    pub(super) fn has(&self, tag: u32, mark: &Mark) -> bool {
        self.lock().get(&tag).is_some_and(|(_, other)| Arc::ptr_eq(mark, other))
    }

    /// Ends it; `false`: it was aborted, and is not answered.
    pub(super) fn finish(&self, tag: u32, mark: &Mark) -> bool {
        let mut tasks = self.lock();
        let there = tasks.get(&tag).is_some_and(|(_, other)| Arc::ptr_eq(mark, other));
        if there {
            tasks.remove(&tag);
        }
        there
    }

    /// Aborts one; `false`: it is not there.
    pub(super) fn abort(&self, tag: u32) -> bool {
        self.lock().remove(&tag).is_some()
    }

    /// Aborts those of a unit; none: of all. Their tags.
    pub(super) fn abort_all(&self, lun: Option<u64>) -> Vec<u32> {
        self.lock().extract_if(|_, (of, _)| lun.is_none_or(|lun| lun == *of)).map(|(tag, _)| tag).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u32, (u64, Mark)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
