//! What the robot does: cartridges from one place to another, into drives and out of them.
//!
//! A move whose answer was lost is looked for: where the cartridge lies says whether it was done. So each of these may be asked for again.

use capstan_iscsi::Data;
use capstan_scsi::changer::{self, Element, Kind};
use capstan_scsi::tape::{self, Ended};
use capstan_scsi::{Reason, Refusal};
use capstan_sdk::failure::{busy, conflict, no_space, not_found};
use capstan_sdk::types;
use capstan_sdk::{Outcome, named};

use crate::cleaning::{self, CLEANING_NEEDED, is_cleaner};
use crate::entry;
use crate::inventory::{Inventory, drive_at, holder, server, shown};
use crate::outside;
use crate::site::{Drive, Robot, Site, site};
use crate::tape::Tape;
use crate::unit::{Stop, Unit};

/// One cartridge to an element that is empty.
pub(crate) async fn shift(robot: &mut Unit, from: u16, to: u16) -> Outcome<()> {
    let before = Inventory::take(robot).await?.elements.get(&from).and_then(|element| element.label.clone());
    // 0: whichever arm the library takes.
    match robot.tell(&changer::move_medium(0, from, to), Data::None, 0).await {
        Ok((Ended::Whole, _)) => Ok(()),
        Ok((ended, _)) => Err(capstan_sdk::failure::malformed("a move ended as it cannot end", format!("{ended:?}"))),
        Err(stop) => {
            let after = Inventory::take(robot).await?;
            let lies = |at: u16| after.elements.get(&at).filter(|element| element.full).map(|element| element.label.clone());
            if lies(from).is_none() && lies(to).as_ref() == Some(&before) {
                return Ok(());
            }
            let label = before.map_or_else(|| "a cartridge without a label".to_owned(), |label| format!("cartridge {label:?}"));
            Err(stop.told(&format!("{} with {label} between elements {from} and {to}", robot.subject)))
        }
    }
}

/// A cartridge to the element that `choose` finds in what the robot sees; none: it lies there already.
async fn bring(
    robot: &Robot,
    cartridge: &str,
    choose: impl FnOnce(&Inventory, &Element) -> Outcome<Option<u16>>,
) -> Outcome<(Inventory, u16)> {
    let mut taken = robot.take().await?;
    let inventory = Inventory::take(&mut taken.it).await?;
    let from = inventory.with(cartridge);
    let from = from.ok_or_else(|| not_found(format!("{} holds no cartridge {cartridge:?}", robot.subject())));
    let chosen = from.and_then(|from| Ok((from.address, choose(&inventory, from)?)));
    let (from, to) = match chosen {
        Ok((from, Some(to))) => (from, to),
        Ok((at, None)) => {
            taken.give_back();
            return Ok((inventory, at));
        }
        Err(failure) => {
            taken.give_back();
            return Err(failure);
        }
    };
    shift(&mut taken.it, from, to).await?;
    let inventory = Inventory::take(&mut taken.it).await?;
    taken.give_back();
    Ok((inventory, to))
}

fn element(site: &Site, (inventory, at): (Inventory, u16)) -> Outcome<types::Element> {
    let found = inventory.elements.get(&at).map(|element| shown(site, element));
    found.ok_or_else(|| capstan_sdk::failure::malformed("an element is gone from the library", at.to_string()))
}

/// A cartridge leaves a drive only after it was unloaded.
fn movable(from: &Element) -> Outcome<()> {
    if from.kind != Kind::Drive || from.access {
        return Ok(());
    }
    Err(conflict("the cartridge is in use in a drive").next_step("Unload the drive."))
}

pub(crate) async fn take_inventory(library: &str) -> Outcome<()> {
    let site = site().await?;
    let mut taken = site.robot(library)?.take().await?;
    taken.it.good(&changer::initialize(), Data::None).await?;
    taken.give_back();
    Ok(())
}

pub(crate) async fn move_cartridge(library: &str, cartridge: &str, to: u32) -> Outcome<types::Element> {
    let site = site().await?;
    let robot = site.robot(library)?;
    let brought = bring(robot, cartridge, |inventory, from| {
        let to = inventory.at(to).ok_or_else(|| not_found(format!("{} has no element {to}", robot.subject())))?;
        if to.address == from.address {
            return Ok(None);
        }
        movable(from)?;
        if to.full || to.kind == Kind::Arm {
            return Err(conflict(format!("element {} of {} is not free", to.address, robot.subject())));
        }
        Ok(Some(to.address))
    });
    element(&site, brought.await?)
}

pub(crate) async fn eject(library: &str, cartridge: &str) -> Outcome<types::Element> {
    let site = site().await?;
    let robot = site.robot(library)?;
    let brought = bring(robot, cartridge, |inventory, from| {
        if from.kind == Kind::MailSlot {
            return Ok(None);
        }
        movable(from)?;
        let free = inventory.free(Kind::MailSlot).map(|slot| Some(slot.address));
        free.ok_or_else(|| {
            busy(format!("no mail slot of {} is free", robot.subject()))
                .code("mail-slots-full")
                .next_step("Take the cartridges out of the mail slots.")
        })
    });
    element(&site, brought.await?)
}

pub(crate) async fn admit(library: &str, mail_slot: u32) -> Outcome<types::Element> {
    let site = site().await?;
    let robot = site.robot(library)?;
    let mut taken = robot.take().await?;
    let inventory = Inventory::take(&mut taken.it).await?;
    let from = inventory.at(mail_slot).filter(|element| element.kind == Kind::MailSlot && element.full);
    let from = from.ok_or_else(|| not_found(format!("nothing lies in mail slot {mail_slot} of {}", robot.subject())))?;
    let to = inventory.free(Kind::Slot);
    let to = to.ok_or_else(|| no_space(format!("no slot of {} is free", robot.subject())).next_step("Eject a cartridge."))?;
    shift(&mut taken.it, from.address, to.address).await?;
    let after = Inventory::take(&mut taken.it).await?;
    let at = to.address;
    taken.give_back();
    element(&site, (after, at))
}

/// Into a drive, ready to be read.
pub(crate) async fn load(cartridge: &str, wanted: Option<&str>) -> Outcome<types::TapeDrive> {
    let site = site().await?;
    if let Some(name) = wanted {
        site.drive(name)?;
    }
    let robot = holder(&site, cartridge).await?;
    let mut was_in = false;
    let brought = bring(robot, cartridge, |inventory, from| {
        was_in = from.kind == Kind::Drive;
        let into = |element: &Element| drive_at(&site, element).is_some_and(|name| wanted.is_none_or(|wanted| wanted == name));
        if from.kind == Kind::Drive {
            let there = drive_at(&site, from).unwrap_or("that the target does not lead to");
            let elsewhere = || conflict(format!("cartridge {cartridge:?} is in drive {there}"));
            return if into(from) { Ok(None) } else { Err(elsewhere()) };
        }
        let found = inventory.drives().filter(|element| into(element)).find(|element| !element.full);
        match (found, wanted) {
            (Some(found), _) => Ok(Some(found.address)),
            (None, Some(name)) => {
                Err(conflict(format!("drive {name:?} has a cartridge, or {} does not reach it", robot.subject())))
            }
            (None, None) => Err(busy(format!("no drive of {} is free", robot.subject())).code("drives-full")),
        }
    });
    let (inventory, at) = brought.await?;
    let element = inventory.elements.get(&at).cloned();
    let name = element.as_ref().and_then(|element| drive_at(&site, element));
    let name = name.ok_or_else(|| capstan_sdk::failure::malformed("the drive is gone from the library", at.to_string()))?;
    let drive = site.drive(name)?;
    let cleaner = element.as_ref().is_some_and(|element| is_cleaner(element.medium, cartridge));
    let mut taken = drive.take().await?;
    // Another cartridge is in than before.
    if !was_in {
        taken.it.forget();
    }
    entry::name(&mut taken.it, drive, Some(&robot.name), Some(cartridge));
    if threaded(&mut taken.it, cleaner).await? {
        taken.it.hold().await?;
        taken.give_back();
        return Ok(state(&site, drive, element.map(|element| (robot, element)).as_ref()).await);
    }
    let subject = taken.it.unit.subject.clone();
    let cleaned = cleaning::finished(&mut taken.it.unit, &subject).await;
    match &cleaned {
        // A cartridge that did not clean goes home as well.
        Err(failure) if failure.fault().code.as_deref() != Some(cleaning::FAILED) => return Err(failure.clone()),
        _ => {}
    }
    emptied(&mut taken.it).await?;
    carried_home(&site, drive).await?;
    taken.it.forget();
    taken.give_back();
    cleaned?;
    Ok(state(&site, drive, server(&site, &drive.name).await?.as_ref()).await)
}

/// Waits until the tape is threaded; some drives want to be told. False: what is in cleans the drive.
async fn threaded(tape: &mut Tape, cleaner: bool) -> Outcome<bool> {
    match tape.unit.ready().await {
        Ok(()) => return Ok(true),
        // A cleaning cartridge does not get ready, and may be through already.
        Err(Stop::Refused(Refusal { reason: Reason::Cleaning | Reason::CleaningFailed, .. })) => return Ok(false),
        Err(Stop::Refused(Refusal { reason: Reason::NotReady | Reason::NoMedium | Reason::CleaningNeeded, .. })) if cleaner => {
            return Ok(false);
        }
        // Where a load failed before, it is tried anew: somebody may have looked at the drive since.
        Err(Stop::Refused(Refusal { reason: Reason::NotReady | Reason::NoMedium | Reason::NotLoaded, .. })) => {}
        Err(stop) => return Err(stop.told(&tape.unit.subject)),
    }
    match tape.unit.tell(&tape::load(true), Data::None, 0).await {
        Ok(_) => tape.unit.ready().await.map(|()| true).map_err(|stop| stop.told(&tape.unit.subject)),
        Err(stop) => Err(stop.told(&tape.unit.subject)),
    }
}

/// How often a drive is told to give out what an earlier session of this host still keeps in, and the pause: that session is about to end.
const UNLOAD_TRIES: u32 = 10;
const UNLOAD_MS: u64 = 500;

/// Out of the drive's hands; nothing in it is a success.
async fn emptied(tape: &mut Tape) -> Outcome<()> {
    tape.allow_removal().await?;
    let mut tries = 0;
    loop {
        tries += 1;
        match tape.unit.tell(&tape::load(false), Data::None, 0).await {
            Ok((Ended::Whole, _)) => break,
            Ok((ended, _)) => return Err(tape.odd(ended)),
            // Nothing is in, or it is out of the drive's hands already.
            Err(stop) if stop.is_empty() => break,
            Err(Stop::Refused(Refusal { reason: Reason::NotReady | Reason::CleaningFailed, .. })) => break,
            // For an earlier session of this host, perhaps, whose place this one takes.
            Err(Stop::Refused(Refusal { reason: Reason::Reserved, .. })) if tries == 1 => {
                tape.hold().await?;
                tape.allow_removal().await?;
            }
            Err(Stop::Refused(Refusal { reason: Reason::RemovalPrevented, .. }))
                if tries < UNLOAD_TRIES && !outside::cancelled() =>
            {
                outside::wait(UNLOAD_MS).await;
            }
            Err(stop) => return Err(stop.told(&tape.unit.subject).maybe_done()),
        }
    }
    tape.release().await
}

/// What lies in the drive's element to where it came from, or to a slot that is free.
async fn carried_home(site: &Site, drive: &Drive) -> Outcome<()> {
    let Some((robot, at)) = server(site, &drive.name).await? else { return Ok(()) };
    let mut arm = robot.take().await?;
    let inventory = Inventory::take(&mut arm.it).await?;
    if let Some(full) = inventory.elements.get(&at.address).filter(|element| element.full) {
        let home = full.source.and_then(|home| inventory.elements.get(&home));
        let home = home.filter(|home| home.kind == Kind::Slot && !home.full).or_else(|| inventory.free(Kind::Slot));
        let home =
            home.ok_or_else(|| no_space(format!("no slot of {} is free", robot.subject())).next_step("Eject a cartridge."))?;
        shift(&mut arm.it, full.address, home.address).await?;
    }
    arm.give_back();
    Ok(())
}

/// Out of the drive and home.
pub(crate) async fn unload(name: &str) -> Outcome<()> {
    let site = site().await?;
    let drive = site.drive(name)?;
    let mut taken = entry::enter(&site, drive).await?;
    emptied(&mut taken.it).await?;
    taken.it.forget();
    carried_home(&site, drive).await?;
    taken.give_back();
    Ok(())
}

/// A drive as it is now. One that does not answer is shown as failed.
pub(crate) async fn state(site: &Site, drive: &Drive, served: Option<&(&Robot, Element)>) -> types::TapeDrive {
    let ready = async || {
        let mut taken = drive.take().await?;
        let ready = taken.it.unit.ready().await;
        let reason = match &ready {
            Ok(()) => None,
            Err(Stop::Refused(refusal)) => Some(refusal.reason),
            Err(Stop::Failed(failure)) => return Err(failure.clone()),
        };
        let state = match reason {
            Some(Reason::Cleaning) => Some("cleaning"),
            Some(Reason::Hardware | Reason::Mechanical | Reason::NotLoaded) => Some("failed"),
            Some(Reason::Reserved) => Some("reserved"),
            Some(Reason::CleaningNeeded) => Some(CLEANING_NEEDED),
            _ => cleaning::is_wanted(&mut taken.it).await?.then_some(CLEANING_NEEDED),
        };
        taken.give_back();
        Ok((reason.is_none(), state))
    };
    let told: Outcome<(bool, Option<&str>)> = ready().await;
    let (ready, state) = told.unwrap_or((false, Some("failed")));
    let mut extras = vec![named("revision", drive.inquiry.revision.as_str())];
    extras.extend(state.map(|state| named("state", state)));
    types::TapeDrive {
        name: drive.name.clone(),
        vendor: drive.inquiry.vendor.clone(),
        product: drive.inquiry.product.clone(),
        library: served.map(|(robot, _)| robot.name.clone()),
        element: served.map(|(_, element)| u32::from(element.address)),
        cartridge: served.and_then(|(_, element)| shown(site, element).cartridge),
        ready,
        extras,
    }
}
