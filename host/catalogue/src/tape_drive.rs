//! Tape drives of libraries. They come and go by inventories; people name them, and take them out of use.

use capstan_domain::Outcome;
use capstan_domain::ids::{Reference, TapeDriveId};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::tape_drive::TapeDrive;
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::failure::missing;
use crate::find::find;
use crate::query::{Row, json, sql};
use crate::select::{Field, Select, Type};

const TAPE_DRIVES: Select = Select {
    columns: "t.id, t.number, t.target, t.library, b.number, t.name, t.serial, t.vendor, t.product, t.revision, t.element, t.state, \
              t.ready, t.cartridge, t.loads, t.registered, t.attributes, t.seen, t.created, t.updated",
    from: "tape_drives t JOIN libraries b ON b.id = t.library",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("library", Type::Id, "t.library"),
        Field("library_number", Type::Integer, "b.number"),
        Field("name", Type::Text, "t.name"),
        Field("serial", Type::Text, "t.serial"),
        Field("vendor", Type::Text, "t.vendor"),
        Field("product", Type::Text, "t.product"),
        Field("revision", Type::Text, "t.revision"),
        Field("element", Type::Integer, "t.element"),
        Field("state", Type::Text, "t.state"),
        Field("status", Type::Text, "CASE WHEN t.state IN ('ok', 'cleaning') THEN 'online' ELSE 'offline' END"),
        Field("full", Type::Flag, "CASE WHEN t.cartridge IS NULL THEN 0 ELSE 1 END"),
        Field("cartridge", Type::Text, "t.cartridge"),
        Field("loads", Type::Integer, "t.loads"),
        Field("registered", Type::Flag, "t.registered"),
        Field("created", Type::Integer, "t.created"),
        Field("updated", Type::Integer, "t.updated"),
    ],
    open: &["attributes"],
    order: "t.number",
};

fn read(row: &mut Row) -> Outcome<TapeDrive> {
    Ok(TapeDrive {
        id: row.take()?,
        number: row.take()?,
        target: row.take()?,
        library: row.take()?,
        library_number: row.take()?,
        name: row.take()?,
        serial: row.take()?,
        vendor: row.take()?,
        product: row.take()?,
        revision: row.take()?,
        element: row.take()?,
        state: row.word()?,
        ready: row.take()?,
        cartridge: row.take()?,
        loads: row.take()?,
        registered: row.take()?,
        attributes: row.json()?,
        seen: row.take()?,
        created: row.take()?,
        updated: row.take()?,
    })
}

impl Catalogue {
    /// Names are not unique: of several the newest is found.
    pub async fn tape_drive(&self, reference: impl Into<Reference<TapeDriveId>>) -> Outcome<TapeDrive> {
        self.find(&TAPE_DRIVES, "tape drive", reference.into(), read).await
    }

    /// Those that nobody uses too, unless the listing leaves them out.
    pub async fn tape_drives(&self, listing: &Listing) -> Outcome<Page<TapeDrive>> {
        self.list(&TAPE_DRIVES, listing, read).await
    }

    /// Writes name, attributes and whether it is used; the rest is the inventory's.
    pub async fn update_tape_drive(&self, drive: &TapeDrive) -> Outcome<TapeDrive> {
        let id = drive.id;
        let update = sql("UPDATE tape_drives SET name = $2, attributes = $3, registered = $4, updated = $5 WHERE id = $1")
            .bind(id)
            .bind(&drive.name)
            .bind(json(&drive.attributes))
            .bind(drive.registered)
            .bind(Timestamp::now());
        self.write(move |connection| {
            Box::pin(async move {
                if connection.run(update).await? == 0 {
                    return Err(missing("tape drive"));
                }
                find(connection, &TAPE_DRIVES, "tape drive", id.into(), read).await
            })
        })
        .await
    }
}
