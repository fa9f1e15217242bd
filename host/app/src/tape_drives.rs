//! Tape drives: inventories find them; people name them, and say which of them the host leaves to others.

use capstan_catalogue::Catalogue;
use capstan_domain::Outcome;
use capstan_domain::identity::Caller;
use capstan_domain::ids::TapeDriveId;
use capstan_domain::listing::{Listing, Page};
use capstan_domain::tape_drive::TapeDrive;
use serde_json::{Value, json};

use crate::audit::Audit;
use crate::pools::check_name;

#[derive(Clone)]
pub struct TapeDrives {
    catalogue: Catalogue,
    audit: Audit,
}

/// What is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct TapeDriveChange {
    pub name: Option<String>,
    pub attributes: Option<Value>,
    /// False: the host loads nothing into it by itself.
    pub registered: Option<bool>,
}

impl TapeDrives {
    pub(crate) fn new(catalogue: Catalogue, audit: Audit) -> Self {
        Self { catalogue, audit }
    }

    pub async fn list(&self, listing: Listing) -> Outcome<Page<TapeDrive>> {
        self.catalogue.tape_drives(&listing).await
    }

    pub async fn find(&self, reference: &str) -> Outcome<TapeDrive> {
        self.catalogue.tape_drive(reference).await
    }

    pub async fn update(&self, caller: &Caller, id: TapeDriveId, change: TapeDriveChange) -> Outcome<TapeDrive> {
        let mut drive = self.catalogue.tape_drive(id).await?;
        if let Some(name) = change.name {
            check_name(&name)?;
            drive.name = name;
        }
        drive.attributes = change.attributes.unwrap_or(drive.attributes);
        drive.registered = change.registered.unwrap_or(drive.registered);
        let drive = self.catalogue.update_tape_drive(&drive).await?;
        let detail = json!({ "number": drive.number, "serial": drive.serial, "registered": drive.registered });
        self.audit.done(caller, "update", "tape drive", &drive.name, detail).await?;
        Ok(drive)
    }
}
