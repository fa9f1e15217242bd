//! What lies where, and what is carried.

use std::collections::BTreeSet;

use anyhow::ensure;
use capstan_domain::failure::Kind;
use capstan_domain::ports::{ElementInfo, ElementKind, PLANNED_PATHS};

use super::loaded;
use crate::case::{Case, Want};
use crate::stand::Stand;
use crate::store::MOST_PAGES;
use crate::{Check, clause, fails, group, told};

pub fn all() -> Vec<Case> {
    use Want::Media;
    group! { "media";
        "elements-paged", clause::PAGES, [Media], "pages of any length show the same elements, in order", paged;
        "elements-absent-library", clause::MEDIA_ELEMENTS, [Media], "the elements of an absent library are not found", absent_library;
        "locations-lie-somewhere", clause::MEDIA_ELEMENTS, [Media], "the locations are the cartridges that the libraries show", lie_somewhere;
        "load-shown", clause::MEDIA_LOAD, [Media], "a loaded cartridge is shown in its drive, and nowhere else", load_shown;
        "load-again", clause::MEDIA_LOAD, [Media], "a cartridge that is in a drive is loaded already", load_again;
        "load-absent", clause::MEDIA_LOAD, [Media], "a cartridge that nobody holds is not found", load_absent;
        "unload-empties", clause::MEDIA_UNLOAD, [Media], "an unloaded drive is empty, and may be unloaded again", unload_empties;
        "inspect-what-is-in", clause::MEDIA_INSPECT, [Media], "what is in a drive is told by its label", inspect;
        "plan-absent", clause::MEDIA_PLAN, [Media], "files that a cartridge does not have are not found, and no files need no order", plan_absent;
        "plan-too-many", clause::MEDIA_PLAN, [Media], "more paths than a plan has are refused", plan_too_many;
        "examine-each", clause::MEDIA_EXAMINE, [Media], "each drive and library can be examined, and nobody else", examine;
    }
}

async fn elements(stand: &Stand<'_>, library: &str, limit: u32) -> anyhow::Result<Vec<ElementInfo>> {
    let (mut found, mut after) = (Vec::new(), None);
    for _ in 0..MOST_PAGES {
        let page = stand.media()?.list_elements(library, after.as_deref(), limit).await.map_err(told)?;
        found.extend(page.elements);
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
    anyhow::bail!("the listing does not end")
}

async fn libraries(stand: &Stand<'_>) -> anyhow::Result<Vec<String>> {
    Ok(stand.media()?.list_libraries().await.map_err(told)?.into_iter().map(|library| library.name).collect())
}

async fn paged(stand: &Stand<'_>) -> Check {
    // Nothing is carried meanwhile.
    let _tape = loaded(stand).await?;
    for library in libraries(stand).await? {
        let whole = elements(stand, &library, 1_000).await?;
        ensure!(whole.iter().any(|element| element.kind == ElementKind::Drive), "no drive stands in {library:?}");
        for limit in [1, 3, 7] {
            let found = elements(stand, &library, limit).await?;
            ensure!(found == whole, "pages of {limit} show {found:?} instead of {whole:?}");
        }
    }
    Ok(())
}

async fn absent_library(stand: &Stand<'_>) -> Check {
    fails(stand.media()?.list_elements("nowhere-at-all", None, 10).await, Kind::NotFound, "the elements of an absent library")
}

async fn lie_somewhere(stand: &Stand<'_>) -> Check {
    let _tape = loaded(stand).await?;
    let mut lie = BTreeSet::new();
    for library in libraries(stand).await? {
        lie.extend(elements(stand, &library, 1_000).await?.into_iter().filter_map(|element| element.cartridge));
    }
    let locations = stand.media()?.list_locations().await.map_err(told)?;
    let names: BTreeSet<String> = locations.into_iter().map(|location| location.name).collect();
    ensure!(names == lie, "locations are {names:?}, cartridges {lie:?}");
    ensure!(names.contains(stand.location), "{:?} is not among {names:?}", stand.location);
    Ok(())
}

async fn load_shown(stand: &Stand<'_>) -> Check {
    let tape = loaded(stand).await?;
    let mut shown = Vec::new();
    for library in libraries(stand).await? {
        let all = elements(stand, &library, 1_000).await?;
        shown.extend(all.into_iter().filter(|element| element.cartridge.as_deref() == Some(stand.location)));
    }
    let [element] = &shown[..] else { anyhow::bail!("{:?} lies at {shown:?}", stand.location) };
    ensure!(element.full && element.drive.as_deref() == Some(tape.drive.as_str()), "{:?} is in {element:?}", stand.location);
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
    fails(stand.media()?.load("NOSUCH00", None, &stand.key("load")).await, Kind::NotFound, "a cartridge that nobody holds")
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

async fn inspect(stand: &Stand<'_>) -> Check {
    let tape = loaded(stand).await?;
    let medium = tape.media.inspect(&tape.drive).await.map_err(told)?;
    ensure!(medium.cartridge.as_deref() == Some(stand.location), "{medium:?} is in the drive");
    ensure!(!medium.partitions.is_empty(), "a medium without a partition: {medium:?}");
    fails(tape.media.inspect("nowhere-at-all").await, Kind::NotFound, "the medium of an absent drive")
}

async fn examine(stand: &Stand<'_>) -> Check {
    let tape = loaded(stand).await?;
    let mut names = libraries(stand).await?;
    names.push(tape.drive.clone());
    for name in names {
        let health = tape.media.examine(&name).await.map_err(told)?;
        let flags: BTreeSet<u32> = health.alerts.iter().map(|alert| alert.flag).collect();
        ensure!(flags.len() == health.alerts.len() && !flags.contains(&0), "{name:?} tells {:?}", health.alerts);
    }
    fails(tape.media.examine("nowhere-at-all").await, Kind::NotFound, "the health of an absent drive")
}

async fn plan_absent(stand: &Stand<'_>) -> Check {
    // As it is: nothing has to be loaded to know what is on it.
    let media = stand.media()?;
    let order = media.plan_reading(stand.location, &[]).await.map_err(told)?;
    ensure!(order.is_empty(), "no files have the order {order:?}");
    let absent = ["kit/no-such-file".to_owned()];
    fails(media.plan_reading(stand.location, &absent).await, Kind::NotFound, "the order of files that are not there")?;
    fails(media.plan_reading("NOSUCH00", &[]).await, Kind::NotFound, "an order on a cartridge that nobody holds")
}

async fn plan_too_many(stand: &Stand<'_>) -> Check {
    let many = vec!["kit/no-such-file".to_owned(); PLANNED_PATHS + 1];
    fails(stand.media()?.plan_reading(stand.location, &many).await, Kind::Invalid, "a plan of more paths than one has")
}
