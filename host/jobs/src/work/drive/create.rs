//! A new drive: a volume of zeros.
//!
//! | dies after | is there then | taken up again |
//! |---|---|---|
//! | the drive and this job are recorded | no volume, the drive `Creating` | it is made |
//! | the volume is made | zeros, the drive `Creating` | its attempt is answered with it |
//! | `Ready` is recorded | all is done | `due` finds that, the job ends |
//! | it failed for good | perhaps a volume, the drive `Creating` | is asked for once more: made after all, or failed again |
//! | what was made is deleted | no volume, the drive `Creating` | the same |
//! | `Unavailable` is recorded | no volume, the drive says why | `due` answers the failure, the job ends with it |

use capstan_domain::Outcome;
use capstan_domain::drive::{Drive, DriveState};
use capstan_domain::ids::DriveId;

use super::Bench;
use super::volume::Volume;
use crate::work::End;

pub(super) async fn create(bench: &Bench<'_>, id: DriveId) -> Outcome<End> {
    let Some(drive) = bench.due(id, &[DriveState::Creating, DriveState::Uploading]).await? else { return Ok(End::done()) };
    match make(bench, &drive).await {
        Ok(()) if drive.state == DriveState::Uploading => Ok(End::done()),
        Ok(()) => {
            bench.finish(&drive, DriveState::Ready, None, None).await?;
            Ok(End::done())
        }
        Err(failure) if bench.goes_on(&failure) => Err(failure),
        Err(failure) => bench.unmade(&drive, failure).await,
    }
}

async fn make(bench: &Bench<'_>, drive: &Drive) -> Outcome<()> {
    Volume::of(bench, drive).await?.create(bench, drive.size).await
}
