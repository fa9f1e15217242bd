//! What a person does to a place through a view: the same moves and the same records as a job's, one at a time and without a job.
//!
//! | step of a store | dies after it | what is there then |
//! |---|---|---|
//! | what is recorded of copies at the path is forgotten | nothing was changed | the old file, as a copy that nobody counts on |
//! | bytes at the target, whole or in parts | as a transfer's | the old file, or the new one |
//! | read back and recorded | the answer is lost | the new file, recorded |
//!
//! A removal goes the same way: first nobody counts on the copy, then it goes, then its entry does. So the catalogue never claims a
//! copy that is not there.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use capstan_catalogue::{Catalogue, Record};
use capstan_domain::entry;
use capstan_domain::ids::JobId;
use capstan_domain::job::Verify;
use capstan_domain::{Failure, Outcome};
use capstan_mover::{
    Control, Counters, Destination, Evidence, Item, ItemKind, Known, Ledger, NewAttributes, Options, PartTables, Settled, Source,
    Transfer, Tree, Wanted,
};

use crate::ledger::{CatalogueLedger, Side};
use crate::places::Plot;

/// One tree, changed by hand.
pub struct ByHand {
    catalogue: Catalogue,
    side: Side,
    /// Where files wait that are to be stored.
    spool: Arc<dyn Tree>,
    verify: Verify,
    limits: capstan_mover::Limits,
}

impl ByHand {
    pub fn new(
        catalogue: Catalogue,
        catalogued: Option<entry::Tree>,
        plot: &Plot,
        spool: Arc<dyn Tree>,
        verify: Verify,
        limits: capstan_mover::Limits,
    ) -> Self {
        let side = Side { catalogued, shown_under: plot.shown_under.clone(), tree: Arc::clone(&plot.tree) };
        Self { catalogue, side, spool, verify, limits }
    }

    /// The file `name` of the spool, whole, in place of what stands at `path`; stored, proved and recorded when it answers.
    pub async fn store(&self, name: &str, path: &str) -> Outcome<()> {
        self.forget(&[&Item::file(path, 0, capstan_domain::time::Timestamp(0))]).await?;
        let spool = Side { catalogued: None, shown_under: String::new(), tree: Arc::clone(&self.spool) };
        let ledger = CatalogueLedger::new(self.catalogue.clone(), None, vec![spool], vec![vec![self.side.clone()]]);
        let ledger = Arc::new(Told { ledger, failure: Mutex::default() });
        let transfer = Transfer {
            sources: vec![Source { tree: Arc::clone(&self.spool), path: name.to_owned(), place_at: path.to_owned() }],
            destinations: vec![Destination { trees: vec![Arc::clone(&self.side.tree)] }],
            ledger: Arc::<Told>::clone(&ledger),
            control: Control::default(),
            counters: Arc::new(Counters::default()),
            options: Options {
                verify: self.verify,
                remove_source: false,
                overwrite: true,
                rename: false,
                bandwidth: None,
                storage_class: None,
                attempt: attempt(),
            },
            limits: self.limits.clone(),
        };
        let stored = transfer.run().await.map(|_| ()).and_then(|()| ledger.told());
        if stored.is_err() {
            self.give_up(path).await;
        }
        stored
    }

    /// With its parents.
    pub async fn make_folder(&self, folder: &Item) -> Outcome<()> {
        self.side.tree.make_folder(&folder.path, folder, &attempt()).await?;
        self.seen(&folder.path).await
    }

    pub async fn make_link(&self, path: &str, to: &str) -> Outcome<()> {
        let item =
            Item { kind: ItemKind::Link { to: to.to_owned() }, ..Item::file(path, 0, capstan_domain::time::Timestamp::now()) };
        self.side.tree.make_link(path, to, &item, &attempt(), false).await?;
        self.seen(path).await
    }

    pub async fn remove(&self, item: &Item) -> Outcome<()> {
        self.forget(&[item]).await?;
        self.side.tree.remove(std::slice::from_ref(item), false, &attempt()).await.into_iter().collect::<Outcome<()>>()?;
        self.side.tree.sync().await?;
        self.gone(&item.path).await
    }

    /// An empty one.
    pub async fn remove_folder(&self, path: &str) -> Outcome<()> {
        self.side.tree.remove_folder(path, &attempt()).await?;
        self.gone(path).await
    }

    /// False: not at once. A folder is never renamed at once: what is recorded below it goes by its path.
    pub async fn rename(&self, from: &Item, to: &str, replace: bool) -> Outcome<bool> {
        let tree = &self.side.tree;
        if !tree.keeps_folders() || matches!(from.kind, ItemKind::Folder { .. }) {
            return Ok(false);
        }
        self.forget(&[from, &Item::file(to, 0, from.modified)]).await?;
        if !tree.rename(from, to, replace, &attempt()).await? {
            return Ok(false);
        }
        self.gone(&from.path).await?;
        self.seen(to).await?;
        Ok(true)
    }

    pub async fn set_attributes(&self, path: &str, attributes: NewAttributes) -> Outcome<()> {
        self.side.tree.set_attributes(path, attributes, &attempt()).await?;
        self.seen(path).await
    }

    /// From now on nobody counts on the copies at these paths.
    async fn forget(&self, items: &[&Item]) -> Outcome<()> {
        let Some(location) = self.side.location() else { return Ok(()) };
        let keys = items.iter().map(|item| self.side.tree.key(item)).collect::<Outcome<Vec<String>>>()?;
        self.catalogue.record(Record { forgotten: vec![(location, keys)], ..Record::default() }).await
    }

    /// What stands at a path is an entry.
    async fn seen(&self, path: &str) -> Outcome<()> {
        let Some(tree) = self.side.catalogued else { return Ok(()) };
        let Some(item) = self.side.tree.stat(path).await? else { return Ok(()) };
        let entries = self.side.entry(&item, None).into_iter().collect();
        self.catalogue.record(Record { entries: vec![(tree, entries)], ..Record::default() }).await
    }

    async fn gone(&self, path: &str) -> Outcome<()> {
        let Some(tree) = self.side.catalogued else { return Ok(()) };
        let paths = vec![self.side.shown(path)];
        self.catalogue.record(Record { gone: vec![(tree, paths)], ..Record::default() }).await
    }

    /// Nobody will go on with what a failed store left.
    async fn give_up(&self, path: &str) {
        let tree = &self.side.tree;
        let work = async {
            let key = tree.upload_key(path)?;
            let Some((begun, _)) = self.catalogue.upload(tree.id(), &key).await? else { return Ok(()) };
            // A job's own, which it will go on with.
            if begun.job.is_some() {
                return Ok(());
            }
            match &begun.attempt {
                Some(attempt) => tree.give_up_begun(&key, begun.size, attempt).await?,
                None => tree.give_up(&key, &begun.id).await?,
            }
            self.catalogue.forget_upload(tree.id(), &key, &begun.id).await
        };
        let given: Outcome<()> = work.await;
        if let Err(failure) = given {
            tracing::warn!(%failure, path, "what a failed store left at its target could not be given up");
        }
    }
}

/// A key of its own for each change.
fn attempt() -> String {
    JobId::new().to_string()
}

/// The catalogue's ledger, which also remembers why the one file failed.
struct Told {
    ledger: CatalogueLedger,
    failure: Mutex<Option<Failure>>,
}

impl Told {
    fn told(&self) -> Outcome<()> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Ledger for Told {
    async fn known(&self, source: usize, items: &[Item]) -> Outcome<Vec<Option<Known>>> {
        self.ledger.known(source, items).await
    }

    async fn evidence(&self, source: usize, items: &[Item]) -> Outcome<Vec<Option<Evidence>>> {
        self.ledger.evidence(source, items).await
    }

    async fn admit(&self, destination: usize, files: &[Wanted]) -> Outcome<Vec<Outcome<()>>> {
        self.ledger.admit(destination, files).await
    }

    async fn record(&self, settled: Vec<Settled>) -> Outcome<()> {
        if let Some(failure) = settled.iter().find_map(|settled| settled.failure.clone()) {
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
        }
        self.ledger.record(settled).await
    }

    fn part_tables(&self) -> &dyn PartTables {
        self.ledger.part_tables()
    }
}
