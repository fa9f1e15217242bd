//! A new drive: a volume of zeros.

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
