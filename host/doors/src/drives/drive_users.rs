//! Drive users: a number beside a drive, under the drive's id.

use async_trait::async_trait;
use capstan_api_drives::{Answer, DriveUser, DriveUserDefinition, DriveUsers, Error, Link, Listing, Noun, Page};
use capstan_api_http::Caller;
use capstan_domain::drive as record;
use capstan_domain::failure::{Failure, Kind};
use capstan_domain::ids::{DriveId, Uuid};

use super::Door;
use super::failures::{error, missing, missing_in};
use super::listing::window;

/// What a record is called when there is none.
const NOUN: &str = "record for the drive";

fn shown(of: &record::DriveUser) -> DriveUser {
    DriveUser { amount: u32::try_from(of.amount).unwrap_or(u32::MAX), drive: Link::to(Noun::Drives, of.drive.0) }
}

fn taken(drive: Uuid) -> Error {
    Error::invalid("drive", format!("There is a record for the drive {drive} already"))
}

#[async_trait]
impl DriveUsers for Door {
    async fn list(&self, caller: &Caller, listing: Listing) -> Answer<Page<DriveUser>> {
        let caller = self.caller(caller)?;
        let page = window(&listing, |asked| self.app.drive_users.list(&caller, asked)).await?;
        Ok(Page { total_count: page.count, items: page.items.iter().map(shown).collect() })
    }

    async fn show(&self, caller: &Caller, drive: Uuid) -> Answer<DriveUser> {
        let found = self.app.drive_users.get(&self.caller(caller)?, DriveId(drive)).await;
        found.map(|of| shown(&of)).map_err(missing(NOUN, drive))
    }

    /// Whatever keeps one of them from being made is looked for before the first is.
    async fn create(&self, caller: &Caller, records: Vec<DriveUserDefinition>) -> Answer<Vec<DriveUser>> {
        let caller = self.caller(caller)?;
        for (at, DriveUserDefinition { drive, .. }) in records.iter().enumerate() {
            self.app.drives.get(&caller, DriveId(*drive)).await.map_err(missing_in("drive", "drive", *drive))?;
            let twice = records.iter().take(at).any(|other| other.drive == *drive);
            match self.app.drive_users.get(&caller, DriveId(*drive)).await {
                Err(failure) if failure.kind == Kind::NotFound && !twice => {}
                Err(failure) if failure.kind != Kind::NotFound => return Err(error(failure)),
                _ => return Err(taken(*drive)),
            }
        }
        let mut made = Vec::with_capacity(records.len());
        for DriveUserDefinition { drive, amount } in records {
            let of = self.app.drive_users.create(&caller, DriveId(drive), u64::from(amount)).await;
            let refused = |failure: Failure| if failure.kind == Kind::AlreadyExists { taken(drive) } else { error(failure) };
            made.push(shown(&of.map_err(refused)?));
        }
        Ok(made)
    }

    async fn edit(&self, caller: &Caller, drive: Uuid, amount: u32) -> Answer<DriveUser> {
        let edited = self.app.drive_users.edit(&self.caller(caller)?, DriveId(drive), u64::from(amount)).await;
        edited.map(|of| shown(&of)).map_err(missing(NOUN, drive))
    }

    async fn delete(&self, caller: &Caller, drive: Uuid) -> Answer<()> {
        self.app.drive_users.delete(&self.caller(caller)?, DriveId(drive)).await.map_err(missing(NOUN, drive))
    }
}
