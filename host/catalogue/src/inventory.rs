//! What a tape library was seen to hold, taken over in one transaction.
//!
//! A cartridge that was never seen becomes a location; one that is no longer found stays, out of the library: copies refer to it. What
//! did not change is not written, so that looking again and again costs the catalogue one row.

use std::collections::HashMap;

use capstan_domain::Outcome;
use capstan_domain::cartridge::{Format, Medium, read_barcode};
use capstan_domain::ids::{LibraryId, LocationId, TapeDriveId, TargetId};
use capstan_domain::library::{Inventory, InventoryTally, Library, SeenCartridge, SeenDrive};
use capstan_domain::ports::{ElementKind, LocationInfo};
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::connection::Connection;
use crate::failure::missing;
use crate::location::upsert_location;
use crate::query::{json, sql, word};

/// A cartridge as the catalogue has it.
struct Known {
    location: LocationId,
    library: Option<LibraryId>,
    is_present: bool,
    element: Option<u32>,
    kind: Option<ElementKind>,
    place: Option<String>,
    home: Option<u32>,
    medium: Medium,
    locked: bool,
    doubtful: bool,
}

impl Catalogue {
    /// The library is online from then on.
    pub async fn record_inventory(&self, library: &Library, inventory: Inventory) -> Outcome<InventoryTally> {
        let (id, target) = (library.id, library.target);
        self.write(move |connection| {
            Box::pin(async move {
                let now = Timestamp::now();
                record_library(connection, id, &inventory, now).await?;
                let tally = record_cartridges(connection, (id, target), &inventory.cartridges, now).await?;
                record_drives(connection, (id, target), &inventory.drives, now).await?;
                Ok(tally)
            })
        })
        .await
    }
}

async fn record_library(connection: &mut Connection, id: LibraryId, inventory: &Inventory, now: Timestamp) -> Outcome<()> {
    // On PostgreSQL two hosts may look at once: the row is held from here on, and the later look is recorded after the earlier one.
    let update =
        sql("UPDATE libraries SET vendor = $2, product = $3, revision = $4, slots = $5, slots_first = $6, mail_slots = $7, \
                      mail_slots_first = $8, failure = NULL, seen = $9 WHERE id = $1")
        .bind(id)
        .bind(&inventory.vendor)
        .bind(&inventory.product)
        .bind(inventory.revision.clone())
        .bind(inventory.slots.count)
        .bind(inventory.slots.first)
        .bind(inventory.mail_slots.count)
        .bind(inventory.mail_slots.first)
        .bind(now);
    if connection.run(update).await? == 0 { Err(missing("tape library")) } else { Ok(()) }
}

async fn record_cartridges(
    connection: &mut Connection,
    (library, target): (LibraryId, TargetId),
    seen: &[SeenCartridge],
    now: Timestamp,
) -> Outcome<InventoryTally> {
    let mut known = known(connection, target).await?;
    let mut tally = InventoryTally { cartridges: u64::try_from(seen.len()).unwrap_or(u64::MAX), ..InventoryTally::default() };
    for cartridge in seen {
        let before = known.remove(&cartridge.barcode);
        if before.as_ref().is_some_and(|before| is_as_before(library, before, cartridge)) {
            continue;
        }
        match &before {
            Some(before) if before.is_present => tally.moved += u64::from(before.element != Some(cartridge.address)),
            _ => tally.came += 1,
        }
        put_cartridge(connection, (library, target), cartridge, now).await?;
    }
    for gone in known.into_values().filter(|one| one.library == Some(library) && one.is_present) {
        let away = sql("UPDATE locations SET present = 0, updated = $2 WHERE id = $1");
        connection.run(away.bind(gone.location).bind(now)).await?;
        let outside =
            sql("UPDATE cartridges SET element = NULL, element_kind = NULL, place = NULL, ejected = 1, locked = 0, moved = $2, \
                           updated = $2 WHERE location = $1");
        connection.run(outside.bind(gone.location).bind(now)).await?;
        tally.gone += 1;
    }
    Ok(tally)
}

/// Of the whole target: a cartridge may have come from another library of it.
async fn known(connection: &mut Connection, target: TargetId) -> Outcome<HashMap<String, Known>> {
    let query =
        sql("SELECT l.name, l.id, l.present, c.library, c.element, c.element_kind, c.place, c.home, c.medium, c.locked, \
                     c.need_to_check FROM locations l JOIN cartridges c ON c.location = l.id WHERE l.target = $1");
    let mut known = HashMap::new();
    for mut row in connection.all(query.bind(target)).await? {
        let barcode: String = row.take()?;
        let (location, is_present, library) = (row.take()?, row.take()?, row.take()?);
        let (element, kind, place, home) = (row.take()?, row.word_option()?, row.take()?, row.take()?);
        let (medium, locked, doubtful) = (row.word()?, row.take()?, row.take()?);
        known.insert(barcode, Known { location, library, is_present, element, kind, place, home, medium, locked, doubtful });
    }
    Ok(known)
}

fn is_as_before(library: LibraryId, before: &Known, now: &SeenCartridge) -> bool {
    before.is_present
        && before.library == Some(library)
        && before.element == Some(now.address)
        && before.kind == Some(now.kind)
        && before.place.as_ref() == Some(&now.place)
        && (now.home.is_none() || before.home == now.home)
        && (now.medium == Medium::Unknown || before.medium == now.medium)
        && before.locked == now.locked
        && (!now.doubtful || before.doubtful)
}

async fn put_cartridge(
    connection: &mut Connection,
    (library, target): (LibraryId, TargetId),
    seen: &SeenCartridge,
    now: Timestamp,
) -> Outcome<()> {
    let info = LocationInfo { name: seen.barcode.clone(), created: None, extras: Vec::new() };
    connection.run(upsert_location(target, &info, now)).await?;
    let find = sql("SELECT id FROM locations WHERE target = $1 AND name = $2");
    let location: LocationId = connection.value(find.bind(target).bind(&seen.barcode)).await?;
    // What the label says holds where the library is silent.
    let (labelled, generation) = read_barcode(&seen.barcode);
    let medium = if seen.medium == Medium::Unknown { labelled } else { seen.medium };
    let home = if seen.kind == ElementKind::Slot { Some(seen.address) } else { seen.home };
    let in_drive = seen.kind == ElementKind::Drive;
    let upsert = sql("INSERT INTO cartridges (location, library, element, element_kind, place, home, medium, generation, locked, \
                      need_to_check, format, loads, came, moved, updated) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $13) \
                      ON CONFLICT (location) DO UPDATE SET library = excluded.library, element = excluded.element, \
                      element_kind = excluded.element_kind, place = excluded.place, home = COALESCE(excluded.home, cartridges.home), \
                      medium = CASE WHEN excluded.medium = 'unknown' THEN cartridges.medium ELSE excluded.medium END, \
                      generation = COALESCE(excluded.generation, cartridges.generation), locked = excluded.locked, \
                      need_to_check = CASE WHEN excluded.need_to_check = 1 THEN 1 ELSE cartridges.need_to_check END, \
                      ejected = CASE WHEN excluded.element_kind = 'mail-slot' AND cartridges.element IS NOT NULL \
                      THEN cartridges.ejected ELSE 0 END, \
                      loads = cartridges.loads + CASE WHEN cartridges.element_kind IS DISTINCT FROM excluded.element_kind \
                      THEN excluded.loads ELSE 0 END, \
                      came = CASE WHEN cartridges.element IS NULL THEN excluded.came ELSE cartridges.came END, \
                      moved = CASE WHEN cartridges.element IS DISTINCT FROM excluded.element THEN excluded.moved \
                      ELSE cartridges.moved END, updated = excluded.updated")
    .bind(location)
    .bind(library)
    .bind(seen.address)
    .bind(word(&seen.kind))
    .bind(&seen.place)
    .bind(home)
    .bind(word(&medium))
    .bind(generation)
    .bind(seen.locked)
    .bind(seen.doubtful)
    .bind(word(&Format::Unknown))
    .bind(in_drive)
    .bind(now);
    connection.run(upsert).await.map(|_| ())
}

async fn record_drives(
    connection: &mut Connection,
    (library, target): (LibraryId, TargetId),
    seen: &[SeenDrive],
    now: Timestamp,
) -> Outcome<()> {
    for drive in seen {
        let upsert =
            sql("INSERT INTO tape_drives (id, target, library, name, serial, vendor, product, revision, element, state, ready, \
                          cartridge, loads, registered, attributes, seen, created, updated) \
                          VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, $13, $14, $14, $14) \
                          ON CONFLICT (target, serial) DO UPDATE SET library = excluded.library, vendor = excluded.vendor, \
                          product = excluded.product, revision = excluded.revision, element = excluded.element, \
                          state = excluded.state, ready = excluded.ready, \
                          loads = tape_drives.loads + CASE WHEN tape_drives.cartridge IS DISTINCT FROM excluded.cartridge \
                          THEN excluded.loads ELSE 0 END, cartridge = excluded.cartridge, seen = excluded.seen")
            .bind(TapeDriveId::new())
            .bind(target)
            .bind(library)
            .bind(&drive.serial)
            .bind(&drive.vendor)
            .bind(&drive.product)
            .bind(drive.revision.clone())
            .bind(drive.element)
            .bind(word(&drive.state))
            .bind(drive.ready)
            .bind(drive.cartridge.clone())
            .bind(drive.cartridge.is_some())
            .bind(json(&serde_json::json!({})))
            .bind(now);
        connection.run(upsert).await?;
    }
    // Those of the library that this look did not find.
    let absent = sql("UPDATE tape_drives SET state = 'absent', ready = 0, cartridge = NULL WHERE library = $1 AND seen < $2");
    connection.run(absent.bind(library).bind(now)).await.map(|_| ())
}
