//! What a drive takes where it lies.

use std::time::Duration;

use capstan_domain::drive::{Drive, DriveState};
use capstan_domain::identity::Caller;
use capstan_domain::ids::DriveId;
use capstan_domain::{Failure, Kind, Outcome};

use super::Drives;
use crate::ownership::missing;

/// How long somebody waits for the target's word.
const ASK: Duration = Duration::from_secs(10);

/// Bytes, as far as the target tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DriveUsage {
    pub size: u64,
    pub used: Option<u64>,
    /// How many it has.
    pub snapshots: usize,
    /// When they were taken; those of which it is known.
    pub snapshots_used: u64,
}

impl Drives {
    /// Asks the drive's target; what is not made yet, or could not be, takes nothing that anybody knows of.
    pub async fn usage(&self, caller: &Caller, id: DriveId) -> Outcome<DriveUsage> {
        let drive = self.get(caller, id).await?;
        let pictures = self.picture(caller, std::slice::from_ref(&drive)).await?;
        let picture = pictures.into_iter().next().ok_or_else(|| missing("drive"))?;
        let late = || Failure::new(Kind::TimedOut, "the target did not say in time what the drive takes");
        let used = match drive.state {
            DriveState::Creating | DriveState::Cloning | DriveState::Unavailable => None,
            _ => tokio::time::timeout(ASK, self.ask_used(&drive)).await.unwrap_or_else(|_| Err(late()))?,
        };
        Ok(DriveUsage { size: drive.size, used, snapshots: picture.snapshots.len(), snapshots_used: picture.snapshots_used })
    }

    async fn ask_used(&self, drive: &Drive) -> Outcome<Option<u64>> {
        let connection = self.targets.connect(drive.target).await?;
        let drives = connection.drives().ok_or_else(|| Failure::unsupported("the plugin of the target holds no drives"))?;
        Ok(drives.get(&drive.location, &drive.volume()).await?.used)
    }
}
