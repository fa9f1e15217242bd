//! Locations: what the targets say they have.

use capstan_catalogue::Catalogue;
use capstan_domain::Outcome;
use capstan_domain::identity::Caller;
use capstan_domain::ids::LocationId;
use capstan_domain::listing::{Listing, Page};
use capstan_domain::location::Location;
use serde_json::{Value, json};

use crate::audit::Audit;

#[derive(Clone)]
pub struct Locations {
    catalogue: Catalogue,
    audit: Audit,
}

impl Locations {
    pub(crate) fn new(catalogue: Catalogue, audit: Audit) -> Self {
        Self { catalogue, audit }
    }

    pub async fn list(&self, listing: Listing) -> Outcome<Page<Location>> {
        self.catalogue.locations(&listing).await
    }

    pub async fn find(&self, reference: &str) -> Outcome<Location> {
        self.catalogue.location(reference).await
    }

    pub async fn get(&self, id: LocationId) -> Outcome<Location> {
        self.catalogue.location(id).await
    }

    pub async fn set_attributes(&self, caller: &Caller, id: LocationId, attributes: Value) -> Outcome<Location> {
        let location = self.catalogue.set_location_attributes(id, &attributes).await?;
        self.audit.done(caller, "update", "location", &location.name, json!({ "number": location.number })).await?;
        Ok(location)
    }
}
