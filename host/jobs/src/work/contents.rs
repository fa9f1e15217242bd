//! The files that a cartridge shows, in rounds of bounded size, beside what the catalogue records of it.

use std::collections::{HashMap, HashSet};

use capstan_catalogue::{Record, Recorded};
use capstan_domain::cartridge::Cartridge;
use capstan_domain::entry::Replica;
use capstan_domain::failure::{Kind, Retry};
use capstan_domain::ids::ReplicaId;
use capstan_domain::job::{Job, PathOutcome, PathState, Place};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use capstan_mover::{Control, Found, Item};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::engine::Engine;
use crate::places::{Ground, Plot};

/// Lists of found items between the walk and a round; the walk waits.
const QUEUE: usize = 4;
/// Copies read from the catalogue at once.
const PAGE: u32 = 1000;
/// Outcomes of paths that are recorded together.
const TOLD_TOGETHER: usize = 1000;

/// A walk over a cartridge.
pub(super) struct Contents {
    lists: mpsc::Receiver<Vec<Found>>,
    walk: JoinHandle<Outcome<()>>,
    /// Items of a round, or somewhat more.
    most: usize,
}

/// A part of what a cartridge shows.
#[derive(Default)]
pub(super) struct Round {
    pub(super) items: Vec<Item>,
    /// Paths that could not be looked at.
    pub(super) unread: Vec<(String, Failure)>,
}

impl Contents {
    pub(super) fn of(plot: &Plot, most: usize) -> Self {
        let (sender, lists) = mpsc::channel(QUEUE);
        let (tree, start) = (plot.tree.clone(), plot.path.clone());
        let walk = tokio::spawn(async move { tree.walk(&start, sender).await });
        Self { lists, walk, most }
    }

    /// None: the walk has ended.
    pub(super) async fn next(&mut self, control: &Control) -> Outcome<Option<Round>> {
        let mut round = Round::default();
        while round.items.len() < self.most {
            control.ready().await?;
            let Some(list) = self.lists.recv().await else { break };
            for found in list {
                match found {
                    Found::Item(item) => round.items.push(item),
                    Found::Failed { path, failure } => round.unread.push((path, failure)),
                }
            }
        }
        Ok((!round.items.is_empty() || !round.unread.is_empty()).then_some(round))
    }

    /// Fails where the cartridge could not be read at all.
    pub(super) async fn end(self) -> Outcome<()> {
        drop(self.lists);
        self.walk.await.map_err(|cause| Failure::host("the walk broke off", cause))?
    }
}

/// The whole of a cartridge.
pub(super) async fn ground(engine: &Engine, cartridge: &Cartridge) -> Outcome<Ground> {
    engine.places.source(&Place::Location { location: cartridge.location, path: String::new() }).await
}

/// The copies that are recorded of these items, by key. Entries of several trees may share one.
pub(super) async fn recorded(
    engine: &Engine,
    cartridge: &Cartridge,
    plot: &Plot,
    items: &[Item],
) -> Outcome<HashMap<String, Vec<Replica>>> {
    let keys = items.iter().map(|item| plot.tree.key(item)).collect::<Outcome<Vec<String>>>()?;
    let mut recorded: HashMap<String, Vec<Replica>> = HashMap::new();
    for replica in engine.catalogue.replicas_under(cartridge.location, &keys).await? {
        recorded.entry(replica.key.clone()).or_default().push(replica);
    }
    Ok(recorded)
}

/// What is told of the paths of a cartridge, besides what became of the cartridge.
pub(super) struct Told<'t> {
    engine: &'t Engine,
    job: &'t Job,
    cartridge: &'t Cartridge,
    waiting: Vec<PathOutcome>,
    /// Paths that something is wrong with.
    pub(super) wrong: u64,
}

impl<'t> Told<'t> {
    pub(super) fn new(engine: &'t Engine, job: &'t Job, cartridge: &'t Cartridge) -> Self {
        Self { engine, job, cartridge, waiting: Vec::new(), wrong: 0 }
    }

    pub(super) async fn failed(&mut self, path: &str, failure: Failure) -> Outcome<()> {
        self.wrong += 1;
        self.tell(path, PathState::Failed, failure).await
    }

    /// Nothing is wrong, but somebody may want to know.
    pub(super) async fn warned(&mut self, path: &str, failure: Failure) -> Outcome<()> {
        self.tell(path, PathState::Skipped, failure).await
    }

    async fn tell(&mut self, path: &str, state: PathState, failure: Failure) -> Outcome<()> {
        // Another cartridge of the same job may have a file of the same path.
        let path = format!("{}/{path}", self.cartridge.barcode);
        let (job, failure, finished) = (self.job.id, Some(failure), Timestamp::now());
        self.waiting.push(PathOutcome { job, path, state, bytes: 0, failure, finished });
        if self.waiting.len() >= TOLD_TOGETHER { self.write().await } else { Ok(()) }
    }

    pub(super) async fn write(&mut self) -> Outcome<()> {
        let outcomes = std::mem::take(&mut self.waiting);
        if outcomes.is_empty() {
            return Ok(());
        }
        self.engine.catalogue.record(Record { outcomes, ..Record::default() }).await
    }

    /// Copies that are recorded and were not among those that were `shown`. They stay recorded: nothing goes by inference (D12).
    pub(super) async fn missing(&mut self, shown: &HashSet<ReplicaId>, control: &Control) -> Outcome<()> {
        let (began, mut after) = (self.job.created, None);
        loop {
            control.ready().await?;
            let page = self.engine.catalogue.recorded(self.cartridge.location, after.as_ref(), PAGE).await?;
            let Some(last) = page.last().cloned() else { return Ok(()) };
            // What another job wrote meanwhile was not there when the walk came by.
            let is_gone = |one: &&Recorded| one.replica.created < began && !shown.contains(&one.replica.id);
            for gone in page.iter().filter(is_gone) {
                let failure = Failure::new(Kind::Corrupt, format!("{:?} is recorded, but not on the tape", gone.replica.key));
                let failure = failure.with_code("not-there").with_retry(Retry::Never);
                self.failed(&gone.replica.key, failure.with_next_step("copy it there again, or erase it from the tape")).await?;
            }
            after = Some(last);
        }
    }
}
