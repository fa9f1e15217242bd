//! Tapes: cartridges of registered libraries.

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::{Answer, Error, Listing, MAX_LIMIT, Page, Tape, TapeKind, Tapes, TapesOf};
use capstan_domain::cartridge::{Cartridge, Medium};
use capstan_domain::listing::{self, Operator};

use super::Door;
use super::failures::{error, missing};
use super::listing::{Column, Columns, listing};
use super::words::{count, moment};

const COLUMNS: Columns = &[
    ("id", Column::Is("number")),
    ("tape_library_id", Column::Is("library_number")),
    ("pool_id", Column::Is("pool_number")),
    ("barcode", Column::Is("barcode")),
    ("location", Column::Is("place")),
    ("type", Column::Is("kind")),
    ("locked", Column::Is("locked")),
    ("scratch", Column::Is("scratch")),
    ("cleaning", Column::Is("cleaning")),
    ("write_protect", Column::Is("write_protect")),
    ("mounted", Column::Is("mounted")),
    ("ejected", Column::Is("ejected")),
    ("known", Column::Is("known")),
    ("mount_count", Column::Is("loads")),
    ("date_in", Column::Is("came")),
    ("date_move", Column::Is("moved")),
    ("free", Column::Is("remaining")),
    ("max", Column::Is("capacity")),
    ("last_size_update", Column::Is("measured")),
    ("last_maintenance", Column::Is("maintained")),
    // Nothing is written together anew on tapes of this host.
    ("last_repack", Column::Absent),
    ("repack_status", Column::Always("0")),
    ("hash", Column::Absent),
    ("force_import_type", Column::Always("0")),
    ("need_to_check", Column::Is("need_to_check")),
];

fn kind_of(medium: Medium, generation: Option<u32>) -> TapeKind {
    match (medium, generation) {
        (Medium::Cleaning, _) => TapeKind::Cleaning,
        (Medium::Diagnostic, _) => TapeKind::Diagnostic,
        (Medium::Unknown, _) => TapeKind::Unknown,
        (Medium::Data | Medium::Worm, generation) => match generation {
            Some(1) => TapeKind::DataLto1,
            Some(2) => TapeKind::DataLto2,
            Some(3) => TapeKind::DataLto3,
            Some(4) => TapeKind::DataLto4,
            Some(5) => TapeKind::DataLto5,
            Some(6) => TapeKind::DataLto6,
            Some(7) => TapeKind::DataLto7,
            Some(8) => TapeKind::DataLto8,
            Some(9) => TapeKind::DataLto9,
            Some(10) => TapeKind::DataLto10,
            Some(11) => TapeKind::DataLto11,
            Some(12) => TapeKind::DataLto12,
            _ => TapeKind::Data,
        },
    }
}

pub(super) fn tape(cartridge: &Cartridge) -> Tape {
    Tape {
        id: cartridge.number,
        tape_library_id: cartridge.library_number,
        pool_id: cartridge.pool_number,
        barcode: cartridge.barcode.clone(),
        location: cartridge.place.clone(),
        kind: kind_of(cartridge.medium, cartridge.generation),
        locked: u8::from(cartridge.locked),
        scratch: u8::from(cartridge.scratch),
        cleaning: u8::from(cartridge.is_cleaning()),
        write_protect: cartridge.write_protect.clone(),
        mounted: u8::from(cartridge.is_mounted()),
        ejected: u8::from(cartridge.ejected),
        known: u8::from(cartridge.known),
        mount_count: count(cartridge.loads),
        date_in: Some(moment(cartridge.came)),
        date_move: Some(moment(cartridge.moved)),
        free: cartridge.remaining.map(count),
        max: cartridge.capacity.map(count),
        last_size_update: cartridge.measured.map(moment),
        last_maintenance: cartridge.maintained.map(moment),
        last_repack: None,
        repack_status: 0,
        hash: None,
        force_import_type: 0,
        need_to_check: u8::from(cartridge.need_to_check),
    }
}

impl Door {
    pub(super) async fn cartridge(&self, at: &Reference) -> Answer<Cartridge> {
        self.app.cartridges.find(at.text()).await.map_err(missing("tape_id", at.text()))
    }

    /// A tape among those of a library or a pool. A barcode may be in several libraries, so the list is asked, not the newest of all.
    pub(super) async fn tape_of(&self, of: &TapesOf, at: &Reference) -> Answer<Cartridge> {
        if *of == TapesOf::All {
            return self.cartridge(at).await;
        }
        let among = self.among(of, listing::Listing::first(1)).await?;
        let mut ways = Vec::with_capacity(2);
        if let Some(number) = at.number() {
            ways.push(among.clone().with("number", Operator::Equal, number));
        }
        ways.push(among.with("barcode", Operator::Equal, at.text()));
        for asked in ways {
            if let Some(found) = self.app.cartridges.list(asked).await.map_err(error)?.items.into_iter().next() {
                return Ok(found);
            }
        }
        Err(Error::not_found("tape_id", at.text()))
    }

    async fn among(&self, of: &TapesOf, asked: listing::Listing) -> Answer<listing::Listing> {
        Ok(match of {
            TapesOf::All => asked,
            TapesOf::Library(at) => asked.with("library", Operator::Equal, self.library(at).await?.id),
            TapesOf::Pool(at) => asked.with("pool", Operator::Equal, self.pool(at).await?.id),
            TapesOf::File { pool, file } => {
                let pool = self.pool(pool).await?;
                let entry = self.app.entries.find(*file).await.map_err(missing("file_id", &file.to_string()))?;
                let whole = listing::Listing { limit: MAX_LIMIT, ..asked };
                whole.with("pool", Operator::Equal, pool.id).with("entry", Operator::Equal, entry.number)
            }
        })
    }
}

#[async_trait]
impl Tapes for Door {
    async fn index(&self, _: &Caller, of: TapesOf, given: Listing) -> Answer<Page<Tape>> {
        let asked = self.among(&of, listing(&given, COLUMNS)?).await?;
        let page = self.app.cartridges.list(asked).await.map_err(error)?;
        Ok(Page { count: page.count, items: page.items.iter().map(tape).collect() })
    }

    async fn show(&self, _: &Caller, of: TapesOf, at: &Reference) -> Answer<Tape> {
        self.tape_of(&of, at).await.map(|cartridge| tape(&cartridge))
    }

    async fn destroy(&self, caller: &Caller, at: &Reference) -> Answer<()> {
        let cartridge = self.cartridge(at).await?;
        self.app.cartridges.delete(&self.caller(caller)?, cartridge.location).await.map_err(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tape_is_shown_as_its_medium_and_generation() {
        for (medium, generation, kind) in [
            (Medium::Data, Some(9), TapeKind::DataLto9),
            (Medium::Worm, Some(6), TapeKind::DataLto6),
            (Medium::Data, None, TapeKind::Data),
            (Medium::Data, Some(99), TapeKind::Data),
            (Medium::Cleaning, None, TapeKind::Cleaning),
            (Medium::Unknown, Some(9), TapeKind::Unknown),
        ] {
            assert_eq!(kind_of(medium, generation), kind, "{medium:?} {generation:?}");
        }
    }
}
