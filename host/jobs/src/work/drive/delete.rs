//! A drive deleted: detached, its volume with its snapshots, and at last its row.
//!
//! | dies after | is there then | taken up again |
//! |---|---|---|
//! | `Deleting` and this job are recorded | the volume, which nobody is shown any more | it is deleted |
//! | it is detached | the same, reached by nobody | detaching what is not attached is a success |
//! | a part of it is gone: its target's own table says which | no volume that is found, or a whole one | its target takes away the rest |
//! | the volume is gone | the row, `Deleting` | deleting what is absent is a success, the row goes |
//! | the row is removed | nothing | there is no drive: the job ends |

use capstan_domain::drive::{Drive, DriveState};
use capstan_domain::ids::DriveId;
use capstan_domain::{Kind, Outcome};
use tracing::warn;

use super::volume::Volume;
use super::{Bench, lingers};
use crate::work::End;

pub(super) async fn delete(bench: &Bench<'_>, id: DriveId) -> Outcome<End> {
    let Some(drive) = bench.due(id, &[DriveState::Deleting]).await? else { return Ok(End::done()) };
    match clear(bench, &drive).await {
        Ok(()) => {
            bench.engine.catalogue.remove_drive(id).await.map_err(lingers)?;
            Ok(End::done())
        }
        Err(failure) if bench.goes_on(&failure) => Err(failure),
        Err(failure) => {
            bench.finish(&drive, DriveState::Unavailable, None, Some(&failure)).await?;
            Err(failure)
        }
    }
}

async fn clear(bench: &Bench<'_>, drive: &Drive) -> Outcome<()> {
    if let Err(failure) = bench.engine.catalogue.target(drive.target).await
        && failure.kind == Kind::NotFound
    {
        // Nobody can be asked to delete anything there any more.
        warn!(drive = %drive.id, "the target of drive {} is gone; only its row is removed", drive.id);
        return Ok(());
    }
    let volume = Volume::of(bench, drive).await?;
    let attempt = bench.attempt("detach");
    match bench.ask(|| volume.drives.detach(&volume.location, &volume.name, &attempt)).await {
        Err(failure) if !matches!(failure.kind, Kind::NotFound | Kind::Unsupported) => return Err(failure),
        _ => {}
    }
    volume.delete(bench).await
}
