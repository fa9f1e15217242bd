//! Tape drives that nobody needs any more, and those that ask to be cleaned.
//!
//! A cartridge that no job has used for a while goes back to its slot, so that it wears no drive and others find one free; whoever wants it
//! next gets it loaded again. A drive that asks for it and is empty gets a cleaning cartridge, if its library has one that is not used up; one
//! that asks and is not empty gives its cartridge back as soon as no job uses it.
//! Of several hosts one does either, and nothing of it is a job: what a look does not come to, the next one does.

use std::sync::Arc;
use std::time::Duration;

use capstan_domain::audit::{NewAuditEvent, Verdict};
use capstan_domain::cartridge::Cartridge;
use capstan_domain::ids::{JobId, LocationId};
use capstan_domain::listing::{Listing, Operator, Sort};
use capstan_domain::ports::Media;
use capstan_domain::tape_drive::{DriveState, TapeDrive};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Kind, Outcome};
use serde_json::json;
use tracing::{error, info, warn};

use crate::engine::Engine;
use crate::work::take_reading;

/// Drives that are dealt with in one look; the rest is at the next.
const BATCH: u32 = 64;
/// Cleanings that a cartridge is good for, as its makers say.
const CLEANINGS_MAX: u64 = 50;
/// Code of a drive that asks to be cleaned in a library that cannot.
const NO_CLEANER: &str = "no-cleaning-cartridge";
/// Code of what a cleaning cartridge comes to that is used up.
const CLEANING_FAILED: &str = "cleaning-failed";

pub(crate) async fn watch(engine: Arc<Engine>) {
    let mut closing = engine.closing.subscribe();
    loop {
        tokio::select! {
            looked = look(&engine) => if let Err(failure) = looked {
                error!(%failure, detail = failure.detail, "the tape drives that are idle cannot be read");
            },
            _ = closing.wait_for(|closing| *closing) => return,
        }
        tokio::select! {
            () = tokio::time::sleep(engine.limits.schedule) => {}
            _ = closing.wait_for(|closing| *closing) => return,
        }
    }
}

async fn look(engine: &Engine) -> Outcome<()> {
    let (before, before_dirty) = (ago(engine.limits.idle_drive), ago(engine.limits.idle_dirty_drive));
    for (drive, cartridge) in engine.catalogue.idle_tape_drives(before, before_dirty, BATCH).await? {
        let before = if drive.state == DriveState::CleaningNeeded { before_dirty } else { before };
        if engine.catalogue.take_idle_cartridge(cartridge, before).await?
            && let Err(failure) = empty(engine, &drive, cartridge).await
        {
            warn!(drive = drive.name, %failure, detail = failure.detail, "an idle cartridge stays in its drive");
        }
    }
    let (pause, missing_pause) = (engine.limits.cleaning_pause, engine.limits.missing_cleaner_pause);
    for drive in engine.catalogue.dirty_tape_drives(ago(pause.min(missing_pause)), BATCH).await? {
        let missed = drive.cleaning_failure.as_ref().is_some_and(|failure| failure.code.as_deref() == Some(NO_CLEANER));
        let cleaner = cleaner(engine, &drive).await?;
        // What found no cartridge does not wait once there is one.
        let pause = if missed && cleaner.is_none() {
            missing_pause
        } else if missed {
            Duration::ZERO
        } else {
            pause
        };
        if drive.cleaned.is_some_and(|cleaned| cleaned > ago(pause)) || !engine.catalogue.begin_cleaning(&drive).await? {
            continue;
        }
        match cleaner {
            Some(cleaner) => clean(engine, &drive, &cleaner).await?,
            None => {
                let library = engine.catalogue.library(drive.library).await?;
                tell(engine, &drive, None, Some(&no_cleaner(&drive, &library.name))).await?;
            }
        }
    }
    Ok(())
}

fn no_cleaner(drive: &TapeDrive, library: &str) -> Failure {
    let name = &drive.name;
    Failure::new(
        Kind::Unavailable,
        format!("drive {name} asks to be cleaned, and library {library} has no cleaning cartridge for it"),
    )
    .with_code(NO_CLEANER)
    .with_next_step("put a cleaning cartridge that is not used up into the library, then take its inventory")
}

fn ago(duration: Duration) -> Timestamp {
    let nanos = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    Timestamp(Timestamp::now().0.saturating_sub(nanos))
}

async fn media(engine: &Engine, drive: &TapeDrive) -> Outcome<Arc<dyn Media>> {
    let connection = engine.places.connect(drive.target).await?;
    connection.media().ok_or_else(|| {
        Failure::unsupported(format!("the plugin of drive {} serves no tape library", drive.name)).with_code("no-media")
    })
}

async fn empty(engine: &Engine, drive: &TapeDrive, cartridge: LocationId) -> Outcome<()> {
    let media = media(engine, drive).await?;
    if let Some(barcode) = &drive.cartridge {
        take_reading(engine, media.as_ref(), &drive.serial, barcode, cartridge).await?;
    }
    media.unload(&drive.serial, &format!("idle-{}", JobId::new())).await?;
    info!(drive = drive.name, cartridge = drive.cartridge, "a cartridge that nobody used was put away");
    engine.catalogue.ask_inventory(&[cartridge]).await
}

/// One that is in the drive's library, and that was used least.
async fn cleaner(engine: &Engine, drive: &TapeDrive) -> Outcome<Option<Cartridge>> {
    let mut listing = Listing::first(1)
        .with("library", Operator::Equal, drive.library)
        .with("cleaning", Operator::Equal, true)
        .with("known", Operator::Equal, true)
        .with("mounted", Operator::Equal, false)
        .with("locked", Operator::Equal, false)
        .with("need_to_check", Operator::Equal, false)
        .with("loads", Operator::Less, CLEANINGS_MAX);
    listing.sort = vec![Sort { field: "loads".to_owned(), descending: false }];
    Ok(engine.catalogue.cartridges(&listing).await?.items.into_iter().next())
}

async fn clean(engine: &Engine, drive: &TapeDrive, cleaner: &Cartridge) -> Outcome<()> {
    let cleaned = async {
        let media = media(engine, drive).await?;
        media.load(&cleaner.barcode, Some(&drive.serial), &format!("clean-{}", JobId::new())).await.map(|_| ())
    };
    let failure = cleaned.await.err();
    if failure.as_ref().is_some_and(|failure| failure.code.as_deref() == Some(CLEANING_FAILED)) {
        // Used up, as a rule: it is not taken again until somebody looked.
        engine.catalogue.record_check(cleaner.location, false).await?;
    }
    tell(engine, drive, Some(&cleaner.barcode), failure.as_ref()).await?;
    engine.catalogue.ask_inventory(&[cleaner.location]).await
}

/// What a cleaning came to.
async fn tell(engine: &Engine, drive: &TapeDrive, cleaner: Option<&str>, failure: Option<&Failure>) -> Outcome<()> {
    match failure {
        None => info!(drive = drive.name, cartridge = cleaner, "a tape drive was cleaned"),
        Some(failure) => {
            warn!(drive = drive.name, cartridge = cleaner, %failure, detail = failure.detail, "a tape drive was not cleaned")
        }
    }
    engine.catalogue.record_cleaning(drive.id, failure).await?;
    let event = NewAuditEvent {
        actor: None,
        action: "clean".to_owned(),
        noun: "tape drive".to_owned(),
        subject: drive.name.clone(),
        verdict: if failure.is_none() { Verdict::Done } else { Verdict::Failed },
        detail: json!({ "number": drive.number, "serial": drive.serial, "cartridge": cleaner, "failure": failure }),
    };
    engine.catalogue.append_audit(&event).await
}
