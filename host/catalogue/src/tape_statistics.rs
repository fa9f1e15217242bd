//! The latest statistics of cartridges. They come with what else a drive tells, so `cartridge` writes them.

use capstan_domain::Outcome;
use capstan_domain::ids::LocationId;
use capstan_domain::listing::{Listing, Operator, Page};
use capstan_domain::tape_statistics::{Counters, TapeStatistics};
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::connection::Connection;
use crate::query::{Row, json, sql};
use crate::select::{Field, Select, Type};

const TAPE_STATISTICS: Select = Select {
    columns: "s.location, t.number, t.name, s.taken, s.counters",
    from: "tape_statistics s JOIN locations t ON t.id = s.location",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("barcode", Type::Text, "t.name"),
        Field("taken", Type::Integer, "s.taken"),
    ],
    open: &["counters:s.counters"],
    order: "t.number",
};

fn read(row: &mut Row) -> Outcome<TapeStatistics> {
    Ok(TapeStatistics {
        cartridge: row.take()?,
        number: row.take()?,
        barcode: row.take()?,
        taken: row.take()?,
        counters: row.json()?,
    })
}

impl Catalogue {
    /// Of cartridges that a drive told something of.
    pub async fn tape_statistics(&self, listing: &Listing) -> Outcome<Page<TapeStatistics>> {
        self.list(&TAPE_STATISTICS, listing, read).await
    }

    /// None: no drive told anything of it yet.
    pub async fn statistics_of_tape(&self, cartridge: LocationId) -> Outcome<Option<TapeStatistics>> {
        let of_it = Listing::first(1).with("id", Operator::Equal, cartridge);
        Ok(self.tape_statistics(&of_it).await?.items.into_iter().next())
    }
}

/// In place of those before. Nothing told changes nothing.
pub(crate) async fn put_statistics(
    connection: &mut Connection,
    cartridge: LocationId,
    taken: Timestamp,
    counters: &Counters,
) -> Outcome<()> {
    if counters.is_empty() {
        return Ok(());
    }
    let put = sql("INSERT INTO tape_statistics (location, taken, counters) VALUES ($1, $2, $3) \
                   ON CONFLICT (location) DO UPDATE SET taken = excluded.taken, counters = excluded.counters");
    connection.run(put.bind(cartridge).bind(taken).bind(json(counters))).await.map(|_| ())
}
