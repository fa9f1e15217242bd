//! The mover's ledger, kept in the catalogue.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use capstan_catalogue::{Admission, Asked, Catalogue, Key, NewReplica, Record};
use capstan_domain::Outcome;
use capstan_domain::entry::{EntryKind, NewEntry, Tree};
use capstan_domain::ids::{JobId, LocationId};
use capstan_domain::job::PathOutcome;
use capstan_domain::time::Timestamp;
use capstan_mover::names::join;
use capstan_mover::{Copied, Evidence, Item, ItemKind, Known, Ledger, PartTables, Settled, Wanted};

use crate::part_tables::CataloguedParts;

/// What the catalogue knows of one tree of the transfer.
#[derive(Clone)]
pub(crate) struct Side {
    pub(crate) catalogued: Option<Tree>,
    pub(crate) shown_under: String,
    pub(crate) tree: Arc<dyn capstan_mover::Tree>,
}

pub(crate) struct CatalogueLedger {
    catalogue: Catalogue,
    job: Option<JobId>,
    part_tables: CataloguedParts,
    /// What spaces may still take.
    admission: Admission,
    sources: Vec<Side>,
    destinations: Vec<Vec<Side>>,
}

impl CatalogueLedger {
    /// `job` is none where a person did it, and no job has its outcomes. The sides are as the transfer numbers its sources, and its
    /// destinations with their trees.
    pub(crate) fn new(catalogue: Catalogue, job: Option<JobId>, sources: Vec<Side>, destinations: Vec<Vec<Side>>) -> Self {
        let part_tables = CataloguedParts { catalogue: catalogue.clone(), job };
        Self { admission: catalogue.admission(), catalogue, job, part_tables, sources, destinations }
    }
}

impl Side {
    pub(crate) fn location(&self) -> Option<LocationId> {
        self.tree.location()
    }

    pub(crate) fn shown(&self, path: &str) -> String {
        join(&self.shown_under, path)
    }

    /// None: the catalogue keeps no entries of this tree, or none of this kind.
    pub(crate) fn entry(&self, item: &Item, blake3: Option<[u8; 32]>) -> Option<NewEntry> {
        let kind = match &item.kind {
            ItemKind::File => EntryKind::File,
            ItemKind::Folder { .. } => EntryKind::Folder,
            ItemKind::Link { .. } => EntryKind::Link,
            ItemKind::Other { .. } => return None,
        };
        Some(NewEntry {
            tree: self.catalogued?,
            path: self.shown(&item.path),
            kind,
            size: item.size,
            modified: item.modified,
            changed: item.changed,
            mode: item.mode,
            uid: item.uid,
            gid: item.gid,
            inode: item.identity.inode,
            blake3: blake3.map(|hash| hash.to_vec()),
        })
    }
}

/// A record on its way, by tree and by location.
#[derive(Default)]
pub(crate) struct Gathered {
    entries: HashMap<Tree, Vec<NewEntry>>,
    replicas: HashMap<Tree, Vec<NewReplica>>,
    forgotten: HashMap<LocationId, Vec<String>>,
    gone: HashMap<Tree, Vec<String>>,
    pub(crate) outcomes: Vec<PathOutcome>,
}

impl Gathered {
    fn entry(&mut self, entry: Option<NewEntry>) {
        if let Some(entry) = entry {
            self.entries.entry(entry.tree).or_default().push(entry);
        }
    }

    /// What stood at `path` of the catalogued tree is no longer there, nor is its object.
    pub(crate) fn gone(&mut self, side: &Side, item: &Item, path: &str) {
        if let Some(tree) = side.catalogued {
            self.gone.entry(tree).or_default().push(path.to_owned());
        }
        if let (Some(location), Ok(key)) = (side.location(), side.tree.key(item)) {
            self.forgotten.entry(location).or_default().push(key);
        }
    }

    pub(crate) fn into_record(self) -> Record {
        Record {
            entries: self.entries.into_iter().collect(),
            replicas: self.replicas.into_iter().collect(),
            forgotten: self.forgotten.into_iter().collect(),
            gone: self.gone.into_iter().collect(),
            outcomes: self.outcomes,
            ..Record::default()
        }
    }
}

impl CatalogueLedger {
    fn side(&self, copy: &Copied) -> Option<&Side> {
        self.destinations.get(copy.destination)?.get(copy.tree)
    }

    /// Of a source that the catalogue keeps no entries of: those that have a copy at its location, whose files these are.
    async fn of_location(&self, settled: &[Settled]) -> Outcome<HashMap<(usize, String), Vec<(Tree, String)>>> {
        let mut found: HashMap<(usize, String), Vec<(Tree, String)>> = HashMap::new();
        for (index, side) in self.sources.iter().enumerate().filter(|(_, side)| side.catalogued.is_none()) {
            let Some(location) = side.location() else { continue };
            let copied =
                settled.iter().filter(|one| one.source == index && one.copies.iter().any(|copy| copy.location.is_some()));
            let keys: Vec<String> = copied.filter_map(|one| side.tree.key(&one.item).ok()).collect();
            for from in self.catalogue.copied_from(location, &keys).await? {
                found.entry((index, from.key)).or_default().push((from.tree, from.path));
            }
        }
        Ok(found)
    }

    /// `of_location`: the entries that a file of the source is a copy of, where the source keeps none.
    fn add(&self, settled: Settled, of_location: &[(Tree, String)], record: &mut Gathered) {
        let source = self.sources.get(settled.source);
        let path = source.map_or_else(|| settled.item.path.clone(), |side| side.shown(&settled.item.path));
        if settled.blake3.is_some() || !settled.copies.is_empty() {
            record.entry(source.and_then(|side| side.entry(&settled.item, settled.blake3)));
        }
        for copy in &settled.copies {
            let Some(side) = self.side(copy) else { continue };
            let mut arrived = Item { path: copy.path.clone(), modified: copy.modified, ..settled.item.clone() };
            arrived.identity.inode = copy.inode;
            arrived.changed = None;
            record.entry(side.entry(&arrived, settled.blake3));
            let (Some(location), Some(blake3)) = (copy.location, settled.blake3) else { continue };
            // A replica is of the entry it was copied from, and of the entry it is in a catalogued destination.
            let of_source = source.and_then(|side| Some((side.catalogued?, path.clone())));
            let of_destination = side.catalogued.map(|tree| (tree, side.shown(&copy.path)));
            for (tree, path) in of_source.into_iter().chain(of_destination).chain(of_location.iter().cloned()) {
                record.replicas.entry(tree).or_default().push(NewReplica {
                    path,
                    location,
                    key: copy.key.clone(),
                    size: copy.size,
                    modified: copy.modified,
                    etag: copy.etag.clone(),
                    version: copy.version.clone(),
                    blake3: blake3.to_vec(),
                    subtrees: settled.subtrees.clone(),
                    verified: copy.verified,
                });
            }
        }
        if let (true, Some(side)) = (settled.moved, source) {
            record.gone(side, &settled.item, &path);
        }
        let Some(job) = self.job else { return };
        record.outcomes.push(PathOutcome {
            job,
            path,
            state: settled.state,
            bytes: settled.bytes,
            failure: settled.failure,
            finished: Timestamp::now(),
        });
    }

    /// Which of the transfer's destinations a replica's location is.
    fn destination_of(&self, location: LocationId) -> Option<(usize, usize, &Side)> {
        self.destinations.iter().enumerate().find_map(|(destination, sides)| {
            let tree = sides.iter().position(|side| side.location() == Some(location))?;
            Some((destination, tree, sides.get(tree)?))
        })
    }
}

#[async_trait]
impl Ledger for CatalogueLedger {
    async fn known(&self, source: usize, items: &[Item]) -> Outcome<Vec<Option<Known>>> {
        let Some((side, tree)) = self.sources.get(source).and_then(|side| Some((side, side.catalogued?))) else {
            return Ok(vec![None; items.len()]);
        };
        let paths: Vec<String> = items.iter().map(|item| side.shown(&item.path)).collect();
        let items_at: HashMap<&str, &Item> = paths.iter().map(String::as_str).zip(items).collect();
        let mut known: HashMap<String, Known> = HashMap::new();
        for held in self.catalogue.replicas_at(tree, &paths).await? {
            let Some((destination, tree, to)) = self.destination_of(held.replica.location) else { continue };
            // Paths are kept, so the copy is the one this transfer would make if it has the key that this transfer would give it.
            let Some(item) = items_at.get(held.path.as_str()) else { continue };
            if to.tree.key(&Item { native: None, ..(*item).clone() }).ok().as_ref() != Some(&held.replica.key) {
                continue;
            }
            let place = item.path.clone();
            let Some(blake3) = held.entry_blake3.and_then(|hash| <[u8; 32]>::try_from(hash).ok()) else { continue };
            let entry = known.entry(held.path).or_insert_with(|| Known {
                size: held.entry_size,
                modified: held.entry_modified,
                inode: held.entry_inode,
                blake3,
                copies: Vec::new(),
            });
            // A copy of what the entry was before is no copy of what it is.
            if held.replica.blake3 != blake3 {
                continue;
            }
            entry.copies.push(Copied {
                destination,
                tree,
                location: Some(held.replica.location),
                path: place,
                key: held.replica.key,
                size: held.replica.size,
                modified: held.modified,
                inode: None,
                etag: held.replica.etag,
                version: held.replica.version,
                verified: held.replica.verified,
            });
        }
        Ok(paths.iter().map(|path| known.get(path).cloned()).collect())
    }

    async fn evidence(&self, source: usize, items: &[Item]) -> Outcome<Vec<Option<Evidence>>> {
        let Some((side, location)) = self.sources.get(source).and_then(|side| Some((side, side.location()?))) else {
            return Ok(vec![None; items.len()]);
        };
        let keys = items.iter().map(|item| side.tree.key(item)).collect::<Outcome<Vec<String>>>()?;
        let mut evidence: HashMap<String, Evidence> = HashMap::new();
        for replica in self.catalogue.replicas_under(location, &keys).await? {
            let Ok(blake3) = <[u8; 32]>::try_from(replica.blake3) else { continue };
            evidence.insert(replica.key, Evidence { size: replica.size, etag: replica.etag, blake3, subtrees: replica.subtrees });
        }
        Ok(keys.iter().map(|key| evidence.get(key).cloned()).collect())
    }

    async fn admit(&self, destination: usize, files: &[Wanted]) -> Outcome<Vec<Outcome<()>>> {
        // A catalogued destination is one tree; the trees of a pool have no quota.
        let side = self.destinations.get(destination).and_then(|sides| sides.first());
        let Some((side, tree)) = side.and_then(|side| Some((side, side.catalogued?))) else {
            return Ok(files.iter().map(|_| Ok(())).collect());
        };
        let asked: Vec<Asked> = files
            .iter()
            .map(|file| Asked { key: (file.source, file.path.clone()), path: side.shown(&file.place), size: file.size })
            .collect();
        self.admission.admit(tree, &asked).await
    }

    async fn found_full(&self, destination: usize, tree: usize) -> Outcome<()> {
        let side = self.destinations.get(destination).and_then(|sides| sides.get(tree));
        if let Some(location) = side.and_then(Side::location)
            && self.catalogue.record_full(location).await?
        {
            tracing::info!(%location, "a tape is full; nothing more is written to it");
        }
        Ok(())
    }

    async fn record(&self, settled: Vec<Settled>) -> Outcome<()> {
        let mut record = Gathered::default();
        let keys: Vec<Key> = settled.iter().map(|settled| (settled.source, settled.item.path.clone())).collect();
        let of_location = self.of_location(&settled).await?;
        for settled in settled {
            let key = self.sources.get(settled.source).and_then(|side| side.tree.key(&settled.item).ok());
            let entries = key.and_then(|key| of_location.get(&(settled.source, key))).map(Vec::as_slice).unwrap_or_default();
            self.add(settled, entries, &mut record);
        }
        self.admission.record(&keys, record.into_record()).await
    }

    fn part_tables(&self) -> &dyn PartTables {
        &self.part_tables
    }
}
