//! A clone through the host: from one target to another.
//!
//! What is read must not change meanwhile. A drive that somebody may write to at this moment, and a snapshot, which cannot be
//! read by itself, are cloned first where they lie, by their target's own way; that volume is temporary and is named after the
//! drive that is made, so that whoever takes the job up finds it.
//!
//! Nobody who waits for something brief waits for this: a job of that lane goes over to the other one first.
//!
//! | dies after | is there then | taken up again |
//! |---|---|---|
//! | it is found that the host has to copy | nothing | in its lane, which finds it again |
//! | the job is given to the long lane | nothing | there |
//! | what an earlier run came to is no longer recorded, and that there may be a temporary volume is | what that run left | all is begun anew |
//! | the old volume is deleted | at most the temporary one | it is cloned again under its attempt, which answers it; the volume is made |
//! | the temporary volume is cloned | it alone | the same |
//! | the volume is made | fresh, nothing is recorded of it | it is deleted and made again |
//! | so and so much was copied | see the mover's `drive` | goes on at the recorded offset |
//! | all was copied | the whole volume, recorded as whole | the temporary one is deleted |
//! | the temporary volume is deleted | the whole volume | deleting what is absent is a success; the drive is `Ready` |

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use capstan_domain::drive::Drive;
use capstan_domain::job::{JobState, Lane};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Kind, Outcome};
use capstan_mover::DriveCopy;

use super::volume::{Origin, Volume};
use super::{Bench, lingers};
use crate::work::TURNED_OUT_LONG;

/// Whether the target has a way of its own.
pub(super) fn is_one_place(drive: &Drive, origin: &Origin) -> bool {
    origin.drive.target == drive.target && origin.drive.location == drive.location
}

pub(super) async fn copy(bench: &Bench<'_>, drive: &Drive, origin: &Origin) -> Outcome<()> {
    if bench.job.lane == Lane::Brief {
        return Err(Failure::new(Kind::Cancelled, "the host has to copy it").with_code(TURNED_OUT_LONG));
    }
    let volume = Volume::of(bench, drive).await?;
    let there = volume.find(bench).await?.is_some_and(|found| found.size == drive.size);
    let recorded = bench.job.progress.bytes_finalized;
    if !(there && recorded >= origin.size) {
        fill(bench, drive, origin, &volume, there).await?;
    }
    clear(bench, drive, origin).await
}

/// Away with the temporary volume, if one may be there.
pub(super) async fn clear(bench: &Bench<'_>, drive: &Drive, origin: &Origin) -> Outcome<()> {
    if bench.counters.files_found.load(Relaxed) == 0 {
        return Ok(());
    }
    let temporary = temporary(bench, drive, origin).await.map_err(lingers)?;
    temporary.delete(bench).await.map_err(lingers)
}

async fn fill(bench: &Bench<'_>, drive: &Drive, origin: &Origin, volume: &Volume, there: bool) -> Outcome<()> {
    let temporary = temporary(bench, drive, origin).await?;
    let kept = temporary.find(bench).await?.is_some();
    let needed = origin.snapshot.is_some() || is_written(bench, origin).await?;
    let recorded = bench.job.progress.bytes_finalized;
    let goes_on = there && recorded > 0 && (kept || !needed);
    if !goes_on {
        begin(bench, origin, needed || kept).await?;
        volume.delete(bench).await?;
        if needed {
            temporary.clone_of(bench, origin, "still").await.map_err(cannot_hold_still)?;
        }
        volume.create(bench, drive.size).await?;
    }
    let source = Volume::of(bench, &origin.drive).await?;
    let source = if needed || (kept && goes_on) { &temporary } else { &source };
    let copy = DriveCopy {
        source: source.end(bench).await?,
        destination: volume.end(bench).await?,
        size: origin.size,
        from: if goes_on { recorded } else { 0 },
        control: bench.control.clone(),
        counters: Arc::clone(bench.counters),
        bandwidth: bench.engine.limits.bandwidth_of(None),
        attempt: bench.attempt("copy"),
        tries: bench.engine.limits.transfer.tries,
    };
    copy.run().await
}

async fn temporary(bench: &Bench<'_>, drive: &Drive, origin: &Origin) -> Outcome<Volume> {
    Volume::named(bench, &origin.drive, format!("{}-from", drive.volume())).await
}

/// Whether somebody may write to the source just now.
async fn is_written(bench: &Bench<'_>, origin: &Origin) -> Outcome<bool> {
    let attachments = bench.engine.catalogue.drive_attachments(&[origin.drive.id]).await?;
    Ok(attachments.iter().any(|attachment| !attachment.read_only))
}

/// What is recorded of an earlier run counts no more, before anything of it goes; and that there is a temporary volume is recorded
/// before it is made: it counts as the one file of the job, beside the bytes.
async fn begin(bench: &Bench<'_>, origin: &Origin, temporary: bool) -> Outcome<()> {
    let Bench { engine, job, counters, .. } = bench;
    counters.files_found.store(u64::from(temporary), Relaxed);
    counters.bytes_found.store(origin.size, Relaxed);
    counters.bytes_processed.store(0, Relaxed);
    counters.bytes_finalized.store(0, Relaxed);
    let until = Timestamp::now().plus(engine.limits.lease);
    engine.catalogue.beat_job(job.id, &engine.worker, until, JobState::Running, &counters.snapshot()).await.map(|_| ())
}

fn cannot_hold_still(failure: Failure) -> Failure {
    match failure.kind {
        Kind::Unsupported => {
            failure.with_next_step("clone a drive that nobody has attached for writing: its target makes no clones")
        }
        _ => failure,
    }
}
