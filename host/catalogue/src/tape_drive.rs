//! Tape drives of libraries. They come and go by inventories; people name them, and take them out of use.

use capstan_domain::ids::{LocationId, Reference, TapeDriveId};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::tape_drive::TapeDrive;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};

use crate::Catalogue;
use crate::cartridge_use::idle_since;
use crate::failure::missing;
use crate::find::find;
use crate::query::{Row, json, json_option, sql};
use crate::select::{Field, Select, Type};

const TAPE_DRIVES: Select = Select {
    columns: "t.id, t.number, t.target, t.library, b.number, t.name, t.serial, t.vendor, t.product, t.revision, t.element, t.state, \
              t.ready, t.cartridge, t.loads, t.registered, t.cleaned, t.cleaning_failure, t.attributes, t.seen, t.created, t.updated",
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
        Field(
            "status",
            Type::Text,
            "CASE WHEN t.state IN ('ok', 'cleaning', 'cleaning-needed') THEN 'online' ELSE 'offline' END",
        ),
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
        cleaned: row.take()?,
        cleaning_failure: row.json_option()?,
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

    /// Drives that hold a cartridge which nobody used since `before`, with its location; of those that ask to be cleaned since `before_dirty`.
    pub async fn idle_tape_drives(
        &self,
        before: Timestamp,
        before_dirty: Timestamp,
        limit: u32,
    ) -> Outcome<Vec<(TapeDrive, LocationId)>> {
        let text = format!(
            "SELECT {}, c.location FROM {} JOIN locations l ON l.target = t.target AND l.name = t.cartridge \
             JOIN cartridges c ON c.location = l.id WHERE t.registered = 1 AND t.state <> 'absent' \
             AND (({}) OR (t.state = 'cleaning-needed' AND {})) ORDER BY t.number LIMIT {limit}",
            TAPE_DRIVES.columns,
            TAPE_DRIVES.from,
            idle_since("$1", "c"),
            idle_since("$2", "c")
        );
        let rows = self.read().await?.all(sql(text).bind(before).bind(before_dirty)).await?;
        rows.into_iter().map(|mut row| Ok((read(&mut row)?, row.take()?))).collect()
    }

    /// Empty drives that ask to be cleaned, and for which that was not tried since `before`.
    pub async fn dirty_tape_drives(&self, before: Timestamp, limit: u32) -> Outcome<Vec<TapeDrive>> {
        let text = format!(
            "{} WHERE t.registered = 1 AND t.state = 'cleaning-needed' AND t.cartridge IS NULL \
             AND (t.cleaned IS NULL OR t.cleaned < $1) ORDER BY t.number LIMIT {limit}",
            TAPE_DRIVES.text()
        );
        let rows = self.read().await?.all(sql(text).bind(before)).await?;
        rows.into_iter().map(|mut row| read(&mut row)).collect()
    }

    /// Begins a cleaning: of several hosts one may, and only that one gets true.
    pub async fn begin_cleaning(&self, drive: &TapeDrive) -> Outcome<bool> {
        let begin = sql("UPDATE tape_drives SET cleaned = $2 WHERE id = $1 AND cleaned IS NOT DISTINCT FROM $3");
        let begin = begin.bind(drive.id).bind(Timestamp::now()).bind(drive.cleaned);
        self.write(move |connection| Box::pin(async move { Ok(connection.run(begin).await? > 0) })).await
    }

    /// What a cleaning came to. A drive that was cleaned asks for it no more, until an inventory says otherwise.
    pub async fn record_cleaning(&self, drive: TapeDriveId, failure: Option<&Failure>) -> Outcome<()> {
        let state = if failure.is_none() { "'ok'" } else { "state" };
        let text = format!("UPDATE tape_drives SET state = {state}, cleaning_failure = $2, updated = $3 WHERE id = $1");
        self.change("tape drive", sql(text).bind(drive).bind(json_option(failure)).bind(Timestamp::now())).await
    }
}
