//! Cartridges: what inventories of tape libraries found.

use capstan_catalogue::Catalogue;
use capstan_domain::Outcome;
use capstan_domain::cartridge::Cartridge;
use capstan_domain::identity::Caller;
use capstan_domain::ids::LocationId;
use capstan_domain::listing::{Listing, Page};
use capstan_domain::tape_statistics::TapeStatistics;
use serde_json::json;

use crate::audit::Audit;

#[derive(Clone)]
pub struct Cartridges {
    catalogue: Catalogue,
    audit: Audit,
}

impl Cartridges {
    pub(crate) fn new(catalogue: Catalogue, audit: Audit) -> Self {
        Self { catalogue, audit }
    }

    pub async fn list(&self, listing: Listing) -> Outcome<Page<Cartridge>> {
        self.catalogue.cartridges(&listing).await
    }

    /// By number, or by barcode: of several the newest.
    pub async fn find(&self, reference: &str) -> Outcome<Cartridge> {
        self.catalogue.cartridge(reference).await
    }

    pub async fn get(&self, location: LocationId) -> Outcome<Cartridge> {
        self.catalogue.cartridge(location).await
    }

    /// The latest of those that a drive told something of.
    pub async fn statistics(&self, listing: Listing) -> Outcome<Page<TapeStatistics>> {
        self.catalogue.tape_statistics(&listing).await
    }

    /// None: no drive told anything of it yet.
    pub async fn statistics_of(&self, location: LocationId) -> Outcome<Option<TapeStatistics>> {
        self.catalogue.statistics_of_tape(location).await
    }

    /// Only one that is gone, in no pool, and that holds no copy; else `Conflict` "in-use".
    pub async fn delete(&self, caller: &Caller, location: LocationId) -> Outcome<()> {
        let cartridge = self.catalogue.cartridge(location).await?;
        self.catalogue.delete_cartridge(location).await?;
        self.audit.done(caller, "delete", "tape", &cartridge.barcode, json!({ "number": cartridge.number })).await
    }
}
