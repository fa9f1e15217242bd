//! What a tape library holds becomes rows of the catalogue; nothing is moved for it.
//!
//! Of a cartridge that is in a drive, the drive tells what room is left on it. One that does not tell, because it is at work, is asked
//! again the next time.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use capstan_domain::cartridge::Medium;
use capstan_domain::ids::LibraryId;
use capstan_domain::library::{Inventory, InventoryTally, Library, SeenCartridge, SeenDrive, Shelf, place_name};
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::ports::{ElementInfo, ElementKind, Media, NamedValues, TapeDriveInfo};
use capstan_domain::tape_drive::DriveState;
use capstan_domain::{Failure, Kind, Outcome};
use capstan_mover::Control;
use serde_json::json;

use crate::engine::Engine;
use crate::work::{End, readings};

/// Elements of one page.
const PAGE: u32 = 1024;
/// Elements of a library: addresses have two bytes (SMC-3, section 6.11). More are a fault of the plugin.
const ELEMENTS_MAX: usize = 65_536;

pub(super) async fn work(engine: &Engine, library: LibraryId, control: &Control) -> Outcome<End> {
    let tally = tokio::select! {
        tally = take(engine, library) => tally?,
        () = control.stopped() => return Err(super::stopped()),
    };
    Ok(End::answer(json!(tally)))
}

/// Recorded when it answers; a library that cannot be looked at is offline from then on.
pub(crate) async fn take(engine: &Engine, id: LibraryId) -> Outcome<InventoryTally> {
    let library = engine.catalogue.library(id).await?;
    match look(engine, &library).await {
        Ok((inventory, media)) => {
            let ready: Vec<(String, String)> = inventory.drives.iter().filter_map(in_it).collect();
            let tally = engine.catalogue.record_inventory(&library, inventory).await?;
            for (drive, barcode) in ready {
                measure(engine, &library, media.as_ref(), &drive, &barcode).await?;
            }
            Ok(tally)
        }
        Err(failure) => {
            engine.catalogue.library_away(id, &failure).await?;
            Err(failure)
        }
    }
}

/// A drive and the label of what can be read in it.
fn in_it(drive: &SeenDrive) -> Option<(String, String)> {
    drive.cartridge.clone().filter(|_| drive.ready).map(|barcode| (drive.serial.clone(), barcode))
}

async fn look(engine: &Engine, library: &Library) -> Outcome<(Inventory, Arc<dyn Media>)> {
    let connection = engine.places.connect(library.target).await?;
    let media = connection.media().ok_or_else(|| {
        Failure::unsupported(format!("the plugin of {} serves no tape library", library.name)).with_code("no-media")
    })?;
    let robots = media.list_libraries().await?;
    let Some(robot) = robots.into_iter().find(|robot| robot.name == library.serial) else {
        return Err(Failure::not_found(format!("the target of {} has no library {}", library.name, library.serial)));
    };
    let elements = elements(media.as_ref(), &library.serial).await?;
    let drives = media.list_drives().await?;
    let mut inventory = seen(&library.serial, &elements, &drives);
    inventory.revision = extra(&robot.extras, "revision").map(str::to_owned);
    (inventory.vendor, inventory.product) = (robot.vendor, robot.product);
    Ok((inventory, media))
}

pub(super) async fn elements(media: &dyn Media, library: &str) -> Outcome<Vec<ElementInfo>> {
    let mut all = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = media.list_elements(library, after.as_deref(), PAGE).await?;
        all.extend(page.elements);
        if all.len() > ELEMENTS_MAX {
            return Err(Failure::new(Kind::PluginFault, format!("library {library} lists too many elements")));
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(all),
        }
    }
}

pub(super) fn extra<'a>(extras: &'a NamedValues, name: &str) -> Option<&'a str> {
    extras.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

/// Slots, and mail slots.
pub(super) fn shelves(elements: &[ElementInfo]) -> (Shelf, Shelf) {
    let (mut slots, mut mail_slots) = (Shelf::default(), Shelf::default());
    for element in elements {
        match element.kind {
            ElementKind::Slot => slots.add(element.address),
            ElementKind::MailSlot => mail_slots.add(element.address),
            ElementKind::Arm | ElementKind::Drive => {}
        }
    }
    (slots, mail_slots)
}

/// `elements` in the order of their addresses, as the contract has them.
fn seen(library: &str, elements: &[ElementInfo], drives: &[TapeDriveInfo]) -> Inventory {
    let (slots, mail_slots) = shelves(elements);
    let mut counts: HashMap<ElementKind, u32> = HashMap::new();
    let mut cartridges: BTreeMap<&str, SeenCartridge> = BTreeMap::new();
    for element in elements {
        let nth = counts.entry(element.kind).or_default();
        *nth += 1;
        let Some(barcode) = element.cartridge.as_deref().filter(|_| element.full) else { continue };
        let here = cartridge(element, barcode, *nth);
        // Of two with one label nobody can say which is meant.
        cartridges.entry(barcode).and_modify(|first| first.doubtful = true).or_insert(here);
    }
    let names: HashSet<&str> = elements.iter().filter_map(|element| element.drive.as_deref()).collect();
    let is_here = |drive: &&TapeDriveInfo| drive.library.as_deref() == Some(library) || names.contains(drive.name.as_str());
    Inventory {
        slots,
        mail_slots,
        cartridges: cartridges.into_values().collect(),
        drives: drives.iter().filter(is_here).map(drive).collect(),
        ..Inventory::default()
    }
}

fn cartridge(element: &ElementInfo, barcode: &str, nth: u32) -> SeenCartridge {
    let medium = match extra(&element.extras, "medium") {
        Some("data") => Medium::Data,
        Some("worm") => Medium::Worm,
        Some("cleaning") => Medium::Cleaning,
        Some("diagnostic") => Medium::Diagnostic,
        _ => Medium::Unknown,
    };
    SeenCartridge {
        barcode: barcode.to_owned(),
        address: element.address,
        kind: element.kind,
        place: place_name(element.kind, nth),
        home: extra(&element.extras, "home").and_then(|home| home.parse().ok()),
        medium,
        locked: extra(&element.extras, "access") == Some("false"),
        doubtful: extra(&element.extras, "problem").is_some(),
    }
}

fn drive(drive: &TapeDriveInfo) -> SeenDrive {
    SeenDrive {
        serial: drive.name.clone(),
        vendor: drive.vendor.clone(),
        product: drive.product.clone(),
        revision: extra(&drive.extras, "revision").map(str::to_owned),
        element: drive.element,
        state: match extra(&drive.extras, "state") {
            Some("failed") => DriveState::Failed,
            Some("cleaning") => DriveState::Cleaning,
            Some("cleaning-needed") => DriveState::CleaningNeeded,
            _ => DriveState::Ok,
        },
        ready: drive.ready,
        cartridge: drive.cartridge.clone(),
    }
}

async fn measure(engine: &Engine, library: &Library, media: &dyn Media, drive: &str, barcode: &str) -> Outcome<()> {
    let of_it = Listing::first(1).with("library", Operator::Equal, library.id).with("barcode", Operator::Equal, barcode);
    match engine.catalogue.cartridges(&of_it).await?.items.first() {
        Some(cartridge) => readings::take(engine, media, drive, barcode, cartridge.location).await,
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(address: u32, kind: ElementKind, cartridge: Option<&str>, extras: &[(&str, &str)]) -> ElementInfo {
        let extras = extras.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let drive = (kind == ElementKind::Drive).then(|| format!("D{address}"));
        ElementInfo { address, kind, full: cartridge.is_some(), cartridge: cartridge.map(str::to_owned), drive, extras }
    }

    #[test]
    fn a_place_is_the_nth_element_of_its_kind() {
        let elements = [
            element(1, ElementKind::Drive, Some("A00001L9"), &[("home", "257")]),
            element(32, ElementKind::MailSlot, Some("A00002L9"), &[]),
            element(256, ElementKind::Slot, None, &[]),
            element(257, ElementKind::Slot, None, &[]),
            element(258, ElementKind::Slot, Some("CLN001CU"), &[("medium", "cleaning"), ("access", "false")]),
        ];
        let found = seen("L", &elements, &[]);
        let places: Vec<_> = found.cartridges.iter().map(|one| (one.barcode.as_str(), one.place.as_str(), one.home)).collect();
        assert_eq!(places, [("A00001L9", "Drive 1", Some(257)), ("A00002L9", "Mail slot 1", None), ("CLN001CU", "Slot 3", None)]);
        assert_eq!((found.slots, found.mail_slots), (Shelf { count: 3, first: Some(256) }, Shelf { count: 1, first: Some(32) }));
        let cleaning = found.cartridges.last().unwrap();
        assert_eq!((cleaning.medium, cleaning.locked), (Medium::Cleaning, true));
    }

    #[test]
    fn of_two_with_one_label_the_first_is_kept_and_doubted() {
        let elements =
            [element(256, ElementKind::Slot, Some("A00001L9"), &[]), element(257, ElementKind::Slot, Some("A00001L9"), &[])];
        let found = seen("L", &elements, &[]).cartridges;
        assert_eq!(found.iter().map(|one| (one.address, one.doubtful)).collect::<Vec<_>>(), [(256, true)]);
    }

    #[test]
    fn a_drive_is_of_the_library_that_it_stands_in() {
        let drive = |name: &str, library: Option<&str>| TapeDriveInfo {
            name: name.to_owned(),
            vendor: String::new(),
            product: String::new(),
            library: library.map(str::to_owned),
            element: None,
            cartridge: None,
            ready: false,
            extras: vec![("state".to_owned(), "failed".to_owned())],
        };
        let elements = [element(1, ElementKind::Drive, None, &[])];
        let drives = [drive("D1", None), drive("D2", Some("L")), drive("D3", Some("other")), drive("D4", None)];
        let found = seen("L", &elements, &drives).drives;
        assert_eq!(found.iter().map(|drive| drive.serial.as_str()).collect::<Vec<_>>(), ["D1", "D2"]);
        assert!(found.iter().all(|drive| drive.state == DriveState::Failed));
    }
}
