//! Cartridges into drives, and out of them.

use anyhow::ensure;
use capstan_domain::failure::Kind;

use super::library::{lies, shelved};
use super::{FIRST, NO_CARTRIDGE, NOWHERE, ONE, blank, loaded, reload};
use crate::case::{Case, Want};
use crate::stand::Stand;
use crate::{Check, clause, fails, group, told};

/// Drives of a library that are loaded by their names.
const NAMED: usize = 2;

pub fn all() -> Vec<Case> {
    use Want::Media;
    group! { "media";
        "load-shown", clause::MEDIA_LOAD, [Media], "a loaded cartridge is shown in its drive, and nowhere else", load_shown;
        "load-named", clause::MEDIA_LOAD, [Media], "a cartridge goes into the drive that is named", load_named;
        "load-again", clause::MEDIA_LOAD, [Media], "a cartridge that is in a drive is loaded already", load_again;
        "load-again-stays", clause::MEDIA_LOAD, [Media], "a cartridge that is in a drive stays where it was", load_again_stays;
        "load-at-the-beginning", clause::MEDIA_LOAD, [Media], "a cartridge that came into a drive is at its beginning", at_the_beginning;
        "load-elsewhere", clause::MEDIA_LOAD, [Media], "a cartridge that is in a drive does not go into another", load_elsewhere;
        "load-absent", clause::MEDIA_ABSENT, [Media], "a cartridge that nobody holds is not found", load_absent;
        "load-absent-drive", clause::MEDIA_ABSENT, [Media], "nothing is loaded into a drive that is not there", load_absent_drive;
        "unload-empties", clause::MEDIA_UNLOAD, [Media], "an unloaded drive is empty, and may be unloaded again", unload_empties;
        "unload-home", clause::MEDIA_UNLOAD, [Media], "an unloaded cartridge lies in the slot that it came from", unload_home;
        "unload-absent", clause::MEDIA_ABSENT, [Media], "a drive that is not there is not unloaded", unload_absent;
    }
}

async fn load_shown(stand: &Stand<'_>) -> Check {
    let tape = loaded(stand).await?;
    let (_, element) = lies(stand).await?;
    ensure!(element.drive.as_deref() == Some(tape.drive.as_str()), "{:?} is in {element:?}", stand.location);
    let drives = tape.media.list_drives().await.map_err(told)?;
    let drive = drives.into_iter().find(|drive| drive.name == tape.drive);
    ensure!(
        drive.as_ref().is_some_and(|drive| drive.ready && drive.element == Some(element.address)),
        "the drive is listed as {drive:?}"
    );
    Ok(())
}

async fn load_again(stand: &Stand<'_>) -> Check {
    let tape = loaded(stand).await?;
    for (drive, attempt) in [(None, "again"), (Some(tape.drive.as_str()), "by name")] {
        let again = tape.media.load(stand.location, drive, &stand.key(attempt)).await.map_err(told)?;
        ensure!(again.name == tape.drive && again.ready, "another load answers {again:?}");
    }
    Ok(())
}

async fn load_absent(stand: &Stand<'_>) -> Check {
    fails(stand.media()?.load(NO_CARTRIDGE, None, &stand.key("load")).await, Kind::NotFound, "a cartridge that nobody holds")
}

async fn unload_empties(stand: &Stand<'_>) -> Check {
    let tape = loaded(stand).await?;
    for attempt in ["unload", "unload again"] {
        tape.media.unload(&tape.drive, &stand.key(attempt)).await.map_err(told)?;
        fails(tape.media.inspect(&tape.drive).await, Kind::Offline, "the medium of an empty drive")?;
    }
    let drives = tape.media.list_drives().await.map_err(told)?;
    let empty = drives.iter().any(|drive| drive.name == tape.drive && !drive.ready && drive.cartridge.is_none());
    ensure!(empty, "an unloaded drive is listed among {drives:?}");
    Ok(())
}

async fn load_named(stand: &Stand<'_>) -> Check {
    let (tape, library, _) = shelved(stand).await?;
    let drives = tape.media.list_drives().await.map_err(told)?;
    let free = drives.into_iter().filter(|drive| drive.library.as_ref() == Some(&library) && drive.cartridge.is_none());
    for drive in free.take(NAMED) {
        let loaded = tape.media.load(stand.location, Some(&drive.name), &stand.key(&drive.name)).await.map_err(told)?;
        ensure!(loaded.name == drive.name && loaded.ready, "a load into {:?} answers {loaded:?}", drive.name);
        let (_, element) = lies(stand).await?;
        ensure!(element.drive.as_ref() == Some(&drive.name), "a load into {:?} led to {element:?}", drive.name);
        tape.media.unload(&drive.name, &stand.key(&format!("out of {}", drive.name))).await.map_err(told)?;
    }
    Ok(())
}

async fn load_again_stays(stand: &Stand<'_>) -> Check {
    let mut tape = blank(stand).await?;
    tape.put(FIRST, 3 * ONE, 1).await?;
    let medium = tape.media.inspect(&tape.drive).await.map_err(told)?;
    let abilities = medium.extras.iter().find(|(name, _)| name == "abilities").map(|(_, value)| value.as_str());
    if !abilities.is_some_and(|abilities| abilities.split(' ').any(|ability| ability == "locate")) {
        // Of a drive that does not know where it is, whoever asks it anew begins at the beginning.
        return Ok(());
    }
    tape.media.locate(&tape.drive, 0, FIRST + 1).await.map_err(told)?;
    reload(&mut tape).await?;
    tape.stands(FIRST + 1, None).await
}

async fn at_the_beginning(stand: &Stand<'_>) -> Check {
    let mut tape = blank(stand).await?;
    tape.put(FIRST, 3 * ONE, 1).await?;
    tape.media.unload(&tape.drive, &stand.key("unload")).await.map_err(told)?;
    reload(&mut tape).await?;
    tape.stands(0, None).await?;
    tape.holds(FIRST, 3 * ONE, 1).await
}

async fn load_elsewhere(stand: &Stand<'_>) -> Check {
    let tape = loaded(stand).await?;
    let drives = tape.media.list_drives().await.map_err(told)?;
    // A library with one drive has no other.
    if let Some(other) = drives.into_iter().find(|drive| drive.name != tape.drive) {
        let moved = tape.media.load(stand.location, Some(&other.name), &stand.key("elsewhere")).await;
        fails(moved, Kind::Conflict, "a cartridge that is in another drive")?;
    }
    let (_, element) = lies(stand).await?;
    ensure!(element.drive.as_ref() == Some(&tape.drive), "a load that was refused led to {element:?}");
    Ok(())
}

async fn load_absent_drive(stand: &Stand<'_>) -> Check {
    let (tape, _, home) = shelved(stand).await?;
    let loaded = tape.media.load(stand.location, Some(NOWHERE), &stand.key("nowhere")).await;
    fails(loaded, Kind::NotFound, "a load into an absent drive")?;
    let (_, element) = lies(stand).await?;
    ensure!(element.address == home.address, "a load into no drive led to {element:?}");
    Ok(())
}

async fn unload_home(stand: &Stand<'_>) -> Check {
    let (mut tape, _, home) = shelved(stand).await?;
    reload(&mut tape).await?;
    tape.media.unload(&tape.drive, &stand.key("home")).await.map_err(told)?;
    let (_, element) = lies(stand).await?;
    ensure!(element.address == home.address, "what came from {home:?} lies in {element:?}");
    Ok(())
}

async fn unload_absent(stand: &Stand<'_>) -> Check {
    fails(stand.media()?.unload(NOWHERE, &stand.key("unload")).await, Kind::NotFound, "an absent drive")
}
