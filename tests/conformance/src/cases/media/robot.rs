//! What is carried: from slot to slot, out through a mail slot and in again.

use anyhow::{Context, ensure};
use capstan_domain::failure::Kind;
use capstan_domain::ports::{ElementInfo, ElementKind};

use super::library::{elements, lies, shelved};
use super::{NO_CARTRIDGE, NOWHERE, Tape, loaded};
use crate::case::{Case, Want};
use crate::stand::Stand;
use crate::{Check, clause, fails, fails_as, group, told};

/// Where a cartridge in use stays: the library knows it, or only the drive does.
const IN_USE: [Kind; 2] = [Kind::Conflict, Kind::Busy];
/// No library has so many elements.
const BEYOND: u32 = 1 << 20;

pub fn all() -> Vec<Case> {
    use Want::Media;
    group! { "media";
        "move-to-a-slot", clause::MEDIA_MOVE, [Media], "a cartridge that was carried lies where it was to go, and nowhere else", to_a_slot;
        "move-again", clause::MEDIA_MOVE, [Media], "a cartridge that lies there already is carried already", again;
        "move-to-full", clause::MEDIA_MOVE, [Media], "nothing is carried to where something lies", to_full;
        "move-in-use", clause::MEDIA_MOVE, [Media], "a cartridge that is in use stays in its drive", in_use;
        "move-absent", clause::MEDIA_ABSENT, [Media], "what is not there is not carried, nor to where nothing is", absent;
        "eject-and-admit", clause::MEDIA_EJECT, [Media], "a cartridge goes to a mail slot, and from there to a slot", eject_and_admit;
        "eject-again", clause::MEDIA_EJECT, [Media], "a cartridge that lies in a mail slot is ejected already", eject_again;
        "eject-in-use", clause::MEDIA_EJECT, [Media], "a cartridge that is in use is not ejected", eject_in_use;
        "eject-absent", clause::MEDIA_ABSENT, [Media], "a cartridge that a library does not hold is not ejected", eject_absent;
        "admit-empty", clause::MEDIA_ADMIT, [Media], "an empty mail slot is not found", admit_empty;
    }
}

fn is_reached(element: &ElementInfo) -> bool {
    !element.extras.contains(&("access".to_owned(), "false".to_owned()))
}

/// The first of a kind that nothing lies in and the robot can reach.
async fn free(stand: &Stand<'_>, library: &str, kind: ElementKind) -> anyhow::Result<Option<u32>> {
    let all = elements(stand, library, 1_000).await?;
    let free = all.into_iter().find(|element| element.kind == kind && !element.full && is_reached(element));
    Ok(free.map(|element| element.address))
}

/// The element was answered, and tells the truth: there the kit's cartridge lies.
async fn is_there(stand: &Stand<'_>, answered: &ElementInfo, kind: ElementKind) -> Check {
    ensure!(
        answered.full && answered.kind == kind && answered.cartridge.as_deref() == Some(stand.location),
        "the robot answers {answered:?}"
    );
    let (_, found) = lies(stand).await?;
    ensure!(found.address == answered.address, "the robot answers {answered:?}; the cartridge lies in {found:?}");
    Ok(())
}

async fn to_a_slot(stand: &Stand<'_>) -> Check {
    let (tape, library, home) = shelved(stand).await?;
    // A library that is full has nowhere to carry anything.
    let Some(free) = free(stand, &library, ElementKind::Slot).await? else { return Ok(()) };
    for (to, from) in [(free, home.address), (home.address, free)] {
        let attempt = stand.key(&format!("move to {to}"));
        let moved = tape.media.move_cartridge(&library, stand.location, to, &attempt).await.map_err(told)?;
        ensure!(moved.address == to, "a move to {to} answers {moved:?}");
        is_there(stand, &moved, ElementKind::Slot).await?;
        let left = elements(stand, &library, 1_000).await?.into_iter().find(|element| element.address == from);
        ensure!(left.as_ref().is_some_and(|left| !left.full), "where it lay is {left:?}");
    }
    Ok(())
}

async fn again(stand: &Stand<'_>) -> Check {
    let (tape, library, home) = shelved(stand).await?;
    let to = free(stand, &library, ElementKind::Slot).await?.unwrap_or(home.address);
    for attempt in ["move", "move", "another move"] {
        let moved = tape.media.move_cartridge(&library, stand.location, to, &stand.key(attempt)).await.map_err(told)?;
        ensure!(moved.address == to, "a move to {to} answers {moved:?}");
        is_there(stand, &moved, ElementKind::Slot).await?;
    }
    tape.media.move_cartridge(&library, stand.location, home.address, &stand.key("back")).await.map(drop).map_err(told)
}

async fn to_full(stand: &Stand<'_>) -> Check {
    let (tape, library, home) = shelved(stand).await?;
    let before = elements(stand, &library, 1_000).await?;
    let full = |element: &&ElementInfo| element.kind == ElementKind::Slot && element.full && element.address != home.address;
    // The kit's cartridge may be the only one.
    let Some(full) = before.iter().find(full) else { return Ok(()) };
    let moved = tape.media.move_cartridge(&library, stand.location, full.address, &stand.key("move")).await;
    fails(moved, Kind::Conflict, "a move to where a cartridge lies")?;
    let after = elements(stand, &library, 1_000).await?;
    ensure!(after == before, "a move that was refused made {after:?} of {before:?}");
    Ok(())
}

/// Still in its drive, and read there.
async fn is_in(tape: &Tape<'_>, stand: &Stand<'_>) -> Check {
    let (_, element) = lies(stand).await?;
    ensure!(element.drive.as_ref() == Some(&tape.drive), "what is in use was carried to {element:?}");
    tape.media.inspect(&tape.drive).await.map(drop).map_err(told).context("what is in use")
}

async fn in_use(stand: &Stand<'_>) -> Check {
    let tape = loaded(stand).await?;
    let (library, _) = lies(stand).await?;
    // A library has the slot that the cartridge came from.
    let free = free(stand, &library, ElementKind::Slot).await?.context("no slot is free although a drive is full")?;
    let moved = tape.media.move_cartridge(&library, stand.location, free, &stand.key("move")).await;
    fails_as(moved, &IN_USE, "a move of what is in use")?;
    is_in(&tape, stand).await
}

async fn absent(stand: &Stand<'_>) -> Check {
    let (tape, library, home) = shelved(stand).await?;
    let (media, key) = (tape.media, stand.key("move"));
    let moved = media.move_cartridge(&library, NO_CARTRIDGE, home.address, &key).await;
    fails(moved, Kind::NotFound, "a cartridge that the library does not hold")?;
    let moved = media.move_cartridge(NOWHERE, stand.location, home.address, &key).await;
    fails(moved, Kind::NotFound, "an absent library")?;
    let moved = media.move_cartridge(&library, stand.location, BEYOND, &key).await;
    fails(moved, Kind::NotFound, "an element that is not there")?;
    let (_, found) = lies(stand).await?;
    ensure!(found.address == home.address, "a move to nowhere led to {found:?}");
    Ok(())
}

/// None: no mail slot is free, or there is none at all, as the plugin says too.
async fn ejected(tape: &Tape<'_>, stand: &Stand<'_>, library: &str) -> anyhow::Result<Option<ElementInfo>> {
    let free = free(stand, library, ElementKind::MailSlot).await?;
    let ejected = tape.media.eject_cartridge(library, stand.location, &stand.key("eject")).await;
    if free.is_none() {
        let failure = fails_as(ejected, &[Kind::Busy], "an eject where no mail slot is free")?;
        ensure!(failure.code.as_deref() == Some("mail-slots-full"), "its code is {:?}", failure.code);
        return Ok(None);
    }
    let ejected = ejected.map_err(told).context("eject")?;
    is_there(stand, &ejected, ElementKind::MailSlot).await?;
    Ok(Some(ejected))
}

async fn admit(tape: &Tape<'_>, stand: &Stand<'_>, library: &str, from: u32) -> Check {
    let admitted = tape.media.admit_cartridge(library, from, &stand.key("admit")).await.map_err(told).context("admit")?;
    is_there(stand, &admitted, ElementKind::Slot).await
}

async fn eject_and_admit(stand: &Stand<'_>) -> Check {
    let (tape, library, _) = shelved(stand).await?;
    match ejected(&tape, stand, &library).await? {
        Some(ejected) => admit(&tape, stand, &library, ejected.address).await,
        None => Ok(()),
    }
}

async fn eject_again(stand: &Stand<'_>) -> Check {
    let (tape, library, _) = shelved(stand).await?;
    let Some(first) = ejected(&tape, stand, &library).await? else { return Ok(()) };
    for attempt in ["eject", "another eject"] {
        let again = tape.media.eject_cartridge(&library, stand.location, &stand.key(attempt)).await.map_err(told)?;
        ensure!(again.address == first.address, "another eject answers {again:?} instead of {first:?}");
        is_there(stand, &again, ElementKind::MailSlot).await?;
    }
    admit(&tape, stand, &library, first.address).await
}

async fn eject_in_use(stand: &Stand<'_>) -> Check {
    let tape = loaded(stand).await?;
    let (library, _) = lies(stand).await?;
    // Where no mail slot is free that is told as `busy` too.
    let ejected = tape.media.eject_cartridge(&library, stand.location, &stand.key("eject")).await;
    fails_as(ejected, &IN_USE, "an eject of what is in use")?;
    is_in(&tape, stand).await
}

async fn eject_absent(stand: &Stand<'_>) -> Check {
    let (tape, library, _) = shelved(stand).await?;
    let ejected = tape.media.eject_cartridge(&library, NO_CARTRIDGE, &stand.key("eject")).await;
    fails(ejected, Kind::NotFound, "a cartridge that the library does not hold")?;
    let ejected = tape.media.eject_cartridge(NOWHERE, stand.location, &stand.key("eject")).await;
    fails(ejected, Kind::NotFound, "an absent library")
}

async fn admit_empty(stand: &Stand<'_>) -> Check {
    let (tape, library, home) = shelved(stand).await?;
    // What somebody put into a mail slot is not the kit's.
    if let Some(empty) = free(stand, &library, ElementKind::MailSlot).await? {
        let admitted = tape.media.admit_cartridge(&library, empty, &stand.key("admit")).await;
        fails(admitted, Kind::NotFound, "an empty mail slot")?;
    }
    let admitted = tape.media.admit_cartridge(&library, home.address, &stand.key("admit a slot")).await;
    fails(admitted, Kind::NotFound, "a slot that is no mail slot")
}
