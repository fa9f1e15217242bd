//! The ledger as the workers see it: its first failure ends the transfer, since what cannot be recorded must not go on.

use std::sync::Arc;

use async_trait::async_trait;
use capstan_domain::Outcome;

use super::fate::Fate;
use crate::control::stopped;
use crate::item::Item;
use crate::ledger::{Evidence, Known, Ledger, PartRecord, PartTables, Settled, UploadKey, UploadRecord, Wanted};

pub(super) struct Watched {
    ledger: Arc<dyn Ledger>,
    fate: Arc<Fate>,
}

impl Watched {
    pub(super) fn new(ledger: Arc<dyn Ledger>, fate: Arc<Fate>) -> Self {
        Self { ledger, fate }
    }

    /// Paths that a failing ledger cuts off have no outcome: the worker sees an interruption, the transfer the reason.
    fn watch<T>(&self, answer: Outcome<T>) -> Outcome<T> {
        answer.map_err(|failure| {
            self.fate.end(failure);
            stopped()
        })
    }
}

#[async_trait]
impl Ledger for Watched {
    async fn known(&self, source: usize, items: &[Item]) -> Outcome<Vec<Option<Known>>> {
        self.watch(self.ledger.known(source, items).await)
    }

    async fn evidence(&self, source: usize, items: &[Item]) -> Outcome<Vec<Option<Evidence>>> {
        self.watch(self.ledger.evidence(source, items).await)
    }

    async fn admit(&self, destination: usize, files: &[Wanted]) -> Outcome<Vec<Outcome<()>>> {
        self.watch(self.ledger.admit(destination, files).await)
    }

    async fn found_full(&self, destination: usize, tree: usize) -> Outcome<()> {
        self.watch(self.ledger.found_full(destination, tree).await)
    }

    async fn record(&self, settled: Vec<Settled>) -> Outcome<()> {
        self.watch(self.ledger.record(settled).await)
    }

    fn part_tables(&self) -> &dyn PartTables {
        self
    }
}

#[async_trait]
impl PartTables for Watched {
    async fn find_upload(&self, key: &UploadKey) -> Outcome<Option<UploadRecord>> {
        self.watch(self.ledger.part_tables().find_upload(key).await)
    }

    async fn begin_upload(&self, key: &UploadKey, upload: &UploadRecord) -> Outcome<()> {
        self.watch(self.ledger.part_tables().begin_upload(key, upload).await)
    }

    async fn save_part(&self, key: &UploadKey, upload: &str, part: &PartRecord) -> Outcome<()> {
        self.watch(self.ledger.part_tables().save_part(key, upload, part).await)
    }

    async fn forget_upload(&self, key: &UploadKey, upload: &str) -> Outcome<()> {
        self.watch(self.ledger.part_tables().forget_upload(key, upload).await)
    }
}
