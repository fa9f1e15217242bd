//! Work on tapes as a definition has it: which ones are meant, and what is to become of them.
//!
//! A tape is named as an end, of either direction, or is in a pool that is; a list of barcodes leaves the others of that pool alone. An
//! end that is a scratch pool is where formatted tapes go, and a container as a destination is where files become entries that were found
//! on tapes. Of a duplication the ends have the direction that they say.

use std::collections::BTreeSet;

use capstan_catalogue::Catalogue;
use capstan_domain::cartridge::Cartridge;
use capstan_domain::ids::{LocationId, PoolId};
use capstan_domain::job::{Definition, Place, TransferOptions, Verify, Work};
use capstan_domain::listing::{Filter, Listing, Operator};
use capstan_domain::pool::{PoolContent, PoolRole};
use capstan_domain::{Failure, Kind, Outcome};
use serde::{Deserialize, Serialize};

/// Tapes of one run; more are refused.
const TAPES_MAX: usize = 10_000;
/// Tapes read from the catalogue at once.
const PAGE: u32 = 1000;

/// In a definition's options under `tapes`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TapeOptions {
    /// Of the tapes that the ends name, only these; without an end, these. Empty: all that the ends name.
    pub barcodes: Vec<String>,
    /// Formatted tapes go to the scratch pool.
    pub to_scratch: bool,
    /// Tapes are formatted also where copies are recorded.
    pub force: bool,
}

pub(super) async fn work(
    catalogue: &Catalogue,
    definition: &Definition,
    (sources, mut destinations): (Vec<Place>, Vec<Place>),
    options: TapeOptions,
) -> Outcome<Work> {
    let reads_index = definition.action == "get_index";
    let into = destinations.iter().position(|place| reads_index && matches!(place, Place::Space { .. }));
    let into = into.map(|at| destinations.remove(at));
    let meant = meant(catalogue, [sources, destinations].concat(), &options.barcodes).await?;
    if meant.cartridges.is_empty() {
        return Err(Failure::invalid(format!("{} names no tape", definition.name)).with_code("blank"));
    }
    if meant.cartridges.len() > TAPES_MAX {
        return Err(Failure::invalid(format!("at most {TAPES_MAX} tapes at once")).with_code("too-many"));
    }
    let cartridges = meant.cartridges;
    Ok(match definition.action.as_str() {
        "ejection" => Work::EjectCartridges { cartridges },
        "get_index" => Work::ReadIndexes { cartridges, into },
        "check_consistency" => Work::CheckCartridges { cartridges },
        "erase" => Work::FormatCartridges { cartridges, scratch: None, force: true },
        _ => {
            let scratch = match (meant.scratch, options.to_scratch) {
                (Some(pool), _) => Some(pool),
                (None, true) => Some(scratch_pool(catalogue).await?),
                (None, false) => None,
            };
            Work::FormatCartridges { cartridges, scratch, force: options.force }
        }
    })
}

/// A copy of all that is on the source's tapes, each file at its path.
pub(super) async fn duplication(
    catalogue: &Catalogue,
    definition: &Definition,
    (sources, destinations): (Vec<Place>, Vec<Place>),
    barcodes: &[String],
    options: TransferOptions,
) -> Outcome<Work> {
    if sources.is_empty() || destinations.is_empty() {
        let what = if sources.is_empty() { "source" } else { "destination" };
        return Err(Failure::invalid(format!("{} has no {what}", definition.name)).with_code("blank"));
    }
    let from = meant(catalogue, sources, barcodes).await?.cartridges;
    if from.is_empty() || from.len() > TAPES_MAX {
        return Err(Failure::invalid(format!("{} names no tape, or more than {TAPES_MAX}", definition.name)).with_code("blank"));
    }
    let to = meant(catalogue, destinations.clone(), &[]).await?.cartridges;
    if to.is_empty() {
        return Err(Failure::invalid(format!("the destination of {} has no tape", definition.name)).with_code("blank"));
    }
    if from.iter().any(|tape| to.contains(tape)) {
        return Err(Failure::invalid(format!("{} would copy a tape onto itself", definition.name))
            .with_code("destination-in-source")
            .with_next_step("name a tape, or a pool, that is no source"));
    }
    let sources = from.into_iter().map(|location| Place::Location { location, path: String::new() }).collect();
    // A copy of a copy is only worth what was read back of it.
    Ok(Work::Transfer { sources, destinations, remove_source: false, verify: Verify::ReadBack, options })
}

/// Whether these places are tapes as a whole, or pools of tapes.
pub(super) async fn are_whole_tapes(catalogue: &Catalogue, places: &[Place]) -> Outcome<bool> {
    let mut whole = 0;
    for place in places {
        whole += usize::from(match place {
            Place::Location { location, path } if path.is_empty() => match catalogue.cartridge(*location).await {
                Ok(_) => true,
                Err(failure) if failure.kind == Kind::NotFound => false,
                Err(failure) => return Err(failure),
            },
            Place::Pool { pool, path } if path.is_empty() => catalogue.pool(*pool).await?.content == PoolContent::Tape,
            _ => false,
        });
    }
    if whole > 0 && whole < places.len() {
        return Err(Failure::invalid("tapes that are erased as a whole are not erased together with anything else")
            .with_code("invalid")
            .with_next_step("make a task for the tapes, and another one for the files"));
    }
    Ok(whole > 0)
}

#[derive(Default)]
struct Meant {
    cartridges: Vec<LocationId>,
    scratch: Option<PoolId>,
}

async fn meant(catalogue: &Catalogue, ends: Vec<Place>, barcodes: &[String]) -> Outcome<Meant> {
    let mut meant = Meant::default();
    let mut named = Vec::new();
    for end in &ends {
        match end {
            // Also says so where the location is no tape.
            Place::Location { location, .. } => named.push(catalogue.cartridge(*location).await?),
            Place::Pool { pool, .. } => {
                let pool = catalogue.pool(*pool).await?;
                if pool.content != PoolContent::Tape {
                    return Err(Failure::invalid(format!("pool {} has no tapes", pool.name)).with_code("invalid"));
                }
                if pool.role == PoolRole::Scratch && ends.len() > 1 {
                    meant.scratch = Some(pool.id);
                    continue;
                }
                named.extend(tapes(catalogue, Listing::first(PAGE).with("pool", Operator::Equal, pool.id)).await?);
            }
            Place::Space { .. } => {
                return Err(Failure::invalid("this is done to tapes, not to a container").with_code("invalid"));
            }
        }
    }
    let wanted: BTreeSet<&str> = barcodes.iter().map(String::as_str).collect();
    if named.is_empty() && !wanted.is_empty() {
        let mut listing = Listing::first(PAGE);
        let (field, operator) = ("barcode".to_owned(), Operator::In);
        listing.filters.push(Filter { field, operator, values: wanted.iter().map(|barcode| (*barcode).to_owned()).collect() });
        named = tapes(catalogue, listing).await?;
    }
    if let Some(unknown) = wanted.iter().find(|barcode| !named.iter().any(|tape| tape.barcode == **barcode)) {
        return Err(Failure::invalid(format!("there is no tape {unknown} among those that are named")).with_code("not-found"));
    }
    named.retain(|tape| wanted.is_empty() || wanted.contains(tape.barcode.as_str()));
    let mut seen = BTreeSet::new();
    meant.cartridges = named.into_iter().map(|tape| tape.location).filter(|location| seen.insert(*location)).collect();
    Ok(meant)
}

async fn tapes(catalogue: &Catalogue, mut listing: Listing) -> Outcome<Vec<Cartridge>> {
    let mut tapes = Vec::new();
    loop {
        let page = catalogue.cartridges(&listing).await?;
        tapes.extend(page.items);
        listing.offset += u64::from(PAGE);
        if listing.offset >= page.count || tapes.len() > TAPES_MAX {
            return Ok(tapes);
        }
    }
}

/// The oldest one.
async fn scratch_pool(catalogue: &Catalogue) -> Outcome<PoolId> {
    let listing = Listing::first(1).with("role", Operator::Equal, "scratch").with("content", Operator::Equal, "tape");
    match catalogue.pools(&listing).await?.items.first() {
        Some(pool) => Ok(pool.id),
        None => Err(Failure::invalid("there is no scratch pool")
            .with_code("not-found")
            .with_next_step("make a pool of type scratch, with content tape")),
    }
}
