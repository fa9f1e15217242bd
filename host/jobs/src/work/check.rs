//! A check: every file that a cartridge shows is read in the order in which it lies there, and compared with what is recorded.
//!
//! Copies that agree are verified from then on. Of the others each is told, and the cartridge is marked for somebody to look at; what is
//! recorded stays, since it says what the file was. Files that nobody knows are told as warnings, and not read.
//!
//! A run that goes on after a crash, or after it waited for a drive, does not read again what agreed since the job was made.

use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;

use async_trait::async_trait;
use capstan_catalogue::{ReadBack, Record};
use capstan_domain::cartridge::Cartridge;
use capstan_domain::entry::Replica;
use capstan_domain::failure::{Kind, Retry};
use capstan_domain::ids::ReplicaId;
use capstan_domain::job::Job;
use capstan_domain::ports::Media;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use capstan_mover::{Control, Counters, Digest, Item, ItemKind, digest, read_whole};

use crate::engine::Engine;
use crate::places::Plot;
use crate::work::cartridges::{Deed, done};
use crate::work::contents::{Contents, Round, Told, ground, recorded};

/// Files that are put in order together: most tapes are gone along once.
const ROUND: usize = 65_536;
/// Copies whose agreement is recorded together.
const AGREED_TOGETHER: usize = 1000;
/// Files that cannot be read one after the other because the drive or the target is away: then none is tried any more.
const AWAY_AFTER: u32 = 8;

pub(super) struct Checking<'a> {
    pub(super) engine: &'a Engine,
    pub(super) job: &'a Job,
    pub(super) control: &'a Control,
    pub(super) counters: &'a Counters,
}

#[async_trait]
impl Deed for Checking<'_> {
    async fn on(&self, cartridge: &Cartridge, _: &dyn Media) -> Outcome<()> {
        let ground = ground(self.engine, cartridge).await?;
        let mut told = Told::new(self.engine, self.job, cartridge);
        let (mut bytes, mut is_whole) = (0_u64, true);
        for plot in &ground.plots {
            let mut checker =
                Checker { checking: self, cartridge, plot, shown: HashSet::new(), agreed: Vec::new(), bytes: 0, away: 0 };
            let mut contents = Contents::of(plot, ROUND);
            while let Some(round) = contents.next(self.control).await? {
                is_whole &= round.unread.is_empty();
                checker.round(round, &mut told).await?;
            }
            contents.end().await?;
            checker.write().await?;
            if is_whole {
                told.missing(&checker.shown, self.control).await?;
            }
            bytes = bytes.saturating_add(checker.bytes);
        }
        told.write().await?;
        let catalogue = &self.engine.catalogue;
        catalogue.record_check(cartridge.location, told.wrong == 0).await?;
        catalogue.record(Record { outcomes: vec![done(self.job, cartridge, bytes)], ..Record::default() }).await
    }
}

/// The check of one cartridge.
struct Checker<'c> {
    checking: &'c Checking<'c>,
    cartridge: &'c Cartridge,
    plot: &'c Plot,
    /// Copies that are recorded and that the cartridge shows.
    shown: HashSet<ReplicaId>,
    agreed: Vec<ReadBack>,
    bytes: u64,
    /// Files in a row that could not be read because the other side was away.
    away: u32,
}

impl Checker<'_> {
    async fn round(&mut self, round: Round, told: &mut Told<'_>) -> Outcome<()> {
        for (path, failure) in round.unread {
            told.failed(&path, failure).await?;
        }
        let files: Vec<Item> = round.items.into_iter().filter(|item| item.kind == ItemKind::File).collect();
        let recorded = recorded(self.checking.engine, self.cartridge, self.plot, &files).await?;
        let mut known: Vec<Item> = Vec::with_capacity(files.len());
        for item in files {
            match recorded.get(&self.plot.tree.key(&item)?) {
                Some(replicas) => {
                    self.shown.extend(replicas.iter().map(|replica| replica.id));
                    known.push(item);
                }
                None => told.warned(&item.path, unknown(&item)).await?,
            }
        }
        let counters = self.checking.counters;
        counters.bytes_found.fetch_add(known.iter().map(|item| item.size).sum(), Relaxed);
        for index in self.plot.tree.reading_order(&known).await? {
            let Some(item) = known.get(index) else { continue };
            let replicas = recorded.get(&self.plot.tree.key(item)?).map(Vec::as_slice).unwrap_or_default();
            self.checking.control.ready().await?;
            if !replicas.iter().all(|replica| replica.verified.is_some_and(|at| at > self.checking.job.created)) {
                self.file(item, replicas, told).await?;
            }
            counters.bytes_processed.fetch_add(item.size, Relaxed);
        }
        Ok(())
    }

    async fn file(&mut self, item: &Item, replicas: &[Replica], told: &mut Told<'_>) -> Outcome<()> {
        let (tree, limits) = (&self.plot.tree, &self.checking.engine.limits.transfer);
        let digest = match read_whole(tree, item, limits, self.checking.control).await {
            Ok(digest) => digest,
            Err(failure) if failure.kind == Kind::Cancelled => return Err(failure),
            Err(failure) => {
                self.away = if failure.retry == Retry::Never { 0 } else { self.away + 1 };
                if self.away >= AWAY_AFTER {
                    // What agreed so far is not read again.
                    self.write().await?;
                    return Err(failure);
                }
                return told.failed(&item.path, failure).await;
            }
        };
        self.away = 0;
        self.bytes = self.bytes.saturating_add(item.size);
        self.checking.counters.bytes_finalized.fetch_add(item.size, Relaxed);
        let mut is_good = true;
        for replica in replicas {
            match compare(replica, item, &digest) {
                Some(read) => self.agreed.push(read),
                None => is_good = false,
            }
        }
        if !is_good {
            told.failed(&item.path, differs(item)).await?;
        }
        if self.agreed.len() >= AGREED_TOGETHER { self.write().await } else { Ok(()) }
    }

    async fn write(&mut self) -> Outcome<()> {
        let agreed = std::mem::take(&mut self.agreed);
        if agreed.is_empty() {
            return Ok(());
        }
        self.checking.engine.catalogue.record_read_back(agreed, Timestamp::now()).await
    }
}

/// None: it is another file than the one that was stored. A copy whose hash nobody knew has one from now on.
fn compare(replica: &Replica, item: &Item, read: &Digest) -> Option<ReadBack> {
    let learned = replica.blake3.is_empty().then(|| (read.root.to_vec(), digest::to_bytes(&read.subtrees)));
    let agrees = replica.size == item.size && (learned.is_some() || replica.blake3 == read.root);
    agrees.then_some(ReadBack { replica: replica.id, learned })
}

fn differs(item: &Item) -> Failure {
    Failure::new(Kind::Corrupt, format!("{:?} does not read as it was stored", item.path))
        .with_code("hash-mismatch")
        .with_retry(Retry::Never)
        .with_next_step("copy it again from where it came, or from another copy")
}

fn unknown(item: &Item) -> Failure {
    Failure::new(Kind::Other, format!("nothing is recorded of {:?}", item.path))
        .with_code("not-recorded")
        .with_next_step("read the index of the tape: then it is known")
}
