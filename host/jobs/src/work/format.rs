//! Format: nothing is left on a cartridge but its label, or an empty volume of files where the plugin lays one.
//!
//! | dies after | what is there then | what the next run does |
//! |---|---|---|
//! | copies on it are forgotten | a cartridge that nobody counts on | formats it |
//! | the cartridge is loaded, or formatted | the same, in a drive | the same attempt again, which finds what was done |
//! | the format is recorded | a blank cartridge, perhaps in a drive | nothing; it is carried back when the drive is needed |

use async_trait::async_trait;
use capstan_catalogue::Formatted;
use capstan_domain::cartridge::{Cartridge, Format, Medium};
use capstan_domain::failure::Kind;
use capstan_domain::ids::PoolId;
use capstan_domain::job::Job;
use capstan_domain::ports::{Media, MediumInfo};
use capstan_domain::{Failure, Outcome};
use tracing::warn;

use crate::engine::Engine;
use crate::work::cartridges::{Deed, attempt, done, drive_for};
use crate::work::inventory::extra;
use crate::work::readings::reading;

pub(super) struct Formatting<'a> {
    pub(super) engine: &'a Engine,
    pub(super) job: &'a Job,
    /// Where it goes then; none: it stays in its pool.
    pub(super) scratch: Option<PoolId>,
    /// Also where copies are recorded.
    pub(super) force: bool,
}

#[async_trait]
impl Deed for Formatting<'_> {
    fn is_alone(&self) -> bool {
        true
    }

    async fn on(&self, cartridge: &Cartridge, media: &dyn Media) -> Outcome<()> {
        self.allowed(cartridge)?;
        let (catalogue, barcode) = (&self.engine.catalogue, cartridge.barcode.as_str());
        let named = drive_for(self.engine, cartridge).await?;
        let drive = media.load(barcode, named.as_deref(), &attempt(self.job, cartridge, "load")).await?.name;
        if cartridge.file_count > 0 {
            catalogue.forget_cartridge(cartridge.location).await?;
        }
        let formatted = media.format(&drive, barcode, &attempt(self.job, cartridge, "format"), Vec::new()).await;
        if let Err(failure) = media.unload(&drive, &attempt(self.job, cartridge, "unload")).await {
            warn!(drive, barcode, %failure, "a cartridge stays in its drive");
        }
        match formatted {
            Ok(medium) => {
                let formatted = Formatted { format: laid(&medium), reading: Some(reading(&medium)), scratch: self.scratch };
                catalogue.record_format(cartridge.location, formatted, done(self.job, cartridge, 0)).await
            }
            Err(failure) => {
                if failure.maybe_done {
                    catalogue.record_check(cartridge.location, false).await?;
                }
                Err(failure)
            }
        }
    }
}

/// What the plugin says that it laid.
fn laid(medium: &MediumInfo) -> Format {
    match extra(&medium.extras, "files") {
        Some("ltfs") => Format::Ltfs,
        Some("archive") => Format::Sequential,
        _ => Format::Blank,
    }
}

impl Formatting<'_> {
    fn allowed(&self, cartridge: &Cartridge) -> Outcome<()> {
        let barcode = &cartridge.barcode;
        if matches!(cartridge.medium, Medium::Cleaning | Medium::Diagnostic) {
            return Err(Failure::invalid(format!("tape {barcode} is not for data")).with_code("medium"));
        }
        if cartridge.file_count > 0 && !self.force {
            return Err(Failure::new(Kind::Conflict, format!("{} files are stored on tape {barcode}", cartridge.file_count))
                .with_code("holds-copies")
                .with_next_step("erase them or copy them elsewhere first, or format it with the option overwrite"));
        }
        Ok(())
    }
}
