//! Snapshots taken and deleted, beside whatever the drive does.
//!
//! | dies after | is there then | taken up again |
//! |---|---|---|
//! | the engine took it | a snapshot, its row `Creating` | the same attempt answers it |
//! | the engine deleted it | its row, `Deleting` | deleting what is absent is a success, the row goes |
//! | the next state is recorded | all is done | is found done: the job ends |

use capstan_domain::drive::{ChangeOutcome, Drive, Snapshot, SnapshotState};
use capstan_domain::failure::Retry;
use capstan_domain::ids::SnapshotId;
use capstan_domain::ports::SnapshotInfo;
use capstan_domain::{Failure, Kind, Outcome};
use tracing::warn;

use super::volume::Volume;
use super::{Bench, lingers};
use crate::work::End;

/// Snapshots asked for at a time.
const PAGE: u32 = 500;

pub(super) async fn take(bench: &Bench<'_>, id: SnapshotId) -> Outcome<End> {
    let Some((snapshot, drive)) = due(bench, id, SnapshotState::Creating).await? else { return Ok(End::done()) };
    match taken(bench, &drive, &snapshot).await {
        Ok(info) => finish(bench, id, SnapshotState::Ready, Some(&info), None).await.map(|()| End::done()),
        Err(failure) if bench.goes_on(&failure) => Err(failure),
        Err(failure) => {
            bench.control.ready().await?;
            if let Err(left) = clear(bench, &drive, &snapshot).await {
                warn!(snapshot = %id, failure = %left, "what was made of snapshot {id} could not be deleted; it goes with its drive");
            }
            finish(bench, id, SnapshotState::Unavailable, None, Some(&failure)).await?;
            Err(failure)
        }
    }
}

pub(super) async fn delete(bench: &Bench<'_>, id: SnapshotId) -> Outcome<End> {
    let Some((snapshot, drive)) = due(bench, id, SnapshotState::Deleting).await? else { return Ok(End::done()) };
    match clear(bench, &drive, &snapshot).await {
        Ok(()) => {
            bench.engine.catalogue.remove_snapshot(id).await.map_err(lingers)?;
            Ok(End::done())
        }
        Err(failure) if bench.goes_on(&failure) => Err(failure),
        Err(failure) => {
            finish(bench, id, SnapshotState::Unavailable, None, Some(&failure)).await?;
            Err(failure)
        }
    }
}

/// As `Bench::due`, of a snapshot.
async fn due(bench: &Bench<'_>, id: SnapshotId, state: SnapshotState) -> Outcome<Option<(Snapshot, Drive)>> {
    let snapshot = match bench.engine.catalogue.snapshot(id).await {
        Err(failure) if failure.kind == Kind::NotFound => return Ok(None),
        found => found?,
    };
    if snapshot.state != state {
        return match snapshot.failure {
            Some(failure) => Err(failure.with_retry(Retry::Never)),
            None => Ok(None),
        };
    }
    match bench.engine.catalogue.drive(snapshot.drive).await {
        Err(failure) if failure.kind == Kind::NotFound => Ok(None),
        found => Ok(Some((snapshot, found?))),
    }
}

async fn taken(bench: &Bench<'_>, drive: &Drive, snapshot: &Snapshot) -> Outcome<SnapshotInfo> {
    let volume = Volume::of(bench, drive).await?;
    let (attempt, name) = (bench.attempt("snapshot"), snapshot.volume());
    match bench.ask(|| volume.drives.take_snapshot(&volume.location, &volume.name, &name, &attempt)).await {
        // It is this one: nobody else has its name.
        Err(failure) if failure.kind == Kind::AlreadyExists => find(bench, &volume, &name).await?.ok_or(failure),
        answer => answer,
    }
}

async fn find(bench: &Bench<'_>, volume: &Volume, name: &str) -> Outcome<Option<SnapshotInfo>> {
    let mut after: Option<String> = None;
    loop {
        let page = bench.ask(|| volume.drives.list_snapshots(&volume.location, &volume.name, after.as_deref(), PAGE)).await?;
        if let Some(found) = page.snapshots.into_iter().find(|found| found.name == name) {
            return Ok(Some(found));
        }
        after = match page.next {
            Some(next) if Some(&next) != after.as_ref() => Some(next),
            _ => return Ok(None),
        };
    }
}

async fn clear(bench: &Bench<'_>, drive: &Drive, snapshot: &Snapshot) -> Outcome<()> {
    let volume = Volume::of(bench, drive).await?;
    let (attempt, name) = (bench.attempt("delete"), snapshot.volume());
    match bench.ask(|| volume.drives.delete_snapshot(&volume.location, &volume.name, &name, &attempt)).await {
        // With its drive.
        Err(failure) if failure.kind == Kind::NotFound => Ok(()),
        answer => answer,
    }
}

async fn finish(
    bench: &Bench<'_>,
    id: SnapshotId,
    state: SnapshotState,
    taken: Option<&SnapshotInfo>,
    failure: Option<&Failure>,
) -> Outcome<()> {
    let (size, used) = (taken.map(|info| info.size), taken.and_then(SnapshotInfo::used));
    let outcome = ChangeOutcome { state, size, failure: failure.cloned() };
    bench.engine.catalogue.finish_snapshot_change(id, outcome, used).await.map(|_| ()).map_err(lingers)
}
