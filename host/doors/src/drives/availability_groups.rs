//! Availability groups: drives that share a location of a target.

use async_trait::async_trait;
use capstan_api_drives::{Answer, AvailabilityGroups, GroupPart, GroupParts};
use capstan_api_http::Caller;
use capstan_app::drives;
use capstan_domain::ids::Uuid;
use futures::{StreamExt, TryStreamExt};

use super::Door;
use super::failures::error;

#[async_trait]
impl AvailabilityGroups for Door {
    async fn list(&self, caller: &Caller) -> Answer<GroupParts> {
        self.app.drives.availability_groups(&self.caller(caller)?).await.map(shown).map_err(error)
    }

    async fn of_drive(&self, caller: &Caller, drive: Uuid) -> Answer<GroupParts> {
        let caller = self.caller(caller)?;
        let drive = self.drive(&caller, drive).await?;
        Ok(shown(self.app.drives.availability_group(&caller, &drive)))
    }
}

/// What fails once the answer has begun can only break it off: then the log has why.
fn shown(parts: drives::GroupParts) -> GroupParts {
    parts
        .inspect_err(|failure| {
            tracing::warn!(%failure, detail = failure.detail.as_deref(), "availability groups cannot be read to their end");
        })
        .map_ok(|part| GroupPart { group: part.group, drives: part.drives.into_iter().map(|drive| drive.0).collect() })
        .map_err(error)
        .boxed()
}
