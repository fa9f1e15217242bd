//! Erase: the caller's word, obeyed. Files first, then the folders they leave empty.
//!
//! A path in a pool of several cartridges or buckets is erased where it stands; it is gone, and an error, where it stands nowhere. From a
//! cartridge a file goes with its name; the room it took comes back with a format.
//!
//! A file is removed before its outcome is recorded: dying between the two leaves an entry for a file that is gone, and the next run
//! removes what is gone already with success.

use std::sync::atomic::Ordering::Relaxed;

use capstan_catalogue::Record;
use capstan_domain::ids::LocationId;
use capstan_domain::job::{Job, PathOutcome, PathState, Place};
use capstan_domain::time::Timestamp;
use capstan_domain::{Kind, Outcome};
use capstan_mover::{Control, Counters, Found, Item, ItemKind};
use tokio::sync::mpsc;

use crate::engine::Engine;
use crate::ledger::{Gathered, Side};
use crate::places::Plot;
use crate::work::scan::left_out;
use crate::work::{End, folders, readings, transfer::side};

/// Lists of found items between the walk and the removal; the walk waits.
const QUEUE: usize = 4;
/// Files removed together.
const BATCH: usize = 1000;

pub(super) async fn erase(engine: &Engine, job: &Job, places: &[Place], control: &Control, counters: &Counters) -> Outcome<End> {
    let (mut good, mut bad) = (0, 0);
    for place in places {
        let ground = engine.places.source(place).await?;
        let locations: Vec<LocationId> = ground.plots.iter().filter_map(|plot| plot.tree.location()).collect();
        engine.catalogue.hold_cartridges(job.id, &locations, true).await?;
        let (mut absent, several) = (None, ground.plots.len() > 1 && ground.catalogued.is_none());
        let mut is_anywhere = false;
        for plot in &ground.plots {
            match clear(engine, job, plot, &side(&ground, plot), control, counters).await {
                Ok((gone, stayed)) => {
                    is_anywhere = true;
                    good += gone;
                    bad += stayed;
                }
                Err(failure) if several && failure.kind == Kind::NotFound => absent = Some(failure),
                Err(failure) => return Err(failure),
            }
        }
        readings::take_all(engine, &locations).await?;
        // Where something was put into drives for it, places are others by now.
        engine.catalogue.ask_inventory(&locations).await?;
        if let Some(failure) = absent.filter(|_| !is_anywhere) {
            return Err(failure);
        }
    }
    counters.walked.store(1, Relaxed);
    Ok(End::of_paths(good, bad))
}

async fn clear(
    engine: &Engine,
    job: &Job,
    plot: &Plot,
    side: &Side,
    control: &Control,
    counters: &Counters,
) -> Outcome<(u64, u64)> {
    let (sender, mut receiver) = mpsc::channel(QUEUE);
    let (tree, start) = (plot.tree.clone(), plot.path.clone());
    let walk = tokio::spawn(async move { tree.walk(&start, sender).await });
    let (mut good, mut bad) = (0, 0);
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let found = receiver.recv().await;
        let last = found.is_none();
        for found in found.into_iter().flatten() {
            match found {
                Found::Item(Item { kind: ItemKind::Folder { .. }, .. }) => {}
                Found::Item(item) => {
                    counters.files_found.fetch_add(1, Relaxed);
                    batch.push(item);
                }
                Found::Failed { path, failure } => {
                    bad += 1;
                    let outcomes = vec![left_out(job, side.shown(&path), failure)];
                    engine.catalogue.record(Record { outcomes, ..Record::default() }).await?;
                }
            }
        }
        if batch.len() >= BATCH || last {
            control.ready().await?;
            let (gone, stayed) = remove(engine, job, plot, side, std::mem::take(&mut batch)).await?;
            good += gone;
            bad += stayed;
            counters.files_processed.store(good + bad, Relaxed);
            counters.files_finalized.store(good, Relaxed);
            counters.files_failed.store(bad, Relaxed);
        }
        if last {
            break;
        }
    }
    walk.await.map_err(|cause| capstan_domain::Failure::host("the walk broke off", cause))??;
    plot.tree.remove_empty_folders(&plot.path, &job.id.to_string()).await?;
    plot.tree.sync().await?;
    folders::forget_vanished(engine, plot, side, control).await?;
    Ok((good, bad))
}

async fn remove(engine: &Engine, job: &Job, plot: &Plot, side: &Side, items: Vec<Item>) -> Outcome<(u64, u64)> {
    if items.is_empty() {
        return Ok((0, 0));
    }
    let results = plot.tree.remove(&items, false, &job.id.to_string()).await;
    plot.tree.sync().await?;
    let (mut good, mut bad) = (0, 0);
    let mut record = Gathered::default();
    for (item, result) in items.into_iter().zip(results) {
        let path = side.shown(&item.path);
        match result {
            Ok(()) => {
                good += 1;
                record.gone(side, &item, &path);
                let (job, bytes, finished) = (job.id, item.size, Timestamp::now());
                record.outcomes.push(PathOutcome { job, path, state: PathState::Done, bytes, failure: None, finished });
            }
            Err(failure) => {
                bad += 1;
                record.outcomes.push(left_out(job, path, failure));
            }
        }
    }
    engine.catalogue.record(record.into_record()).await?;
    Ok((good, bad))
}
