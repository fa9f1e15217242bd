//! One claimed task, from taking it up to its end.
//!
//! The claim is renewed with every tick. A worker that cannot renew it leaves the task before it runs out, so that no two work on one.
//! What happens if the process dies: the lease runs out and another takes the task up where its results, or its cursor, say it was.

use std::sync::Arc;
use std::time::{Duration, Instant};

use capstan_domain::failure::Retry;
use capstan_domain::time::Timestamp;
use capstan_domain::workflow::{JobState, Task, TaskEnd};
use capstan_domain::{Failure, Kind, Outcome};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tracing::{info, warn};

use super::discovery::discover;
use super::engine::Engine;
use super::step::take_step;
use super::task_step::TaskStep;

/// What is asked of a running task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    GoOn,
    /// Of what goes on where it left off: steps come to their end.
    Pause,
    Stop,
}

/// How the work on a task came to its end without a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Done,
    /// It goes on later, where its cursor says.
    Again(Duration),
}

enum Left {
    Ended(Outcome<End>),
    /// Another worker may hold it by now: nothing may be written.
    LeaseLost,
}

pub(super) async fn run(engine: Arc<Engine>, task: Task, _slot: OwnedSemaphorePermit) {
    let asked = watch::Sender::new(Asked::GoOn);
    match follow(&engine, &task, &asked).await {
        Left::LeaseLost => warn!(task = %task.id, "task {} is left: its lease was lost", task.number),
        Left::Ended(end) => {
            let stopped = *asked.borrow() != Asked::GoOn;
            if let Err(failure) = conclude(&engine, &task, end, stopped).await {
                warn!(task = %task.id, %failure, detail = failure.detail, "the end of task {} could not be written; it will be taken up again", task.number);
            }
        }
    }
}

async fn follow(engine: &Arc<Engine>, task: &Task, asked: &watch::Sender<Asked>) -> Left {
    let mut closing = engine.closing.subscribe();
    let mut held_until = Instant::now() + engine.limits.lease;
    let mut tick = tokio::time::interval(engine.limits.tick);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut work = std::pin::pin!(perform(engine, task, asked.subscribe()));
    loop {
        tokio::select! {
            end = &mut work => return Left::Ended(end),
            () = async { drop(closing.wait_for(|closing| *closing).await) }, if *asked.borrow() != Asked::Stop => {
                asked.send_replace(Asked::Stop);
            }
            _ = tick.tick() => {
                let began = Instant::now();
                let until = Timestamp::now().plus(engine.limits.lease);
                match engine.catalogue.beat_task(task.id, &engine.worker, until).await {
                    Ok(state) => {
                        held_until = began + engine.limits.lease;
                        ask(asked, state);
                    }
                    Err(failure) if failure.code.as_deref() == Some("lease-lost") => return Left::LeaseLost,
                    Err(failure) => {
                        warn!(task = %task.id, %failure, detail = failure.detail, "task {} could not say that it runs", task.number);
                        if Instant::now() + engine.limits.tick * 2 > held_until {
                            return Left::LeaseLost;
                        }
                    }
                }
            }
        }
    }
}

/// A stop stays one.
fn ask(asked: &watch::Sender<Asked>, state: JobState) {
    asked.send_if_modified(|asked| {
        let before = *asked;
        *asked = match (before, state) {
            (Asked::Stop, _) | (_, JobState::Dequeuing | JobState::Cancelled) => Asked::Stop,
            (_, JobState::Pausing | JobState::Paused) => Asked::Pause,
            _ => Asked::GoOn,
        };
        *asked != before
    });
}

async fn perform(engine: &Arc<Engine>, task: &Task, asked: watch::Receiver<Asked>) -> Outcome<End> {
    let job = engine.catalogue.workflow_job(task.job).await?;
    match TaskStep::read(&task.step)? {
        TaskStep::Discovery(discovery) => discover(engine, task, &job, discovery, &asked).await,
        TaskStep::Step { step, half } => take_step(engine, task, &job, (step, half), asked).await.map(|()| End::Done),
    }
}

/// `stopped`: somebody asked for that.
async fn conclude(engine: &Engine, task: &Task, end: Outcome<End>, stopped: bool) -> Outcome<()> {
    let (catalogue, worker) = (&engine.catalogue, &engine.worker);
    let after = |pause| Timestamp::now().plus(pause);
    let end = match end {
        Ok(End::Done) => TaskEnd::Done,
        Ok(End::Again(pause)) => return catalogue.release_task(task.id, worker, after(pause), None).await,
        Err(failure) if failure.kind == Kind::Cancelled && stopped => {
            return catalogue.release_task(task.id, worker, after(Duration::ZERO), None).await;
        }
        Err(failure) if failure.retry != Retry::Never || failure.kind == Kind::Cancelled => {
            let pause = pause(engine, task.attempt, &failure);
            warn!(task = %task.id, %failure, ?pause, "task {} waits before it goes on", task.number);
            return catalogue.release_task(task.id, worker, after(pause), Some(failure)).await;
        }
        Err(failure) => {
            let failure = failure.at(|origin| origin.job = Some(task.job.to_string()));
            warn!(task = %task.id, %failure, detail = failure.detail, "task {} failed", task.number);
            TaskEnd::Failed(failure)
        }
    };
    let (state, job) = catalogue.end_task(task.id, worker, end).await?;
    info!(task = %task.id, state = state.name(), job = job.name(), "task {} has ended", task.number);
    engine.bell.notify_one();
    if job.is_final() {
        engine.settle(task.job).await;
    }
    Ok(())
}

fn pause(engine: &Engine, attempt: u32, failure: &Failure) -> Duration {
    let asked = Duration::from_millis(failure.retry_after_ms.unwrap_or(0));
    let doubled = engine.limits.pause.saturating_mul(1 << attempt.saturating_sub(1).min(16));
    doubled.max(asked).min(engine.limits.longest_pause)
}
