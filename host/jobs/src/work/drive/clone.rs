//! A drive with the bytes of another, or of its snapshot: by the target's own way where both lie in one place of it, else through
//! the host. A clone that is to be larger than its source is made larger once it is whole.
//!
//! | dies after, within a target | is there then | taken up again |
//! |---|---|---|
//! | the drive and this job are recorded | no volume, the drive `Cloning`; its source is held as it is | it is cloned |
//! | the volume is cloned | all bytes, the size of the source | its attempt is answered with it, and it is made larger |
//! | it is made larger | the whole clone, the drive `Cloning` | its size says so: nothing more is asked for |
//! | `Ready` is recorded | all is done | `due` finds that, the job ends |
//! | it failed for good | perhaps a volume, the drive `Cloning` | is asked for once more: made after all, or failed again |
//! | what was made is deleted | no volume, the drive `Cloning` | the same |
//! | `Unavailable` is recorded | no volume, the drive says why | `due` answers the failure, the job ends with it |
//!
//! Through the host: see `across`.

use std::sync::atomic::Ordering::Relaxed;

use capstan_domain::drive::{Drive, DriveState};
use capstan_domain::ids::{DriveId, SnapshotId};
use capstan_domain::{Kind, Outcome};
use tracing::warn;

use super::volume::{Origin, Volume};
use super::{Bench, across};
use crate::work::End;

pub(super) async fn clone_drive(bench: &Bench<'_>, id: DriveId, source: DriveId, snapshot: Option<SnapshotId>) -> Outcome<End> {
    let Some(drive) = bench.due(id, &[DriveState::Cloning]).await? else { return Ok(End::done()) };
    let origin = Origin::find(bench, source, snapshot).await;
    let made = match &origin {
        Ok(origin) => fill(bench, &drive, origin).await,
        Err(failure) => Err(failure.clone()),
    };
    match (made, origin) {
        (Ok(()), _) => {
            bench.finish(&drive, DriveState::Ready, None, None).await?;
            Ok(End::done())
        }
        (Err(failure), _) if bench.goes_on(&failure) => Err(failure),
        (Err(failure), origin) => {
            // As long as there is hope that it goes, it is not given up: once the drive has come to rest, its source may go.
            if let Ok(origin) = origin
                && let Err(left) = across::clear(bench, &drive, &origin).await
            {
                if bench.goes_on(&left) {
                    return Err(left);
                }
                warn!(drive = %drive.id, failure = %left, "what the clone {} needed on its way could not be deleted", drive.id);
            }
            bench.unmade(&drive, failure).await
        }
    }
}

async fn fill(bench: &Bench<'_>, drive: &Drive, origin: &Origin) -> Outcome<()> {
    bench.counters.bytes_found.store(origin.size, Relaxed);
    bench.counters.walked.store(1, Relaxed);
    if across::is_one_place(drive, origin) {
        match within(bench, drive, origin).await {
            Err(failure) if failure.kind == Kind::Unsupported => {}
            made => return made,
        }
    }
    across::copy(bench, drive, origin).await
}

async fn within(bench: &Bench<'_>, drive: &Drive, origin: &Origin) -> Outcome<()> {
    let volume = Volume::of(bench, drive).await?;
    // One that was made larger already was whole before.
    let grown = drive.size > origin.size && volume.find(bench).await?.is_some_and(|found| found.size == drive.size);
    if !grown {
        volume.clone_of(bench, origin, "clone").await?;
        if drive.size > origin.size {
            volume.resize(bench, drive.size).await?;
        }
    }
    bench.counters.bytes_processed.store(origin.size, Relaxed);
    bench.counters.bytes_finalized.store(origin.size, Relaxed);
    Ok(())
}
