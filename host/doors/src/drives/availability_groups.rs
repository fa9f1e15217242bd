//! Availability groups: drives that share a location of a target.

use async_trait::async_trait;
use capstan_api_drives::{Answer, AvailabilityGroups, Error};
use capstan_api_http::Caller;
use capstan_domain::ids::Uuid;

use super::Door;
use super::failures::error;

#[async_trait]
impl AvailabilityGroups for Door {
    async fn list(&self, caller: &Caller) -> Answer<Vec<Vec<Uuid>>> {
        let groups = self.app.drives.availability_groups(&self.caller(caller)?).await.map_err(error)?;
        Ok(groups.into_iter().map(|group| group.into_iter().map(|drive| drive.0).collect()).collect())
    }

    async fn of_drive(&self, caller: &Caller, drive: Uuid) -> Answer<Vec<Uuid>> {
        self.drive(&self.caller(caller)?, drive).await?;
        let groups = AvailabilityGroups::list(self, caller).await?;
        groups.into_iter().find(|group| group.contains(&drive)).ok_or_else(|| Error::not_found("drive", drive))
    }
}
