//! Tape libraries: registered, edited, and due to be looked at. What they hold is `inventory`'s.

use capstan_domain::failure::Kind;
use capstan_domain::ids::{LibraryId, LocationId, Reference};
use capstan_domain::library::{Library, NewLibrary, Shelf};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};

use crate::Catalogue;
use crate::failure::missing;
use crate::find::find;
use crate::query::{Row, Value, json, sql};
use crate::select::{Field, Select, Type};

/// Locations of one statement.
const CHUNK: usize = 400;

const LIBRARIES: Select = Select {
    columns: "t.id, t.number, t.target, g.number, t.name, t.serial, t.vendor, t.product, t.revision, t.slots, t.slots_first, \
              t.mail_slots, t.mail_slots_first, t.failure, t.seen, t.due, t.attributes, t.created, t.updated",
    from: "libraries t JOIN targets g ON g.id = t.target",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("name", Type::Text, "t.name"),
        Field("target", Type::Id, "t.target"),
        Field("target_number", Type::Integer, "g.number"),
        Field("target_name", Type::Text, "g.name"),
        Field("serial", Type::Text, "t.serial"),
        Field("vendor", Type::Text, "t.vendor"),
        Field("product", Type::Text, "t.product"),
        Field("revision", Type::Text, "t.revision"),
        Field("slots", Type::Integer, "t.slots"),
        Field("slots_first", Type::Integer, "t.slots_first"),
        Field("mail_slots", Type::Integer, "t.mail_slots"),
        Field("mail_slots_first", Type::Integer, "t.mail_slots_first"),
        Field("status", Type::Text, "CASE WHEN t.seen IS NOT NULL AND t.failure IS NULL THEN 'online' ELSE 'offline' END"),
        Field("seen", Type::Integer, "t.seen"),
        Field("created", Type::Integer, "t.created"),
        Field("updated", Type::Integer, "t.updated"),
    ],
    open: &["attributes"],
    order: "t.number",
};

fn read(row: &mut Row) -> Outcome<Library> {
    Ok(Library {
        id: row.take()?,
        number: row.take()?,
        target: row.take()?,
        target_number: row.take()?,
        name: row.take()?,
        serial: row.take()?,
        vendor: row.take()?,
        product: row.take()?,
        revision: row.take()?,
        slots: Shelf { count: row.take()?, first: row.take()? },
        mail_slots: Shelf { count: row.take()?, first: row.take()? },
        failure: row.json_option()?,
        seen: row.take()?,
        due: row.take()?,
        attributes: row.json()?,
        created: row.take()?,
        updated: row.take()?,
    })
}

impl Catalogue {
    /// `due`: when its inventory is taken by itself. `AlreadyExists` "taken" if the name or the robot is.
    pub async fn create_library(&self, new: &NewLibrary, due: Option<Timestamp>) -> Outcome<Library> {
        let id = LibraryId::new();
        let insert = sql("INSERT INTO libraries (id, target, name, serial, vendor, product, due, attributes, created, updated) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)")
        .bind(id)
        .bind(new.target)
        .bind(&new.name)
        .bind(&new.serial)
        .bind(&new.vendor)
        .bind(&new.product)
        .bind(due)
        .bind(json(&new.attributes))
        .bind(Timestamp::now());
        self.write(move |connection| {
            Box::pin(async move {
                connection.run(insert).await?;
                find(connection, &LIBRARIES, "tape library", id.into(), read).await
            })
        })
        .await
    }

    /// Writes name and attributes; the rest is the inventory's.
    pub async fn update_library(&self, library: &Library) -> Outcome<Library> {
        let id = library.id;
        let update = sql("UPDATE libraries SET name = $2, attributes = $3, updated = $4 WHERE id = $1")
            .bind(id)
            .bind(&library.name)
            .bind(json(&library.attributes))
            .bind(Timestamp::now());
        self.write(move |connection| {
            Box::pin(async move {
                if connection.run(update).await? == 0 {
                    return Err(missing("tape library"));
                }
                find(connection, &LIBRARIES, "tape library", id.into(), read).await
            })
        })
        .await
    }

    pub async fn library(&self, reference: impl Into<Reference<LibraryId>>) -> Outcome<Library> {
        self.find(&LIBRARIES, "tape library", reference.into(), read).await
    }

    pub async fn libraries(&self, listing: &Listing) -> Outcome<Page<Library>> {
        self.list(&LIBRARIES, listing, read).await
    }

    /// With its drives; its cartridges stay, in no library. Its target is the caller's business.
    pub async fn delete_library(&self, id: LibraryId) -> Outcome<()> {
        self.delete("tape library", sql("DELETE FROM libraries WHERE id = $1").bind(id)).await
    }

    /// The last look at it failed.
    pub async fn library_away(&self, id: LibraryId, failure: &Failure) -> Outcome<()> {
        let away = sql("UPDATE libraries SET failure = $2, updated = $3 WHERE id = $1");
        self.change("tape library", away.bind(id).bind(json(failure)).bind(Timestamp::now())).await
    }

    /// Libraries whose time has come, oldest first.
    pub async fn due_libraries(&self, now: Timestamp, limit: u32) -> Outcome<Vec<Library>> {
        let text = format!("{} WHERE t.due <= $1 ORDER BY t.due LIMIT {limit}", LIBRARIES.text());
        let rows = self.read().await?.all(sql(text).bind(now)).await?;
        rows.into_iter().map(|mut row| read(&mut row)).collect()
    }

    /// Moves the due time on, if it is still the one that `library` shows: of several hosts one wins, and only that one gets true.
    pub async fn advance_library(&self, library: &Library, due: Timestamp) -> Outcome<bool> {
        let advance = sql("UPDATE libraries SET due = $3 WHERE id = $1 AND due = $2");
        match self.change("tape library", advance.bind(library.id).bind(library.due).bind(due)).await {
            Ok(()) => Ok(true),
            Err(failure) if failure.kind == Kind::NotFound => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// The libraries of these cartridges are due at once: something may have been carried. Locations that are none are left out.
    pub async fn ask_inventory(&self, cartridges: &[LocationId]) -> Outcome<()> {
        let now = Timestamp::now();
        for chunk in cartridges.chunks(CHUNK) {
            let marks: Vec<String> = (2..chunk.len() + 2).map(|at| format!("${at}")).collect();
            let text = format!(
                "UPDATE libraries SET due = $1 WHERE id IN (SELECT c.library FROM cartridges c WHERE c.location IN ({}))",
                marks.join(", ")
            );
            let query = sql(text).bind(now).bind_all(chunk.iter().map(|location| Value::from(*location)));
            self.write(move |connection| Box::pin(async move { connection.run(query).await.map(|_| ()) })).await?;
        }
        Ok(())
    }
}
