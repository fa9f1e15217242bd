//! One claimed job, from taking it up to writing its end.
//!
//! The lease is renewed with every report. A worker that cannot renew it stops before it runs out, so that no two ever work on one
//! job. What happens if the process dies: before the claim, the job is queued; after it, the lease runs out and the job is claimed
//! again, by a worker of its lane; after the last file but before the end is written, the next run finds every path unchanged and
//! writes the end.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use capstan_catalogue::{CARTRIDGE_BUSY, Release};
use capstan_domain::context::JobContext;
use capstan_domain::failure::Retry;
use capstan_domain::job::{Job, JobState, Lane, Progress, Request, Work};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Kind, Outcome};
use capstan_mover::{Command, Control, Counters, RECALLED};
use tokio::sync::OwnedSemaphorePermit;
use tracing::{debug, info, warn};

use crate::engine::Engine;
use crate::meter::Meter;
use crate::work::{DRIVES_FULL, End, MAIL_SLOTS_FULL, TURNED_OUT_LONG, outlasts, perform};

/// Why the report loop let go of a job.
enum Left {
    /// The work came to its end.
    Ended(Outcome<End>),
    /// Another worker may hold it by now: nothing may be written.
    LeaseLost,
}

pub(crate) async fn run(engine: Arc<Engine>, job: Job, slot: Option<OwnedSemaphorePermit>) {
    let control = Control::default();
    let counters = Arc::new(counters(&job));
    let mut asked = None;
    let mut meter = Meter::default();
    let left = follow(&engine, &job, &control, &counters, &mut meter, &mut asked, slot).await;
    let end = match left {
        Left::Ended(end) => end,
        Left::LeaseLost => {
            warn!(job = %job.id, "job {} is left: its lease was lost", job.id);
            return;
        }
    };
    let progress = meter.read(counters.snapshot(), true, Instant::now());
    if let Err(failure) = conclude(&engine, &job, end, &progress, asked).await {
        warn!(job = %job.id, %failure, detail = failure.detail, "the end of job {} could not be written; it will be taken up again", job.id);
    }
}

/// The copy of a drive goes on where its progress is recorded, which therefore no report may take back.
fn counters(job: &Job) -> Counters {
    let counters = Counters::default();
    if matches!(job.work, Work::Drive { .. }) {
        counters.files_found.store(job.progress.files_to_process, Relaxed);
        counters.bytes_found.store(job.progress.bytes_to_process, Relaxed);
        counters.bytes_processed.store(job.progress.bytes_finalized, Relaxed);
        counters.bytes_finalized.store(job.progress.bytes_finalized, Relaxed);
    }
    counters
}

async fn follow(
    engine: &Arc<Engine>,
    job: &Job,
    control: &Control,
    counters: &Arc<Counters>,
    meter: &mut Meter,
    asked: &mut Option<Request>,
    _slot: Option<OwnedSemaphorePermit>,
) -> Left {
    let mut closing = engine.closing.subscribe();
    let mut held_until = Instant::now() + engine.limits.lease;
    let mut tick = tokio::time::interval(engine.limits.tick);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let context = JobContext::new(job.id.to_string());
    let work = context.scope(perform(engine.clone(), job.clone(), control.clone(), counters.clone()));
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            end = &mut work => return Left::Ended(end),
            () = async { drop(closing.wait_for(|closing| *closing).await) }, if control.command() != Command::Stop => control.set(Command::Stop),
            _ = tick.tick() => {
                if let Some(report) = context.take_report() {
                    debug!(job = %job.id, done = report.done, total = report.total, note = report.note, "a plugin reports on job {}", job.id);
                }
                let progress = meter.read(counters.snapshot(), counters.walk_ended(), Instant::now());
                let until = Timestamp::now().plus(engine.limits.lease);
                match engine.catalogue.beat_job(job.id, &engine.worker, until, shown_state(counters), &progress).await {
                    Ok(request) => {
                        held_until = Instant::now() + engine.limits.lease;
                        // A pause is a stop between two files that can be taken back: the slot is free for others meanwhile.
                        *asked = request.filter(|request| *request != Request::Resume);
                        if asked.is_some() {
                            control.set(Command::Stop);
                        }
                        // A pause lets the calls that are under way come to their end; who stops does not want their answers.
                        if *asked == Some(Request::Stop) {
                            context.cancel();
                        }
                    }
                    Err(failure) if failure.code.as_deref() == Some("lease-lost") => return Left::LeaseLost,
                    Err(failure) => {
                        warn!(job = %job.id, %failure, detail = failure.detail, "progress of job {} could not be written", job.id);
                        if Instant::now() + engine.limits.tick * 2 > held_until {
                            return Left::LeaseLost;
                        }
                    }
                }
            }
        }
    }
}

fn shown_state(counters: &Counters) -> JobState {
    if counters.walk_ended() || counters.snapshot().files_processed > 0 { JobState::Running } else { JobState::Calculating }
}

async fn conclude(engine: &Engine, job: &Job, end: Outcome<End>, progress: &Progress, asked: Option<Request>) -> Outcome<()> {
    let only_here = matches!(job.work, Work::Probe { .. });
    let release = match end {
        Ok(End { state, failure, answer }) => Release::Finished { state, failure, answer },
        Err(failure) if failure.kind == Kind::Cancelled && asked == Some(Request::Pause) => Release::Paused,
        Err(failure) if failure.kind == Kind::Cancelled && asked == Some(Request::Stop) => {
            Release::Finished { state: JobState::StoppedByUser, failure: None, answer: None }
        }
        Err(failure) if job.lane == Lane::Brief && failure.code.as_deref() == Some(TURNED_OUT_LONG) => {
            Release::Over { lane: Lane::Long }
        }
        // The configuration goes down with this process.
        Err(failure) if failure.kind == Kind::Cancelled && only_here => {
            let failure = failure.with_next_step("test it again");
            Release::Finished { state: JobState::StoppedBySystem, failure: Some(failure), answer: None }
        }
        // The host goes down, or a pause was taken back before it was reached.
        Err(failure) if failure.kind == Kind::Cancelled => Release::Again { ready: Timestamp::now(), failure: None },
        Err(failure) if failure.retry != Retry::Never && may_wait(engine, job, &failure) && !only_here => {
            let pause = pause(engine, job.attempt, &failure);
            warn!(job = %job.id, %failure, ?pause, "job {} waits before it goes on", job.id);
            Release::Again { ready: Timestamp::now().plus(pause), failure: Some(failure) }
        }
        Err(failure) => {
            let failure = failure.at(|origin| origin.job = Some(job.id.to_string()));
            warn!(job = %job.id, %failure, detail = failure.detail, "job {} failed", job.id);
            Release::Finished { state: JobState::Failed, failure: Some(failure), answer: None }
        }
    };
    info!(job = %job.id, end = shown(&release), "job {} is let go", job.id);
    let (last, over) = (matches!(release, Release::Finished { .. }), matches!(release, Release::Over { .. }));
    engine.catalogue.release_job(job.id, &engine.worker, progress, release).await?;
    if last {
        engine.ended.notify_one();
    }
    if over {
        engine.ring();
    }
    Ok(())
}

/// Files that come out of cold storage take hours, and so do tapes that others use, and that is nobody's fault: then time counts, not the
/// attempts. So it does where giving up would leave something behind.
pub(crate) fn may_wait(engine: &Engine, job: &Job, failure: &Failure) -> bool {
    let within = |wait: Duration| job.started.is_none_or(|started| Timestamp::now() < started.plus(wait));
    if failure.code.as_deref() == Some(RECALLED) {
        return within(engine.limits.cold_wait);
    }
    if matches!(failure.code.as_deref(), Some(DRIVES_FULL | MAIL_SLOTS_FULL | CARTRIDGE_BUSY)) {
        return within(engine.limits.mechanics_wait);
    }
    if outlasts(&job.work, failure) {
        return within(engine.limits.volume_wait);
    }
    job.attempt < engine.limits.attempts
}

/// In a word, for the log: what the work answered belongs to whoever asked for it.
fn shown(release: &Release) -> String {
    match release {
        Release::Finished { state, .. } => format!("{state:?}"),
        Release::Paused => "Paused".to_owned(),
        Release::Again { .. } | Release::Over { .. } => "Queued".to_owned(),
    }
}

fn pause(engine: &Engine, attempt: u32, failure: &Failure) -> Duration {
    let asked = Duration::from_millis(failure.retry_after_ms.unwrap_or(0));
    let doubled = engine.limits.pause.saturating_mul(1 << attempt.saturating_sub(1).min(16));
    doubled.max(asked).min(engine.limits.longest_pause)
}
