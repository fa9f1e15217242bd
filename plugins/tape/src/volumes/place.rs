//! A cartridge into a drive: the one that it is in, a free one, or one whose cartridge nobody used for a while.
//!
//! Whoever waits for a drive waits [`WAIT`] and is told `drives-full` then, so that it can come back without holding a call. The cartridge that
//! makes room is synced and carried home first.

use std::rc::Rc;
use std::time::{Duration, Instant};

use capstan_sdk::failure::cancelled;
use capstan_sdk::turn::Turns;
use capstan_sdk::types::TapeDrive;
use capstan_sdk::{Failure, Outcome, log};

use super::uses::{self, Using};
use super::{close, drive_of};
use crate::inventory::{drive_at, holder, of};
use crate::outside;
use crate::robot;
use crate::site::{Site, site};

/// How long a call waits for a drive, and the pause between two looks.
const WAIT: Duration = Duration::from_secs(40);
const PAUSE_MS: u64 = 500;
const DRIVES_FULL: &str = "drives-full";

thread_local! {
    /// One cartridge is placed at a time: two would take each other's drives.
    static PLACING: &'static Turns = Box::leak(Box::default());
}

/// The drive that has the cartridge, which stays in it as long as the call uses it.
pub(crate) async fn drive(cartridge: &str) -> Outcome<(String, Using)> {
    if let Some((drive, _)) = drive_of(cartridge) {
        let using = Using::of(&drive);
        return Ok((drive, using));
    }
    let loaded = place(cartridge, false).await?;
    Ok((loaded.0.name, loaded.1))
}

/// By hand: into this drive, or into any.
pub(crate) async fn load(cartridge: &str, wanted: Option<&str>) -> Outcome<TapeDrive> {
    match wanted {
        Some(_) => {
            let drive = robot::load(cartridge, wanted).await?;
            uses::loaded(&drive.name, true);
            Ok(drive)
        }
        None => Ok(place(cartridge, true).await?.0),
    }
}

async fn place(cartridge: &str, by_hand: bool) -> Outcome<(TapeDrive, Using)> {
    let (site, begun) = (site().await?, Instant::now());
    loop {
        let placing = PLACING.with(|turns| *turns).take().await.map_err(|failure| match failure {
            Failure::TimedOut(_) => capstan_sdk::failure::busy("the library brings other cartridges"),
            other => other,
        })?;
        match robot::load(cartridge, None).await {
            Ok(drive) => {
                let using = Using::of(&drive.name);
                uses::loaded(&drive.name, by_hand);
                return Ok((drive, using));
            }
            Err(failure) if failure.fault().code.as_deref() == Some(DRIVES_FULL) => {
                if make_room(&site, cartridge).await? {
                    continue;
                }
                drop(placing);
                if begun.elapsed() >= WAIT {
                    return Err(failure);
                }
            }
            Err(failure) => return Err(failure),
        }
        if outside::cancelled() {
            return Err(cancelled("the job was cancelled"));
        }
        outside::wait(PAUSE_MS).await;
    }
}

/// Whether a drive came free that the cartridge can be brought to.
async fn make_room(site: &Rc<Site>, cartridge: &str) -> Outcome<bool> {
    let robot = holder(site, cartridge).await?;
    let inventory = of(robot).await?;
    let drives = inventory.drives().filter(|element| element.full).filter_map(|element| drive_at(site, element));
    let Some(drive) = uses::idle_longest(drives) else { return Ok(false) };
    let _using = Using::of(drive);
    if let Err(failure) = close(drive).await {
        // Whoever wrote it is told at the next sync.
        log!(warn, "a volume could not be synced before its cartridge made room", "drive" => drive, "why" => failure.fault().message);
    }
    robot::unload(drive).await?;
    Ok(true)
}
