//! One deed on each cartridge of a list, one after the other.
//!
//! What became of a cartridge is recorded under its barcode, in one transaction with what the deed changed: a run that goes on after a
//! crash leaves alone what is done. A deed may tell of paths on it besides. Where a drive or a mail slot has to come free, or another job
//! works with the cartridge, the job waits, and frees its worker.

use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;

use async_trait::async_trait;
use capstan_catalogue::Record;
use capstan_domain::cartridge::Cartridge;
use capstan_domain::failure::{Kind, Retry};
use capstan_domain::ids::LocationId;
use capstan_domain::job::{Job, PathOutcome, PathState};
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::ports::Media;
use capstan_domain::tape_drive::TapeDrive;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use capstan_mover::{Control, Counters};

use crate::engine::Engine;
use crate::run::may_wait;
use crate::work::scan::left_out;
use crate::work::{End, readings};

/// Outcomes read at once.
const PAGE: u32 = 1000;
/// Drives of a library that are looked at.
const DRIVES_MAX: u32 = 1000;
/// Code of a failure that ends when a drive comes free.
pub(crate) const DRIVES_FULL: &str = "drives-full";
/// Code of a failure that ends when somebody empties a mail slot.
pub(crate) const MAIL_SLOTS_FULL: &str = "mail-slots-full";

#[async_trait]
pub(super) trait Deed: Sync {
    /// Whether nobody else may work with the cartridge meanwhile.
    fn is_alone(&self) -> bool {
        false
    }

    /// Done and recorded when it answers.
    async fn on(&self, cartridge: &Cartridge, media: &dyn Media) -> Outcome<()>;
}

pub(super) async fn each(
    engine: &Engine,
    job: &Job,
    cartridges: &[LocationId],
    control: &Control,
    counters: &Counters,
    deed: &dyn Deed,
) -> Outcome<End> {
    let worked = work(engine, job, cartridges, control, counters, deed).await;
    // Also where it broke off: something may have been carried.
    engine.catalogue.ask_inventory(cartridges).await?;
    worked
}

async fn work(
    engine: &Engine,
    job: &Job,
    cartridges: &[LocationId],
    control: &Control,
    counters: &Counters,
    deed: &dyn Deed,
) -> Outcome<End> {
    let before = done_before(engine, job).await?;
    counters.files_found.store(u64::try_from(cartridges.len()).unwrap_or(u64::MAX), Relaxed);
    counters.walked.store(1, Relaxed);
    let (mut good, mut bad) = (0, 0);
    for id in cartridges {
        control.ready().await?;
        match one(engine, job, *id, &before, deed).await? {
            Ok(()) => good += 1,
            Err(left_out) => {
                bad += 1;
                engine.catalogue.record(Record { outcomes: vec![left_out], ..Record::default() }).await?;
            }
        }
        counters.files_processed.store(good + bad, Relaxed);
        counters.files_finalized.store(good, Relaxed);
        counters.files_failed.store(bad, Relaxed);
    }
    // Also of paths on them, and of earlier runs.
    let tally = engine.catalogue.tally(job.id).await?;
    Ok(End::of_paths(tally.done + tally.unchanged, tally.failed + tally.skipped))
}

/// The outer failure is the job's, which waits or ends; the inner one is this cartridge's.
async fn one(
    engine: &Engine,
    job: &Job,
    id: LocationId,
    before: &HashSet<String>,
    deed: &dyn Deed,
) -> Outcome<Result<(), PathOutcome>> {
    let cartridge = match engine.catalogue.cartridge(id).await {
        Ok(cartridge) => cartridge,
        Err(failure) if failure.kind == Kind::NotFound => return Ok(Err(left_out(job, id.to_string(), failure))),
        Err(failure) => return Err(failure),
    };
    if before.contains(&cartridge.barcode) {
        return Ok(Ok(()));
    }
    match act(engine, job, &cartridge, deed).await {
        Ok(()) => Ok(Ok(())),
        Err(failure) if failure.kind == Kind::Cancelled => Err(failure),
        Err(failure) if failure.retry != Retry::Never && may_wait(engine, job, &failure) => Err(failure),
        Err(failure) => Ok(Err(left_out(job, cartridge.barcode, failure))),
    }
}

async fn act(engine: &Engine, job: &Job, cartridge: &Cartridge, deed: &dyn Deed) -> Outcome<()> {
    if !cartridge.known {
        return Err(Failure::new(Kind::Offline, format!("tape {} is not in its library", cartridge.barcode))
            .with_code("outside")
            .with_retry(Retry::Never)
            .with_next_step("put it into the library, and run it again when the inventory shows it"));
    }
    let connection = engine.places.connect(cartridge.target).await?;
    let media = connection.media().ok_or_else(|| {
        Failure::unsupported(format!("the plugin of tape {} serves no tape library", cartridge.barcode)).with_code("no-media")
    })?;
    engine.catalogue.hold_cartridges(job.id, &[cartridge.location], deed.is_alone()).await?;
    let done = deed.on(cartridge, media.as_ref()).await;
    let taken = if done.is_ok() { readings::take_all(engine, &[cartridge.location]).await } else { Ok(()) };
    engine.catalogue.let_go_of_cartridge(job.id, cartridge.location).await?;
    done.and(taken)
}

/// Barcodes that an earlier run of this job was done with.
async fn done_before(engine: &Engine, job: &Job) -> Outcome<HashSet<String>> {
    let mut done = HashSet::new();
    let mut listing = Listing::first(PAGE).with("state", Operator::Equal, "done");
    loop {
        let page = engine.catalogue.outcomes(job.id, &listing).await?;
        done.extend(page.items.into_iter().map(|outcome| outcome.path));
        listing.offset += u64::from(PAGE);
        if listing.offset >= page.count {
            return Ok(done);
        }
    }
}

pub(super) fn done(job: &Job, cartridge: &Cartridge, bytes: u64) -> PathOutcome {
    let (path, finished) = (cartridge.barcode.clone(), Timestamp::now());
    PathOutcome { job: job.id, path, state: PathState::Done, bytes, failure: None, finished }
}

/// The idempotency key of what one job does with one cartridge.
pub(super) fn attempt(job: &Job, cartridge: &Cartridge, what: &str) -> String {
    format!("{}-{}-{what}", job.id, cartridge.number)
}

/// Which drive to load it into; none: any. Where some drives of a library were left to others, one that was not is named.
pub(super) async fn drive_for(engine: &Engine, cartridge: &Cartridge) -> Outcome<Option<String>> {
    let Some(library) = cartridge.library else { return Ok(None) };
    let listing = Listing::first(DRIVES_MAX).with("library", Operator::Equal, library);
    let drives = engine.catalogue.tape_drives(&listing).await?.items;
    if drives.iter().all(|drive| drive.registered) {
        return Ok(None);
    }
    let holds_it = |drive: &&TapeDrive| drive.cartridge.as_ref() == Some(&cartridge.barcode);
    if let Some(drive) = drives.iter().find(holds_it) {
        return Ok(Some(drive.serial.clone()));
    }
    let free = drives.iter().find(|drive| drive.registered && drive.is_online() && drive.cartridge.is_none());
    match free {
        Some(drive) => Ok(Some(drive.serial.clone())),
        None => Err(Failure::new(Kind::Busy, format!("no drive is free for tape {}", cartridge.barcode))
            .with_code(DRIVES_FULL)
            .with_retry(Retry::Later)
            .with_next_step("wait until a drive comes free, or add one to the library's drives")),
    }
}

/// The robot of a cartridge, by its serial number.
pub(super) fn library_of(cartridge: &Cartridge) -> Outcome<&str> {
    cartridge.library_serial.as_deref().ok_or_else(|| {
        Failure::invalid(format!("tape {} is in no library that is registered", cartridge.barcode))
            .with_code("not-found")
            .with_next_step("register its library again")
    })
}
