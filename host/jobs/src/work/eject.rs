//! Ejection: a cartridge goes to a mail slot, for somebody to take it out. Out of a drive it is unloaded first.
//!
//! Dying between the robot's work and the record of it leaves a cartridge in a mail slot that the next run finds there.

use async_trait::async_trait;
use capstan_domain::Outcome;
use capstan_domain::cartridge::Cartridge;
use capstan_domain::job::Job;
use capstan_domain::ports::Media;

use crate::engine::Engine;
use crate::work::cartridges::{Deed, attempt, done, library_of};
use crate::work::readings;

pub(super) struct Ejection<'a> {
    pub(super) engine: &'a Engine,
    pub(super) job: &'a Job,
}

#[async_trait]
impl Deed for Ejection<'_> {
    fn is_alone(&self) -> bool {
        true
    }

    async fn on(&self, cartridge: &Cartridge, media: &dyn Media) -> Outcome<()> {
        let library = library_of(cartridge)?;
        // As it is now: what the last inventory saw may be minutes old.
        let drives = media.list_drives().await?;
        if let Some(drive) = drives.iter().find(|drive| drive.cartridge.as_ref() == Some(&cartridge.barcode)) {
            readings::take(self.engine, media, &drive.name, &cartridge.barcode, cartridge.location).await?;
            media.unload(&drive.name, &attempt(self.job, cartridge, "unload")).await?;
        }
        let element = media.eject_cartridge(library, &cartridge.barcode, &attempt(self.job, cartridge, "eject")).await?;
        self.engine.catalogue.record_ejection(cartridge.location, element.address, done(self.job, cartridge, 0)).await
    }
}
