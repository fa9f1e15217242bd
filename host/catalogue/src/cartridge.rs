//! Cartridges: locations that are tapes, with what is known of the tape. Where they lie is `inventory`'s.

use capstan_domain::cartridge::{Cartridge, FULL, Format, Reading, SWITCH};
use capstan_domain::failure::Kind;
use capstan_domain::ids::{LibraryId, LocationId, Number, PoolId, Reference};
use capstan_domain::job::PathOutcome;
use capstan_domain::listing::{Listing, Page};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};

use crate::Catalogue;
use crate::adopt::forget_contentless;
use crate::connection::Connection;
use crate::failure::missing;
use crate::find::find;
use crate::metrics::counted;
use crate::outcome::put_outcomes;
use crate::query::{Row, sql, word};
use crate::select::{Field, Select, Type};
use crate::tape_statistics::put_statistics;

/// Between two reasons in their column.
const BETWEEN: char = ',';

pub(crate) const CARTRIDGES: Select = Select {
    columns: "t.id, t.number, t.target, c.library, b.number, b.name, b.serial, t.name, t.pool, p.number, t.file_count, t.file_bytes, \
              t.present, c.element, c.element_kind, c.place, c.home, c.medium, c.generation, c.write_protect, c.locked, c.scratch, \
              c.ejected, c.need_to_check, c.format, c.volume, c.capacity, c.remaining, c.loads, c.came, c.moved, c.measured, \
              c.used, c.maintained, c.updated",
    from: "locations t JOIN cartridges c ON c.location = t.id LEFT JOIN libraries b ON b.id = c.library \
           LEFT JOIN pools p ON p.id = t.pool",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        // What `find` takes for the name.
        Field("name", Type::Text, "t.name"),
        Field("barcode", Type::Text, "t.name"),
        Field("target", Type::Id, "t.target"),
        Field("library", Type::Id, "c.library"),
        Field("library_number", Type::Integer, "b.number"),
        Field("library_name", Type::Text, "b.name"),
        Field("pool", Type::Id, "t.pool"),
        Field("pool_number", Type::Integer, "p.number"),
        Field("file_count", Type::Integer, "t.file_count"),
        Field("file_bytes", Type::Integer, "t.file_bytes"),
        Field("known", Type::Flag, "t.present"),
        Field("element", Type::Integer, "c.element"),
        Field("element_kind", Type::Text, "c.element_kind"),
        Field("place", Type::Text, "c.place"),
        Field("medium", Type::Text, "c.medium"),
        Field("generation", Type::Integer, "c.generation"),
        Field(
            "kind",
            Type::Text,
            "CASE WHEN c.medium IN ('data', 'worm') AND c.generation IS NOT NULL THEN 'data_lto' || CAST(c.generation AS TEXT) \
             WHEN c.medium = 'worm' THEN 'data' ELSE c.medium END",
        ),
        Field("write_protect", Type::Text, "c.write_protect"),
        Field("locked", Type::Flag, "c.locked"),
        Field("scratch", Type::Flag, "c.scratch"),
        Field("cleaning", Type::Flag, "CASE WHEN c.medium = 'cleaning' THEN 1 ELSE 0 END"),
        Field("mounted", Type::Flag, "CASE WHEN c.element_kind = 'drive' THEN 1 ELSE 0 END"),
        Field("ejected", Type::Flag, "c.ejected"),
        Field("need_to_check", Type::Flag, "c.need_to_check"),
        Field("format", Type::Text, "c.format"),
        Field("volume", Type::Text, "c.volume"),
        Field("capacity", Type::Integer, "c.capacity"),
        Field("remaining", Type::Integer, "c.remaining"),
        Field("loads", Type::Integer, "c.loads"),
        Field("came", Type::Integer, "c.came"),
        Field("moved", Type::Integer, "c.moved"),
        Field("measured", Type::Integer, "c.measured"),
        Field("maintained", Type::Integer, "c.maintained"),
        Field("updated", Type::Integer, "c.updated"),
        Field(
            "entry",
            Type::Integer,
            "t.number IN (SELECT n.number FROM replicas r JOIN locations n ON n.id = r.location WHERE {r.entry})",
        ),
    ],
    open: &[],
    order: "t.number",
};

fn read(row: &mut Row) -> Outcome<Cartridge> {
    Ok(Cartridge {
        location: row.take()?,
        number: row.take()?,
        target: row.take()?,
        library: row.take()?,
        library_number: row.take()?,
        library_name: row.take()?,
        library_serial: row.take()?,
        barcode: row.take()?,
        pool: row.take()?,
        pool_number: row.take()?,
        file_count: row.take()?,
        file_bytes: row.take()?,
        known: row.take()?,
        element: row.take()?,
        element_kind: row.word_option()?,
        place: row.take()?,
        home: row.take()?,
        medium: row.word()?,
        generation: row.take()?,
        write_protect: reasons(&row.take::<String>()?),
        locked: row.take()?,
        scratch: row.take()?,
        ejected: row.take()?,
        need_to_check: row.take()?,
        format: row.word()?,
        volume: row.take()?,
        capacity: row.take()?,
        remaining: row.take()?,
        loads: row.take()?,
        came: row.take()?,
        moved: row.take()?,
        measured: row.take()?,
        used: row.take()?,
        maintained: row.take()?,
        updated: row.take()?,
    })
}

fn reasons(text: &str) -> Vec<String> {
    text.split(BETWEEN).filter(|reason| !reason.is_empty()).map(str::to_owned).collect()
}

/// With one of the reasons as it is now.
fn with_reason(text: &str, which: &str, holds: bool) -> String {
    let mut reasons = reasons(text);
    reasons.retain(|reason| reason != which);
    if holds {
        reasons.push(which.to_owned());
    }
    reasons.join(&BETWEEN.to_string())
}

/// What a format came to.
#[derive(Clone, Debug)]
pub struct Formatted {
    pub format: Format,
    /// What the drive told of it then, where it did.
    pub reading: Option<Reading>,
    /// The pool it goes to, out of the one it is in; none: it stays.
    pub scratch: Option<PoolId>,
}

impl Catalogue {
    /// By its location's id or number, or by its barcode: of several in different targets the newest.
    pub async fn cartridge(&self, reference: impl Into<Reference<LocationId>>) -> Outcome<Cartridge> {
        self.find(&CARTRIDGES, "tape", reference.into(), read).await
    }

    pub async fn cartridges(&self, listing: &Listing) -> Outcome<Page<Cartridge>> {
        self.list(&CARTRIDGES, listing, read).await
    }

    /// Cartridges of a library that are in a pool.
    pub async fn pooled_cartridges(&self, library: LibraryId) -> Outcome<u64> {
        let text = "SELECT count(*) FROM cartridges c JOIN locations t ON t.id = c.location \
                    WHERE c.library = $1 AND t.pool IS NOT NULL";
        self.read().await?.value(sql(text).bind(library)).await
    }

    /// What a drive tells of a cartridge that is in it.
    pub async fn record_reading(&self, cartridge: LocationId, reading: Reading) -> Outcome<()> {
        self.write(move |connection| Box::pin(put_reading(connection, cartridge, reading))).await
    }

    /// From now on nobody counts on what lies there: a format is to follow.
    pub async fn forget_cartridge(&self, cartridge: LocationId) -> Outcome<()> {
        self.write(move |connection| {
            Box::pin(async move {
                let only_there = sql("SELECT r.entry FROM replicas r JOIN entries e ON e.number = r.entry \
                     JOIN trees f ON f.number = e.tree WHERE r.location = $1 AND e.resident = 0 AND f.pool IS NOT NULL");
                let rows = connection.all(only_there.bind(cartridge)).await?;
                let entries: Vec<Number> = rows.into_iter().map(|mut row| row.take()).collect::<Outcome<_>>()?;
                connection.run(sql("DELETE FROM replicas WHERE location = $1").bind(cartridge)).await?;
                forget_contentless(connection, &entries).await?;
                let none = sql("UPDATE locations SET file_count = 0, file_bytes = 0 WHERE id = $1");
                connection.run(none.bind(cartridge)).await?;
                let unknown =
                    sql("UPDATE cartridges SET format = $2, volume = NULL, scratch = 0, updated = $3 WHERE location = $1");
                let unknown = unknown.bind(cartridge).bind(word(&Format::Unknown)).bind(Timestamp::now());
                if connection.run(unknown).await? == 0 { Err(missing("tape")) } else { Ok(()) }
            })
        })
        .await
    }

    /// Together with what the job did there, so that no cartridge is formatted twice by one job.
    pub async fn record_format(&self, cartridge: LocationId, formatted: Formatted, outcome: PathOutcome) -> Outcome<()> {
        let outcomes = vec![outcome];
        let tally = counted(&outcomes);
        self.write(move |connection| {
            Box::pin(async move {
                let now = Timestamp::now();
                let update =
                    sql("UPDATE cartridges SET format = $2, volume = NULL, scratch = $3, need_to_check = 0, maintained = $4, \
                                  updated = $4 WHERE location = $1");
                let update = update.bind(cartridge).bind(word(&formatted.format)).bind(formatted.scratch.is_some()).bind(now);
                if connection.run(update).await? == 0 {
                    return Err(missing("tape"));
                }
                protect(connection, cartridge, FULL, false).await?;
                if let Some(reading) = formatted.reading {
                    put_reading(connection, cartridge, reading).await?;
                }
                if let Some(pool) = formatted.scratch {
                    let join = sql("UPDATE locations SET pool = $2, updated = $3 WHERE id = $1");
                    connection.run(join.bind(cartridge).bind(pool).bind(now)).await?;
                }
                put_outcomes(connection, &outcomes).await
            })
        })
        .await?;
        self.metrics.settled(&tally);
        Ok(())
    }

    /// It was carried to a mail slot, for somebody to take it out.
    pub async fn record_ejection(&self, cartridge: LocationId, address: u32, outcome: PathOutcome) -> Outcome<()> {
        let outcomes = vec![outcome];
        let tally = counted(&outcomes);
        self.write(move |connection| {
            Box::pin(async move {
                // Which mail slot people call it, the inventory tells.
                let eject = sql(
                    "UPDATE cartridges SET ejected = 1, element = $2, element_kind = 'mail-slot', place = NULL, moved = $3, \
                                 updated = $3 WHERE location = $1",
                );
                if connection.run(eject.bind(cartridge).bind(address).bind(Timestamp::now())).await? == 0 {
                    return Err(missing("tape"));
                }
                put_outcomes(connection, &outcomes).await
            })
        })
        .await?;
        self.metrics.settled(&tally);
        Ok(())
    }

    /// Its index was read, or could not be: then somebody has to look at it.
    pub async fn record_check(&self, cartridge: LocationId, is_good: bool) -> Outcome<()> {
        let check = if is_good {
            "UPDATE cartridges SET need_to_check = 0, maintained = $2, updated = $2 WHERE location = $1"
        } else {
            "UPDATE cartridges SET need_to_check = 1, updated = $2 WHERE location = $1"
        };
        self.change("tape", sql(check).bind(cartridge).bind(Timestamp::now())).await
    }

    /// A write found no room on it. Where its pool says so it is not written to any more until it is formatted: answers whether.
    pub async fn record_full(&self, cartridge: LocationId) -> Outcome<bool> {
        self.write(move |connection| {
            Box::pin(async move {
                let query = sql("SELECT count(*) FROM cartridges c JOIN locations t ON t.id = c.location \
                                 JOIN pools p ON p.id = t.pool WHERE c.location = $1 AND p.protect_full = 1");
                let protects = connection.value::<i64>(query.bind(cartridge)).await? > 0;
                if protects {
                    protect(connection, cartridge, FULL, true).await?;
                }
                Ok(protects)
            })
        })
        .await
    }

    /// One that is gone from its library, in no pool, and that no copy is recorded on; else `Conflict` "in-use".
    pub async fn delete_cartridge(&self, cartridge: LocationId) -> Outcome<()> {
        self.write(move |connection| {
            Box::pin(async move {
                let known = find(connection, &CARTRIDGES, "tape", cartridge.into(), read).await?;
                let why = match (known.known, known.pool) {
                    (true, _) => "the tape is in its library",
                    (false, Some(_)) => "the tape is in a pool",
                    (false, None) => {
                        let delete = sql("DELETE FROM locations WHERE id = $1 AND present = 0 AND pool IS NULL").bind(cartridge);
                        connection.run(delete).await?;
                        return Ok(());
                    }
                };
                Err(Failure::new(Kind::Conflict, why)
                    .with_code("in-use")
                    .with_next_step("take it out of its pool and of its library first"))
            })
        })
        .await
    }
}

async fn protect(connection: &mut Connection, cartridge: LocationId, why: &str, holds: bool) -> Outcome<()> {
    let query = sql("SELECT write_protect FROM cartridges WHERE location = $1").bind(cartridge);
    let Some(mut row) = connection.one(query).await? else { return Err(missing("tape")) };
    let reasons = with_reason(&row.take::<String>()?, why, holds);
    let update = sql("UPDATE cartridges SET write_protect = $2, updated = $3 WHERE location = $1");
    connection.run(update.bind(cartridge).bind(reasons).bind(Timestamp::now())).await.map(|_| ())
}

async fn put_reading(connection: &mut Connection, cartridge: LocationId, reading: Reading) -> Outcome<()> {
    let now = Timestamp::now();
    protect(connection, cartridge, SWITCH, reading.write_protected).await?;
    let update = sql("UPDATE cartridges SET capacity = COALESCE($2, capacity), remaining = COALESCE($3, remaining), \
                      loads = CASE WHEN loads < $4 THEN $4 ELSE loads END, measured = $5, updated = $5 \
                      WHERE location = $1")
    .bind(cartridge)
    .bind(reading.capacity)
    .bind(reading.remaining)
    .bind(reading.loads.unwrap_or_default())
    .bind(now);
    connection.run(update).await?;
    put_statistics(connection, cartridge, now, &reading.counters).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_switch_of_a_cartridge_is_one_reason_among_others() {
        assert_eq!(with_reason("", SWITCH, false), "");
        assert_eq!(with_reason("", SWITCH, true), "switch");
        assert_eq!(with_reason("full,switch", SWITCH, true), "full,switch");
        assert_eq!(with_reason("full,switch", SWITCH, false), "full");
        assert_eq!(with_reason("full,switch", FULL, false), "switch");
        assert_eq!(reasons("full,switch"), ["full", "switch"]);
    }
}
