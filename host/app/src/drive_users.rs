//! How many people reach a drive by a desktop service: a number beside a drive, of its owner.

use capstan_catalogue::Catalogue;
use capstan_domain::drive::DriveUser;
use capstan_domain::identity::Caller;
use capstan_domain::ids::DriveId;
use capstan_domain::listing::{Listing, Page};
use capstan_domain::{Failure, Kind, Outcome};
use serde_json::json;

use crate::audit::Audit;
use crate::drives::Drives;
use crate::ownership::{visible, without_deleting};

#[derive(Clone)]
pub struct DriveUsers {
    catalogue: Catalogue,
    audit: Audit,
    drives: Drives,
}

impl DriveUsers {
    pub(crate) fn new(catalogue: Catalogue, audit: Audit, drives: Drives) -> Self {
        Self { catalogue, audit, drives }
    }

    pub async fn list(&self, caller: &Caller, listing: Listing) -> Outcome<Page<DriveUser>> {
        self.catalogue.drive_users(&without_deleting(visible(caller, listing))).await
    }

    pub async fn get(&self, caller: &Caller, drive: DriveId) -> Outcome<DriveUser> {
        self.drives.get(caller, drive).await?;
        self.catalogue.drive_user(drive).await
    }

    /// `AlreadyExists` "taken" if the drive has a number already.
    pub async fn create(&self, caller: &Caller, drive: DriveId, amount: u64) -> Outcome<DriveUser> {
        self.put(caller, drive, amount, true).await
    }

    pub async fn edit(&self, caller: &Caller, drive: DriveId, amount: u64) -> Outcome<DriveUser> {
        self.put(caller, drive, amount, false).await
    }

    /// `Conflict` "mounted" while anybody has the drive.
    pub async fn delete(&self, caller: &Caller, drive: DriveId) -> Outcome<()> {
        let of = self.drives.get(caller, drive).await?;
        let listed = !self.catalogue.machine_mounts_of(&[drive]).await?.is_empty();
        if listed || !self.catalogue.drive_attachments(&[drive]).await?.is_empty() {
            return Err(Failure::new(Kind::Conflict, format!("the drive {} is mounted", of.name))
                .with_code("mounted")
                .with_next_step("unmount it first"));
        }
        self.catalogue.delete_drive_user(drive).await?;
        self.audit.done(caller, "delete", "drive_user", &of.name, json!({ "drive": drive })).await
    }

    async fn put(&self, caller: &Caller, drive: DriveId, amount: u64, new: bool) -> Outcome<DriveUser> {
        let of = self.drives.get(caller, drive).await?;
        if i64::try_from(amount).is_err() {
            return Err(Failure::invalid("there are not so many people").with_code("too-large"));
        }
        let user = self.catalogue.set_drive_user(drive, amount, new).await?;
        let action = if new { "create" } else { "update" };
        self.audit.done(caller, action, "drive_user", &of.name, json!({ "drive": drive, "amount": amount })).await?;
        Ok(user)
    }
}
