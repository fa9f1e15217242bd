//! Tape drives that nobody needs any more, and those that ask to be cleaned.
//!
//! A cartridge that no job has used for a while goes back to its slot, so that it wears no drive and others find one free; whoever wants it
//! next gets it loaded again. A drive that asks for it and is empty gets a cleaning cartridge, if its library has one that is not used up.
//! Of several hosts one does either, and nothing of it is a job: what a look does not come to, the next one does.

use std::sync::Arc;

use capstan_domain::audit::{NewAuditEvent, Verdict};
use capstan_domain::cartridge::Cartridge;
use capstan_domain::ids::{JobId, LocationId};
use capstan_domain::listing::{Listing, Operator, Sort};
use capstan_domain::ports::Media;
use capstan_domain::tape_drive::TapeDrive;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use serde_json::json;
use tracing::{error, info, warn};

use crate::engine::Engine;

/// Drives that are dealt with in one look; the rest is at the next.
const BATCH: u32 = 64;
/// Cleanings that a cartridge is good for, as its makers say.
const CLEANINGS_MAX: u64 = 50;
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
    let before = ago(engine.limits.idle_drive);
    for (drive, cartridge) in engine.catalogue.idle_tape_drives(before, BATCH).await? {
        if engine.catalogue.take_idle_cartridge(cartridge, before).await?
            && let Err(failure) = empty(engine, &drive, cartridge).await
        {
            warn!(drive = drive.name, %failure, detail = failure.detail, "an idle cartridge stays in its drive");
        }
    }
    for drive in engine.catalogue.dirty_tape_drives(ago(engine.limits.cleaning_pause), BATCH).await? {
        let Some(cleaner) = cleaner(engine, &drive).await? else { continue };
        if engine.catalogue.begin_cleaning(&drive).await? {
            clean(engine, &drive, &cleaner).await?;
        }
    }
    Ok(())
}

fn ago(duration: std::time::Duration) -> Timestamp {
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
    media(engine, drive).await?.unload(&drive.serial, &format!("idle-{}", JobId::new())).await?;
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
    match &failure {
        None => info!(drive = drive.name, cartridge = cleaner.barcode, "a tape drive was cleaned"),
        Some(failure) => {
            warn!(drive = drive.name, cartridge = cleaner.barcode, %failure, detail = failure.detail, "a tape drive was not cleaned");
            if failure.code.as_deref() == Some(CLEANING_FAILED) {
                // Used up, as a rule: it is not taken again until somebody looked.
                engine.catalogue.record_check(cleaner.location, false).await?;
            }
        }
    }
    engine.catalogue.record_cleaning(drive.id, failure.as_ref()).await?;
    let event = NewAuditEvent {
        actor: None,
        action: "clean".to_owned(),
        noun: "tape drive".to_owned(),
        subject: drive.name.clone(),
        verdict: if failure.is_none() { Verdict::Done } else { Verdict::Failed },
        detail: json!({ "number": drive.number, "serial": drive.serial, "cartridge": cleaner.barcode }),
    };
    engine.catalogue.append_audit(&event).await?;
    engine.catalogue.ask_inventory(&[cleaner.location]).await
}
