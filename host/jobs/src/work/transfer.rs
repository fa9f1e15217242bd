//! Copy and move: places become trees, the mover does the rest.
//!
//! A path keeps its place: what lies at `a/b` of a source lands at `a/b` under each destination, so that a copy out and a copy back
//! restore what was there.

use std::sync::Arc;

use capstan_domain::Outcome;
use capstan_domain::ids::LocationId;
use capstan_domain::job::{Job, Place, TransferOptions, Verify};
use capstan_mover::{Control, Counters, Destination, Options, Source, Transfer};

use crate::engine::Engine;
use crate::ledger::{CatalogueLedger, Side};
use crate::places::{Ground, Plot};
use crate::work::{End, readings};

pub(super) async fn transfer(
    engine: &Engine,
    job: &Job,
    (sources, destinations): (&[Place], &[Place]),
    (remove_source, verify, options): (bool, Verify, TransferOptions),
    control: Control,
    counters: Arc<Counters>,
) -> Outcome<End> {
    let mut from = Vec::new();
    let mut from_sides: Vec<Side> = Vec::new();
    for place in sources {
        let ground = engine.places.source(place).await?;
        for plot in &ground.plots {
            from_sides.push(side(&ground, plot));
            from.push(Source { tree: plot.tree.clone(), path: plot.path.clone(), place_at: plot.path.clone() });
        }
    }
    let mut to = Vec::new();
    let mut to_sides: Vec<Vec<Side>> = Vec::new();
    for place in destinations {
        let ground = engine.places.destination(place).await?;
        to_sides.push(ground.plots.iter().map(|plot| side(&ground, plot)).collect());
        to.push(Destination { trees: ground.plots.into_iter().map(|plot| plot.tree).collect() });
    }
    let all = from_sides.iter().chain(to_sides.iter().flatten());
    let locations: Vec<LocationId> = all.filter_map(Side::location).collect();
    let ledger = CatalogueLedger::new(engine.catalogue.clone(), Some(job.id), from_sides, to_sides);
    let transfer = Transfer {
        sources: from,
        destinations: to,
        ledger: Arc::new(ledger),
        control,
        counters,
        options: Options {
            verify,
            remove_source,
            overwrite: options.overwrite,
            rename: options.rename,
            bandwidth: engine.limits.bandwidth_of(options.bandwidth),
            storage_class: options.storage_class,
            attempt: job.id.to_string(),
        },
        limits: engine.limits.transfer.clone(),
    };
    // Nobody takes away meanwhile, or empties, what is read and written here.
    engine.catalogue.hold_cartridges(job.id, &locations, false).await?;
    let moved = transfer.run().await;
    if moved.is_ok() {
        readings::take_all(engine, &locations).await?;
    }
    // What lies on tapes may have been carried for it, also where it broke off.
    engine.catalogue.ask_inventory(&locations).await?;
    moved?;
    // Of the whole job, not of this run only: it may have been taken up more than once.
    let tally = engine.catalogue.tally(job.id).await?;
    Ok(End::of_paths(tally.done + tally.unchanged, tally.failed + tally.skipped))
}

pub(super) fn side(ground: &Ground, plot: &Plot) -> Side {
    Side { catalogued: ground.catalogued, shown_under: plot.shown_under.clone(), tree: plot.tree.clone() }
}
