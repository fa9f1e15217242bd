//! A drive made larger, or given a snapshot's bytes back. What failed leaves the drive as the engine has it.
//!
//! | dies after | is there then | taken up again |
//! |---|---|---|
//! | `Resizing` and this job are recorded | the volume as it was | the change is made |
//! | the volume is larger, or has the old bytes | the drive `Resizing`, with the size it had | the same attempt changes nothing more and answers the size |
//! | size and `Ready` are recorded | all is done | `due` finds that, the job ends |
//! | it failed for good | whatever the engine has | is asked for once more: made after all, or failed again |
//! | the engine was asked what there is | the same | the same |
//! | `Ready` or `Unavailable` is recorded with the failure | the drive as the engine has it, and says why | `due` answers the failure, the job ends with it |

use capstan_domain::drive::{Drive, DriveState};
use capstan_domain::ids::{DriveId, SnapshotId};
use capstan_domain::{Failure, Outcome};

use super::Bench;
use super::volume::Volume;
use crate::work::End;

pub(super) async fn resize(bench: &Bench<'_>, id: DriveId, size: u64) -> Outcome<End> {
    let Some(drive) = bench.due(id, &[DriveState::Resizing]).await? else { return Ok(End::done()) };
    match grow(bench, &drive, size).await {
        Ok(()) => {
            bench.finish(&drive, DriveState::Ready, Some(size), None).await?;
            Ok(End::done())
        }
        Err(failure) if bench.goes_on(&failure) => Err(failure),
        Err(failure) => as_it_is(bench, &drive, failure, Some(size)).await,
    }
}

pub(super) async fn restore(bench: &Bench<'_>, id: DriveId, snapshot: SnapshotId) -> Outcome<End> {
    let Some(drive) = bench.due(id, &[DriveState::Resizing]).await? else { return Ok(End::done()) };
    match put_back(bench, &drive, snapshot).await {
        Ok(size) => {
            bench.finish(&drive, DriveState::Ready, Some(size), None).await?;
            Ok(End::done())
        }
        Err(failure) if bench.goes_on(&failure) => Err(failure),
        Err(failure) => as_it_is(bench, &drive, failure, None).await,
    }
}

async fn grow(bench: &Bench<'_>, drive: &Drive, size: u64) -> Outcome<()> {
    Volume::of(bench, drive).await?.resize(bench, size).await
}

async fn put_back(bench: &Bench<'_>, drive: &Drive, snapshot: SnapshotId) -> Outcome<u64> {
    let snapshot = bench.engine.catalogue.snapshot(snapshot).await?.volume();
    let Volume { drives, location, name } = Volume::of(bench, drive).await?;
    let attempt = bench.attempt("restore");
    Ok(bench.ask(|| drives.restore_snapshot(&location, &name, &snapshot, &attempt)).await?.size)
}

/// The end of a change that failed for good. `asked`: the size that would mean that it was made after all.
async fn as_it_is(bench: &Bench<'_>, drive: &Drive, failure: Failure, asked: Option<u64>) -> Outcome<End> {
    bench.control.ready().await?;
    let found = match Volume::of(bench, drive).await {
        Ok(volume) => volume.find(bench).await,
        Err(away) => Err(away),
    };
    match found {
        Ok(Some(info)) if asked == Some(info.size) => {
            bench.finish(drive, DriveState::Ready, asked, None).await?;
            return Ok(End::done());
        }
        Ok(Some(info)) => bench.finish(drive, DriveState::Ready, Some(info.size), Some(&failure)).await?,
        Ok(None) => bench.finish(drive, DriveState::Unavailable, None, Some(&failure)).await?,
        // Nobody can be asked; the size that is recorded is the last that was heard.
        Err(_) => bench.finish(drive, DriveState::Ready, None, Some(&failure)).await?,
    }
    Err(failure)
}
