//! What is done to a drive. A change begins with its state, recorded together with its job, and ends with the next state; in
//! between, each step is asked for under an attempt of the job's id and the step, so that a job that is taken up again asks for
//! the same.
//!
//! | dies | is there then | taken up again |
//! |---|---|---|
//! | before the engine is asked | the state of the change, the engine as it was | the change is made |
//! | while the engine works, or before its answer is heard | a whole volume or none: a half-made one is not found | the same attempt again: the engine answers what it made, or makes it |
//! | create: before `Ready` is recorded | a volume of zeros | the same attempt answers it |
//! | clone in a target: between clone and resize | a volume of the source's size | the clone is answered, the resize is made |
//! | clone through the host, at any step, on its way to the long lane too | see `across` | goes on at the recorded offset, or begins anew |
//! | resize: before the new size is recorded | a volume of the new size, the drive with the old | the same attempt again, which changes nothing more |
//! | a restore | the volume as it was, or as the snapshot | the same attempt again |
//! | delete: before the row is removed | no volume, the drive `Deleting` | deleting what is absent is a success, the row goes |
//! | the next state is recorded, the job's end is not | all is done | is found done: the job ends |
//!
//! | fails for good | the engine | the drive |
//! |---|---|---|
//! | create, clone | what was made is deleted; where that fails too, it goes when the drive is deleted, which names it | `Unavailable`, with the failure |
//! | resize, restore | is asked what there is now | `Ready`, as large as that; `Unavailable` if it is not found |
//! | delete | whatever is left | `Unavailable`, so that it is seen and can be deleted again |
//!
//! Nothing of it is given up while the target says that it is busy with it, and no delete while its target is away, until
//! `Limits::volume_wait` is over.

mod across;
mod clone;
mod create;
mod delete;
mod resize;
mod snapshots;
mod volume;

use std::sync::Arc;
use std::time::{Duration, Instant};

use capstan_domain::drive::{ChangeOutcome, Drive, DriveChange, DriveRole, DriveState};
use capstan_domain::failure::Retry;
use capstan_domain::ids::DriveId;
use capstan_domain::job::{Job, Work};
use capstan_domain::{Failure, Kind, Outcome};
use capstan_mover::backoff::patiently;
use capstan_mover::{Control, Counters};
use tracing::warn;

use crate::engine::Engine;
use crate::run::may_wait;
use crate::work::End;
use volume::Volume;

/// Code of the failure of a step that has to be made yet, so that nothing is left behind.
const LINGERS: &str = "drive-lingers";
/// Between two questions for something that the target is busy with, at least.
const BUSY_PAUSE: Duration = Duration::from_millis(500);
/// The longest such pause.
const BUSY_PAUSE_MAX: Duration = Duration::from_secs(30);
/// How long a worker waits so; then the job goes back into the queue, and others have its place.
const BUSY_HELD: Duration = Duration::from_secs(60);

/// What a change is made with.
struct Bench<'b> {
    engine: &'b Engine,
    job: &'b Job,
    control: &'b Control,
    counters: &'b Arc<Counters>,
}

pub(super) async fn change(
    engine: &Engine,
    job: &Job,
    drive: DriveId,
    change: DriveChange,
    control: &Control,
    counters: &Arc<Counters>,
) -> Outcome<End> {
    let bench = Bench { engine, job, control, counters };
    match change {
        DriveChange::Create => create::create(&bench, drive).await,
        DriveChange::Clone { source, snapshot } => clone::clone_drive(&bench, drive, source, snapshot).await,
        DriveChange::Resize { size } => resize::resize(&bench, drive, size).await,
        DriveChange::RestoreSnapshot { snapshot } => resize::restore(&bench, drive, snapshot).await,
        DriveChange::Delete => delete::delete(&bench, drive).await,
        DriveChange::TakeSnapshot { snapshot } => snapshots::take(&bench, snapshot).await,
        DriveChange::DeleteSnapshot { snapshot } => snapshots::delete(&bench, snapshot).await,
    }
}

/// Whether a job's patience with this failure is a matter of time, not of attempts: the engine is at work on it, or giving up would
/// leave a volume that nobody names.
pub(crate) fn outlasts(work: &Work, failure: &Failure) -> bool {
    let Work::Drive { change, .. } = work else { return false };
    failure.kind == Kind::Busy
        || failure.code.as_deref() == Some(LINGERS)
        || matches!(change, DriveChange::Delete | DriveChange::DeleteSnapshot { .. })
}

impl Bench<'_> {
    /// The key of a step of this job, whoever takes it up.
    fn attempt(&self, step: &str) -> String {
        format!("{}-{step}", self.job.id)
    }

    /// Asks, and asks again while the failure says that it may help. What the engine is busy with it is asked for until it is done.
    async fn ask<T, F>(&self, mut call: impl FnMut() -> F) -> Outcome<T>
    where
        F: Future<Output = Outcome<T>>,
    {
        let since = Instant::now();
        loop {
            self.control.ready().await?;
            let failure = match patiently(self.control, self.engine.limits.transfer.tries, &mut call).await {
                Err(failure) if failure.kind == Kind::Busy && self.goes_on(&failure) => failure,
                answer => return answer,
            };
            if since.elapsed() >= BUSY_HELD {
                return Err(failure);
            }
            let pause = Duration::from_millis(failure.retry_after_ms.unwrap_or(0)).clamp(BUSY_PAUSE, BUSY_PAUSE_MAX);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.control.stopped() => return Err(super::stopped()),
            }
        }
    }

    /// Whether the job will be taken up again after this failure.
    fn goes_on(&self, failure: &Failure) -> bool {
        failure.kind == Kind::Cancelled || (failure.retry != Retry::Never && may_wait(self.engine, self.job, failure))
    }

    /// The drive, if it is in one of these states on account of this job. None: what the job is to do was done, or the drive is
    /// gone, and only the job's end was not written. Its failure, if it failed.
    async fn due(&self, id: DriveId, states: &[DriveState]) -> Outcome<Option<Drive>> {
        let drive = match self.engine.catalogue.drive(id).await {
            Err(failure) if failure.kind == Kind::NotFound => return Ok(None),
            found => found?,
        };
        let jobs = self.engine.catalogue.drive_jobs(id).await?;
        let newest = jobs.iter().find(|(role, job)| *role == DriveRole::Subject && changes_state(&job.work));
        if newest.is_some_and(|(_, job)| job.id != self.job.id) {
            return Ok(None);
        }
        if states.contains(&drive.state) {
            return Ok(Some(drive));
        }
        match drive.failure {
            Some(failure) => Err(failure.with_retry(Retry::Never)),
            None => Ok(None),
        }
    }

    async fn finish(&self, drive: &Drive, state: DriveState, size: Option<u64>, failure: Option<&Failure>) -> Outcome<()> {
        let outcome = ChangeOutcome { state, size, failure: failure.cloned() };
        self.engine.catalogue.finish_drive_change(drive.id, outcome).await.map(|_| ()).map_err(lingers)
    }

    /// The end of a drive that could not be made.
    async fn unmade(&self, drive: &Drive, failure: Failure) -> Outcome<End> {
        self.control.ready().await?;
        let cleared = match Volume::of(self, drive).await {
            Ok(volume) => volume.delete(self).await,
            Err(away) => Err(away),
        };
        if let Err(left) = cleared {
            warn!(drive = %drive.id, failure = %left, "what was made of drive {} could not be deleted; it goes with the drive", drive.id);
        }
        self.finish(drive, DriveState::Unavailable, None, Some(&failure)).await?;
        Err(failure)
    }
}

/// Snapshots are taken and deleted beside what changes the drive's state.
fn changes_state(work: &Work) -> bool {
    match work {
        Work::Drive { change, .. } => !matches!(change, DriveChange::TakeSnapshot { .. } | DriveChange::DeleteSnapshot { .. }),
        _ => false,
    }
}

/// It has to be done yet, unless there is nothing to do it to.
fn lingers(failure: Failure) -> Failure {
    match failure.kind {
        Kind::NotFound | Kind::Conflict | Kind::Cancelled => failure,
        _ => failure.with_code(LINGERS).with_retry(Retry::Later),
    }
}
