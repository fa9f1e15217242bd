//! Scan: what a tree holds becomes entries of the catalogue, and what it no longer holds goes from it, carefully.
//!
//! An entry goes only by inference, so the guards of D12 hold: where a walk failed, nothing goes at or below that path; an empty
//! source removes nothing, and more than a share of the entries is a warning for a person to look at. Entries whose content lives
//! only in replicas are not expected to be found and stay. Dying anywhere leaves entries that are older than they could be; the
//! next scan mends that. What could not be read is kept with the scan of a pool, and is what the next one reads first of all.

use std::sync::atomic::Ordering::Relaxed;

use capstan_catalogue::{Crawl, Missing, Record};
use capstan_domain::ids::PoolId;
use capstan_domain::job::{Job, PathOutcome, PathState, Place};
use capstan_domain::time::Timestamp;
use capstan_domain::unread::Unread;
use capstan_domain::{Failure, Kind, Outcome};
use capstan_mover::{Control, Counters, Found, ItemKind};
use tokio::sync::mpsc;

use crate::engine::Engine;
use crate::ledger::Side;
use crate::places::Plot;
use crate::work::{End, transfer::side};

/// Lists of found items between the walk and the catalogue; the walk waits. A list is often one small folder: with a few of them the
/// walk would stand still whenever a batch is written.
const QUEUE: usize = 64;

pub(super) async fn scan(engine: &Engine, job: &Job, places: &[Place], control: &Control, counters: &Counters) -> Outcome<End> {
    let (mut good, mut bad, mut kept) = (0, 0, None);
    for place in places {
        let began = Timestamp::now();
        let ground = engine.places.source(place).await?;
        let Some(tree) = ground.catalogued else {
            return Err(Failure::unsupported("only spaces and primary pools are scanned").with_code("not-catalogued"));
        };
        let marked = Marked::take(engine, place, began).await?;
        let mut unread = Unread::default();
        for plot in &ground.plots {
            let side = side(&ground, plot);
            let mut crawl = engine.catalogue.begin_crawl(tree).await?;
            let tally = walk(engine, job, plot, &side, &mut crawl, control, counters).await??;
            good += tally.files;
            bad += tally.failed;
            kept = kept.or(forget_vanished(engine, &crawl, &side.shown(&plot.path), tally.files).await?);
            unread.add_all(crawl.unread());
        }
        if let Place::Pool { pool, .. } = place {
            engine.catalogue.finish_scan(*pool, Timestamp::now()).await?;
        }
        if let Some(marked) = marked.filter(|_| kept.is_none()) {
            unread.add_all(&marked.beside);
            engine.catalogue.mark_scan(marked.pool, Some(marked.again), &unread).await?;
        }
    }
    counters.walked.store(1, Relaxed);
    Ok(match kept {
        Some(failure) => End::warning(failure),
        None => End::of_paths(good, bad),
    })
}

/// A pool without its mark of completeness: broken off from here on, the scan is not what a rescan may build on. A folder may be
/// recorded as it is now, and what is in it not.
struct Marked {
    pool: PoolId,
    /// The mark that it gets if all goes well.
    again: Timestamp,
    /// What is still unread of the rest of it.
    beside: Unread,
}

impl Marked {
    /// None: no pool, or one that has no mark and gets none, since only a part of it is looked at.
    async fn take(engine: &Engine, place: &Place, began: Timestamp) -> Outcome<Option<Self>> {
        let Place::Pool { pool, path } = place else { return Ok(None) };
        let whole = Standing { complete: began, unread: Unread::default() };
        let before = if path.is_empty() { Some(whole) } else { standing(engine, *pool).await? };
        let Some(before) = before else { return Ok(None) };
        engine.catalogue.mark_scan(*pool, None, &before.unread).await?;
        Ok(Some(Self { pool: *pool, again: before.complete, beside: before.unread.outside(path) }))
    }
}

/// What earlier scans of a pool left.
pub(super) struct Standing {
    /// When all of it was last looked at.
    pub(super) complete: Timestamp,
    /// But for this.
    pub(super) unread: Unread,
}

/// None: something was left unfinished, or the pool has no scan.
pub(super) async fn standing(engine: &Engine, pool: PoolId) -> Outcome<Option<Standing>> {
    match engine.catalogue.scan_of(pool).await {
        Ok(scan) => Ok(scan.last_complete.map(|complete| Standing { complete, unread: scan.unread })),
        Err(failure) if failure.kind == Kind::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}

#[derive(Default)]
pub(super) struct Tally {
    pub(super) files: u64,
    pub(super) failed: u64,
}

/// What is at and under the plot's path is recorded, and the crawl learns what could not be read. The inner failure is the tree's:
/// the path itself could not be read.
pub(super) async fn walk(
    engine: &Engine,
    job: &Job,
    plot: &Plot,
    side: &Side,
    crawl: &mut Crawl,
    control: &Control,
    counters: &Counters,
) -> Outcome<Outcome<Tally>> {
    let (sender, mut receiver) = mpsc::channel(QUEUE);
    let (tree, start) = (plot.tree.clone(), plot.path.clone());
    let walk = tokio::spawn(async move { tree.walk(&start, sender).await });
    let mut tally = Tally::default();
    let mut entries = Vec::with_capacity(engine.limits.scan_batch);
    let mut failed = Vec::new();
    while let Some(found) = receiver.recv().await {
        control.ready().await?;
        for found in found {
            match found {
                Found::Item(item) => {
                    tally.files += u64::from(item.kind == ItemKind::File);
                    entries.extend(side.entry(&item, item.blake3));
                }
                Found::Failed { path, failure } => {
                    tally.failed += 1;
                    crawl.could_not_read(side.shown(&path));
                    failed.push(left_out(job, side.shown(&path), failure));
                }
            }
        }
        if entries.len() >= engine.limits.scan_batch {
            crawl.found(std::mem::take(&mut entries)).await?;
        }
        if !failed.is_empty() {
            engine.catalogue.record(Record { outcomes: std::mem::take(&mut failed), ..Record::default() }).await?;
        }
        counters.files_found.store(tally.files, Relaxed);
        counters.files_processed.store(tally.files, Relaxed);
        counters.files_finalized.store(tally.files, Relaxed);
        counters.files_failed.store(tally.failed, Relaxed);
    }
    if !entries.is_empty() {
        crawl.found(entries).await?;
    }
    let walked = walk.await.map_err(|cause| Failure::host("the walk broke off", cause))?;
    Ok(walked.map(|()| tally))
}

/// Answers the warning if a guard held.
async fn forget_vanished(engine: &Engine, crawl: &Crawl, under: &str, found: u64) -> Outcome<Option<Failure>> {
    if let Some(failure) = guarded(engine, crawl.missing(under).await?, found) {
        return Ok(Some(failure));
    }
    crawl.sweep(under).await?;
    Ok(None)
}

/// Whether so many may go by inference (D12). `found`: files that are there.
pub(super) fn guarded(engine: &Engine, missing: Missing, found: u64) -> Option<Failure> {
    let (vanished, known) = (missing.missing, missing.known);
    let limits = &engine.limits;
    let share = vanished * 100 > known * limits.guard_percent && vanished > limits.guard_floor;
    if vanished == 0 || !(found == 0 || vanished > limits.guard_entries || share) {
        return None;
    }
    let why = if found == 0 { "the source is empty" } else { "that is more than a scan may infer" };
    let message = format!("{vanished} of {known} known entries were not found and were kept: {why}");
    let failure = Failure::new(Kind::Conflict, message).with_code("deletion-guard");
    Some(
        failure
            .with_next_step("make sure that the source is mounted and whole; if the files are really gone, erase them by a task"),
    )
}

pub(super) fn left_out(job: &Job, path: String, failure: Failure) -> PathOutcome {
    PathOutcome { job: job.id, path, state: PathState::Failed, bytes: 0, failure: Some(failure), finished: Timestamp::now() }
}
