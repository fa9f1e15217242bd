//! Drive users in memory.

use async_trait::async_trait;
use capstan_api_drives::*;
use capstan_api_http::Caller;
use uuid::Uuid;

use super::{Fake, page};

fn record(drive: Uuid, amount: u32) -> DriveUser {
    DriveUser { amount, drive: Link::to(Noun::Drives, drive) }
}

fn none<T>(drive: Uuid) -> Answer<T> {
    Err(Error::not_found("record for the drive", drive))
}

#[async_trait]
impl DriveUsers for Fake {
    async fn list(&self, _: &Caller, listing: Listing) -> Answer<Page<DriveUser>> {
        Ok(page(&listing, self.world().users.iter().map(|(drive, amount)| record(*drive, *amount)).collect()))
    }

    async fn show(&self, _: &Caller, drive: Uuid) -> Answer<DriveUser> {
        self.world().users.get(&drive).map_or_else(|| none(drive), |amount| Ok(record(drive, *amount)))
    }

    async fn create(&self, _: &Caller, records: Vec<DriveUserDefinition>) -> Answer<Vec<DriveUser>> {
        let mut world = self.world();
        for DriveUserDefinition { drive, .. } in &records {
            if !world.drives.contains_key(drive) {
                return Err(Error::invalid("drive", format!("There is no drive {drive}")));
            }
        }
        world.users.extend(records.iter().map(|wanted| (wanted.drive, wanted.amount)));
        Ok(records.into_iter().map(|wanted| record(wanted.drive, wanted.amount)).collect())
    }

    async fn edit(&self, _: &Caller, drive: Uuid, amount: u32) -> Answer<DriveUser> {
        let mut world = self.world();
        if !world.users.contains_key(&drive) {
            return none(drive);
        }
        world.users.insert(drive, amount);
        Ok(record(drive, amount))
    }

    async fn delete(&self, _: &Caller, drive: Uuid) -> Answer<()> {
        let mut world = self.world();
        if !world.users.contains_key(&drive) {
            return none(drive);
        }
        if world.drive(drive)?.drive.status == DriveStatus::Mounted {
            return Err(Error::not_permitted("The drive is mounted"));
        }
        world.users.remove(&drive);
        Ok(())
    }
}
