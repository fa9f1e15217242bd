//! A ledger in memory that can die at a chosen call, as a process would.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use capstan_domain::job::PathState;
use capstan_domain::{Failure, Outcome};

use crate::item::Item;
use crate::ledger::{Evidence, Known, Ledger, PartRecord, PartTables, Settled, UploadKey, UploadRecord};

/// Where the process is to die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crash {
    BeforeRecord,
    AfterRecord,
    /// The target has begun an upload, and nobody has recorded which.
    BeforeBegun,
    /// After so many parts were saved.
    AfterParts(usize),
    BeforeForget,
}

#[derive(Default)]
pub(crate) struct MemoryLedger {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    settled: BTreeMap<(usize, String), Settled>,
    uploads: BTreeMap<UploadKey, UploadRecord>,
    evidence: BTreeMap<String, Evidence>,
    full: Vec<(usize, usize)>,
    crash: Option<Crash>,
    parts_saved: usize,
}

impl MemoryLedger {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn crash_at(&self, crash: Crash) {
        self.lock().crash = Some(crash);
    }

    /// The process is started again.
    pub(crate) fn restart(&self) {
        self.lock().crash = None;
    }

    pub(crate) fn state_of(&self, path: &str) -> Option<PathState> {
        self.settled(path).map(|settled| settled.state)
    }

    pub(crate) fn settled(&self, path: &str) -> Option<Settled> {
        self.lock().settled.iter().find(|((_, at), _)| at == path).map(|(_, settled)| settled.clone())
    }

    pub(crate) fn uploads(&self) -> Vec<UploadRecord> {
        self.lock().uploads.values().cloned().collect()
    }

    /// Destination and tree of each that was found full.
    pub(crate) fn full(&self) -> Vec<(usize, usize)> {
        self.lock().full.clone()
    }

    pub(crate) fn set_evidence(&self, path: &str, evidence: Evidence) {
        self.lock().evidence.insert(path.to_owned(), evidence);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn died() -> Failure {
    Failure::host("The process died here", "test")
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn known(&self, source: usize, items: &[Item]) -> Outcome<Vec<Option<Known>>> {
        let state = self.lock();
        let known = |item: &Item| {
            let settled = state.settled.get(&(source, item.path.clone()))?;
            let good = matches!(settled.state, PathState::Done | PathState::Unchanged);
            good.then_some(())?;
            Some(Known {
                size: settled.item.size,
                modified: settled.item.modified,
                inode: settled.item.identity.inode,
                blake3: settled.blake3?,
                copies: settled.copies.clone(),
            })
        };
        Ok(items.iter().map(known).collect())
    }

    async fn evidence(&self, _source: usize, items: &[Item]) -> Outcome<Vec<Option<Evidence>>> {
        let state = self.lock();
        Ok(items.iter().map(|item| state.evidence.get(&item.path).cloned()).collect())
    }

    async fn found_full(&self, destination: usize, tree: usize) -> Outcome<()> {
        let mut state = self.lock();
        if !state.full.contains(&(destination, tree)) {
            state.full.push((destination, tree));
        }
        Ok(())
    }

    async fn record(&self, settled: Vec<Settled>) -> Outcome<()> {
        let mut state = self.lock();
        if state.crash == Some(Crash::BeforeRecord) {
            return Err(died());
        }
        for mut settled in settled {
            let before = state.settled.get(&(settled.source, settled.item.path.clone()));
            if let Some(before) = before.filter(|_| settled.state == PathState::Unchanged && settled.copies.is_empty()) {
                settled.copies.clone_from(&before.copies);
                settled.subtrees.clone_from(&before.subtrees);
            }
            state.settled.insert((settled.source, settled.item.path.clone()), settled);
        }
        if state.crash == Some(Crash::AfterRecord) { Err(died()) } else { Ok(()) }
    }

    fn part_tables(&self) -> &dyn PartTables {
        self
    }
}

#[async_trait]
impl PartTables for MemoryLedger {
    async fn find_upload(&self, key: &UploadKey) -> Outcome<Option<UploadRecord>> {
        Ok(self.lock().uploads.get(key).cloned())
    }

    async fn begin_upload(&self, key: &UploadKey, upload: &UploadRecord) -> Outcome<()> {
        let mut state = self.lock();
        if state.crash == Some(Crash::BeforeBegun) && upload.attempt.is_none() {
            return Err(died());
        }
        state.uploads.insert(key.clone(), upload.clone());
        Ok(())
    }

    async fn save_part(&self, key: &UploadKey, upload: &str, part: &PartRecord) -> Outcome<()> {
        let mut state = self.lock();
        if let Some(Crash::AfterParts(most)) = state.crash
            && state.parts_saved >= most
        {
            return Err(died());
        }
        state.parts_saved += 1;
        if let Some(record) = state.uploads.get_mut(key).filter(|record| record.id == upload) {
            record.parts.push(part.clone());
            record.parts.sort_by_key(|part| part.part.number);
        }
        Ok(())
    }

    async fn forget_upload(&self, key: &UploadKey, _upload: &str) -> Outcome<()> {
        if self.lock().crash == Some(Crash::BeforeForget) {
            return Err(died());
        }
        self.lock().uploads.remove(key);
        Ok(())
    }
}
