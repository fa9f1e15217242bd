//! What lies where, and which drives stand there.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use capstan_domain::failure::Kind;
use capstan_domain::ports::{ElementInfo, ElementKind};

use super::{NOWHERE, Tape, loaded};
use crate::case::{Case, Want};
use crate::stand::Stand;
use crate::store::MOST_PAGES;
use crate::{Check, clause, fails, group, told};

/// Bytes of a cartridge's label.
const LABEL_BYTES: usize = 32;

pub fn all() -> Vec<Case> {
    use Want::Media;
    group! { "media";
        "elements-paged", clause::PAGES, [Media], "pages of any length show the same elements, in order", paged;
        "elements-hold-one", clause::MEDIA_ELEMENTS, [Media], "a cartridge lies in one element, which is full and shows its label", hold_one;
        "elements-absent-library", clause::MEDIA_ABSENT, [Media], "the elements of an absent library are not found", absent_library;
        "locations-lie-somewhere", clause::MEDIA_ELEMENTS, [Media], "the locations are the cartridges that the libraries show", lie_somewhere;
        "drives-stand", clause::MEDIA_DRIVES, [Media], "a drive stands in the element that names it, with the same cartridge or none", drives_stand;
        "inventory-stays", clause::MEDIA_INVENTORY, [Media], "after an inventory everything lies where it lay", inventory_stays;
        "inventory-absent-library", clause::MEDIA_ABSENT, [Media], "the inventory of an absent library is not found", inventory_absent;
    }
}

pub(super) async fn elements(stand: &Stand<'_>, library: &str, limit: u32) -> anyhow::Result<Vec<ElementInfo>> {
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

pub(super) async fn libraries(stand: &Stand<'_>) -> anyhow::Result<Vec<String>> {
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
    fails(stand.media()?.list_elements(NOWHERE, None, 10).await, Kind::NotFound, "the elements of an absent library")
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

/// Every element, and the library it is of.
async fn everything(stand: &Stand<'_>) -> anyhow::Result<Vec<(String, ElementInfo)>> {
    let mut all = Vec::new();
    for library in libraries(stand).await? {
        let elements = elements(stand, &library, 1_000).await?;
        all.extend(elements.into_iter().map(|element| (library.clone(), element)));
    }
    Ok(all)
}

/// Where the kit's cartridge lies, and in which library: in one element, which is full.
pub(super) async fn lies(stand: &Stand<'_>) -> anyhow::Result<(String, ElementInfo)> {
    let mut found = everything(stand).await?;
    found.retain(|(_, element)| element.cartridge.as_deref() == Some(stand.location));
    ensure!(found.len() == 1 && found.iter().all(|(_, element)| element.full), "{:?} lies at {found:?}", stand.location);
    found.pop().context("the cartridge lies nowhere")
}

/// The kit's cartridge in its slot, and nothing is carried meanwhile.
pub(super) async fn shelved<'a>(stand: &'a Stand<'a>) -> anyhow::Result<(Tape<'a>, String, ElementInfo)> {
    let tape = loaded(stand).await?;
    tape.media.unload(&tape.drive, &stand.key("shelve")).await.map_err(told).context("unload")?;
    let (library, element) = lies(stand).await?;
    ensure!(element.kind == ElementKind::Slot, "an unloaded cartridge lies in {element:?}");
    Ok((tape, library, element))
}

async fn hold_one(stand: &Stand<'_>) -> Check {
    // In a drive first, then in its slot.
    for unloaded in [false, true] {
        let tape = loaded(stand).await?;
        if unloaded {
            tape.media.unload(&tape.drive, &stand.key("unload")).await.map_err(told)?;
        }
        let mut labels = BTreeSet::new();
        for (library, element) in everything(stand).await? {
            let Some(label) = &element.cartridge else {
                let unreadable = element.extras.contains(&("label".to_owned(), "unreadable".to_owned()));
                ensure!(!element.full || unreadable, "{library:?} does not say why there is no label: {element:?}");
                continue;
            };
            let plain = (1..=LABEL_BYTES).contains(&label.len()) && label.bytes().all(|byte| (b' '..=b'~').contains(&byte));
            ensure!(plain && element.full, "{library:?} shows {element:?}");
            ensure!(labels.insert(label.clone()), "{label:?} lies twice, once as {element:?}");
        }
        lies(stand).await?;
    }
    Ok(())
}

async fn drives_stand(stand: &Stand<'_>) -> Check {
    for unloaded in [false, true] {
        let tape = loaded(stand).await?;
        if unloaded {
            tape.media.unload(&tape.drive, &stand.key("unload")).await.map_err(told)?;
        }
        let all = everything(stand).await?;
        let drives = tape.media.list_drives().await.map_err(told)?;
        for drive in &drives {
            let Some(library) = &drive.library else { continue };
            let stands = |(of, element): &&(String, ElementInfo)| of == library && Some(element.address) == drive.element;
            let (_, element) = all.iter().find(stands).with_context(|| format!("{drive:?} stands in no element"))?;
            ensure!(
                element.kind == ElementKind::Drive && element.drive.as_ref() == Some(&drive.name),
                "{drive:?} stands in {element:?}"
            );
            ensure!(!drive.ready || element.full, "{drive:?} is ready, and nothing is in it");
            ensure!(element.cartridge == drive.cartridge, "{drive:?} has another cartridge than {element:?}");
        }
        let names: BTreeSet<&str> = drives.iter().map(|drive| drive.name.as_str()).collect();
        ensure!(names.len() == drives.len() && names.contains(tape.drive.as_str()), "the drives are {drives:?}");
    }
    Ok(())
}

/// What lies at each address of a library.
async fn lying(stand: &Stand<'_>, library: &str) -> anyhow::Result<Vec<(u32, bool, Option<String>)>> {
    let all = elements(stand, library, 1_000).await?;
    Ok(all.into_iter().map(|element| (element.address, element.full, element.cartridge)).collect())
}

async fn inventory_stays(stand: &Stand<'_>) -> Check {
    let (tape, library, _) = shelved(stand).await?;
    let before = lying(stand, &library).await?;
    for attempt in ["inventory", "inventory", "another inventory"] {
        tape.media.take_inventory(&library, &stand.key(attempt)).await.map_err(told)?;
        let after = lying(stand, &library).await?;
        ensure!(after == before, "an inventory made {after:?} of {before:?}");
    }
    Ok(())
}

async fn inventory_absent(stand: &Stand<'_>) -> Check {
    fails(stand.media()?.take_inventory(NOWHERE, &stand.key("inventory")).await, Kind::NotFound, "an absent library's inventory")
}
