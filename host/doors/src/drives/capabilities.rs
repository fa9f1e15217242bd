//! Capabilities: the storage types that serve, with the sizes that they make.

use async_trait::async_trait;
use capstan_api_drives::{Answer, Capabilities, CapabilitiesOf, DriveLimits, Range, SnapshotLimits};
use capstan_api_http::Caller;
use capstan_domain::listing::{Listing, Operator};

use super::Door;
use super::failures::error;

/// Snapshots are not counted out here: the largest number that every client can read.
const NO_LIMIT: u64 = 2_147_483_647;

#[async_trait]
impl CapabilitiesOf for Door {
    async fn show(&self, caller: &Caller) -> Answer<Capabilities> {
        let caller = self.caller(caller)?;
        let types = self.app.drives.storage_types().await.map_err(error)?;
        let default_storage_type = self.app.drives.default_type().await.map_err(error)?;
        let own = Listing::first(1).with("owner", Operator::Equal, caller.user);
        let current = self.app.snapshots.list(&caller, own).await.map_err(error)?.count;
        let limits = |one: &capstan_app::drives::StorageType| {
            let limits = one.limits.as_ref().filter(|_| one.healthy)?;
            Some((one.name.clone(), DriveLimits::of(Range { min: limits.minimum, max: limits.maximum })))
        };
        Ok(Capabilities {
            default_storage_type,
            drives: types.iter().filter_map(limits).collect(),
            snapshots: SnapshotLimits { current, max: NO_LIMIT, max_per_drive: NO_LIMIT },
        })
    }
}
