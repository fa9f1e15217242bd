//! Reading an index: the files that a cartridge says it holds are compared with what is recorded, and those that nobody knew become
//! entries with a copy there. Their content is not read: what they hash to is the cartridge's word, which a check proves.
//!
//! So an empty catalogue learns from its cartridges what they hold (D9). Where the new entries stand: in the folder that the job names;
//! else in the tree of the cartridge's pool. A cartridge in no pool comes into one that is called after its library, if it holds
//! anything new.
//!
//! A run that goes on after a crash finds what was recorded before, and goes on behind it.

use std::collections::HashSet;

use async_trait::async_trait;
use capstan_catalogue::{Adopted, NewReplica, Record};
use capstan_domain::cartridge::Cartridge;
use capstan_domain::entry::{Replica, Tree};
use capstan_domain::failure::{Kind, Retry};
use capstan_domain::ids::ReplicaId;
use capstan_domain::job::{Job, Place};
use capstan_domain::ports::Media;
use capstan_domain::{Failure, Outcome};
use capstan_mover::{Control, Item, ItemKind, names};

use crate::engine::Engine;
use crate::ledger::Side;
use crate::places::{Ground, Plot};
use crate::work::cartridges::{Deed, done, library_of};
use crate::work::contents::{Contents, Round, Told, ground, recorded};

/// Items that are compared and recorded together.
const ROUND: usize = 4096;

pub(super) struct Reading<'a> {
    pub(super) engine: &'a Engine,
    pub(super) job: &'a Job,
    pub(super) control: &'a Control,
    /// Where new entries stand; none: in the pool's tree.
    pub(super) into: Option<&'a Place>,
}

#[async_trait]
impl Deed for Reading<'_> {
    async fn on(&self, cartridge: &Cartridge, _: &dyn Media) -> Outcome<()> {
        let ground = ground(self.engine, cartridge).await?;
        let (mut bytes, mut unread) = (0_u64, None);
        let mut told = Told::new(self.engine, self.job, cartridge);
        for plot in &ground.plots {
            let mut reader =
                Reader { reading: self, cartridge, ground: &ground, plot, home: None, shown: HashSet::new(), bytes: 0 };
            let mut contents = Contents::of(plot, ROUND);
            while let Some(round) = contents.next(self.control).await? {
                unread = unread.or(reader.round(round, &mut told).await?);
            }
            contents.end().await?;
            // What lies below a path that could not be read is not missing.
            if unread.is_none() {
                told.missing(&reader.shown, self.control).await?;
            }
            bytes = bytes.saturating_add(reader.bytes);
        }
        told.write().await?;
        let catalogue = &self.engine.catalogue;
        catalogue.record_check(cartridge.location, told.wrong == 0).await?;
        match unread {
            Some(failure) => {
                let message = format!("parts of tape {} cannot be read: {}", cartridge.barcode, failure.message);
                Err(Failure { message, retry: Retry::Never, ..failure })
            }
            None => catalogue.record(Record { outcomes: vec![done(self.job, cartridge, bytes)], ..Record::default() }).await,
        }
    }
}

/// The reading of one cartridge.
struct Reader<'r> {
    reading: &'r Reading<'r>,
    cartridge: &'r Cartridge,
    ground: &'r Ground,
    plot: &'r Plot,
    /// Known once something new was found.
    home: Option<Side>,
    /// Copies that are recorded and that the cartridge shows.
    shown: HashSet<ReplicaId>,
    bytes: u64,
}

impl Reader<'_> {
    /// Answers the first failure of a path that could not be read.
    async fn round(&mut self, round: Round, told: &mut Told<'_>) -> Outcome<Option<Failure>> {
        let unread = round.unread.first().map(|(_, failure)| failure.clone());
        for (path, failure) in round.unread {
            told.failed(&path, failure).await?;
        }
        let (files, others): (Vec<Item>, Vec<Item>) = round.items.into_iter().partition(|item| item.kind == ItemKind::File);
        let folders = others.into_iter().filter(|item| matches!(item.kind, ItemKind::Folder { .. })).map(|item| (item, None));
        let mut new: Vec<(Item, Option<[u8; 32]>)> = folders.collect();
        let recorded = recorded(self.reading.engine, self.cartridge, self.plot, &files).await?;
        let mut failed = None;
        for (item, hash) in files.iter().zip(self.plot.tree.kept_hashes(&files).await) {
            self.bytes = self.bytes.saturating_add(item.size);
            let hash = match hash {
                Ok(hash) => hash,
                Err(failure) if failure.kind == Kind::Cancelled => return Err(failure),
                Err(failure) => {
                    told.failed(&item.path, failure.clone()).await?;
                    failed.get_or_insert(failure);
                    continue;
                }
            };
            match recorded.get(&self.plot.tree.key(item)?) {
                Some(replicas) => {
                    self.shown.extend(replicas.iter().map(|replica| replica.id));
                    if replicas.iter().any(|replica| differs(replica, item, hash)) {
                        told.failed(&item.path, another(item)).await?;
                    }
                }
                None => new.push((item.clone(), hash)),
            }
        }
        if new.iter().any(|(item, _)| item.kind == ItemKind::File) {
            self.adopt(new, told).await?;
        }
        Ok(unread.or(failed))
    }

    async fn adopt(&mut self, new: Vec<(Item, Option<[u8; 32]>)>, told: &mut Told<'_>) -> Outcome<()> {
        let home = match self.home.take() {
            Some(home) => home,
            None => self.find_home().await?,
        };
        let home = self.home.insert(home);
        let Some(tree) = home.catalogued else { return Ok(()) };
        let mut found = Vec::with_capacity(new.len());
        for (item, hash) in new {
            let Some(entry) = home.entry(&item, hash) else { continue };
            let replica = match item.kind {
                ItemKind::File => Some(NewReplica {
                    path: entry.path.clone(),
                    location: self.cartridge.location,
                    key: self.plot.tree.key(&item)?,
                    size: item.size,
                    modified: item.modified,
                    etag: None,
                    version: None,
                    // Of a volume that others wrote: nobody knows until a check has read it.
                    blake3: hash.map(Vec::from).unwrap_or_default(),
                    subtrees: Vec::new(),
                    verified: None,
                }),
                _ => None,
            };
            found.push(Adopted { entry, replica });
        }
        let catalogue = &self.reading.engine.catalogue;
        let new = found.iter().filter_map(|one| Some(one.replica.as_ref()?.key.clone())).collect::<Vec<String>>();
        for path in catalogue.adopt(tree, found).await? {
            let failure = Failure::new(Kind::Conflict, format!("something of another kind is recorded at {path:?}"));
            let failure = failure.with_code("in-the-way").with_next_step("read the index into a container of its own");
            told.failed(names::below(&path, &home.shown_under).unwrap_or(&path), failure).await?;
        }
        let known = catalogue.replicas_under(self.cartridge.location, &new).await?;
        self.shown.extend(known.iter().map(|replica| replica.id));
        Ok(())
    }

    /// The tree, and the folder in it.
    async fn find_home(&self) -> Outcome<Side> {
        let catalogue = &self.reading.engine.catalogue;
        let (catalogued, shown_under) = match (self.reading.into, self.ground.catalogued, self.cartridge.pool) {
            (Some(Place::Space { space, path }), _, _) => (Tree::Space(*space), path.clone()),
            (Some(Place::Pool { pool, path }), _, _) => (catalogue.pool_tree(*pool).await?, path.clone()),
            (_, Some(tree), _) => (tree, self.plot.shown_under.clone()),
            (_, None, Some(pool)) => (catalogue.pool_tree(pool).await?, String::new()),
            (_, None, None) => {
                let name = self.cartridge.library_name.as_deref().map_or_else(|| library_of(self.cartridge), Ok)?;
                let pool = catalogue.pool_found_tape(name, self.cartridge.location).await?;
                (catalogue.pool_tree(pool).await?, String::new())
            }
        };
        Ok(Side { catalogued: Some(catalogued), shown_under, tree: self.plot.tree.clone() })
    }
}

/// Whether what the cartridge says of a file cannot be what was stored there. A hash that one of them does not have tells nothing.
fn differs(replica: &Replica, item: &Item, hash: Option<[u8; 32]>) -> bool {
    let unlike = |hash: [u8; 32]| !replica.blake3.is_empty() && replica.blake3 != hash;
    replica.size != item.size || hash.is_some_and(unlike)
}

fn another(item: &Item) -> Failure {
    Failure::new(Kind::Corrupt, format!("{:?} is another file than the one that was stored there", item.path))
        .with_code("differs")
        .with_retry(Retry::Never)
        .with_next_step("check the tape, and copy the file there again if it is needed")
}
