//! A task that takes a step with its paths: hands them over, and records what became of each as it comes.

use capstan_domain::ids::Number;
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::workflow::{Task, TaskPath, TaskResult, WorkflowJob};
use capstan_domain::{Failure, Kind, Outcome};
use capstan_workflows::Step;
use tokio::sync::{mpsc, watch};

use super::aside;
use super::engine::Engine;
use super::run::Asked;
use super::space_work::StepWork;
use super::task_step::Half;

/// Paths that are read together.
const PAGE: u32 = 4_096;
/// Reports of results that wait until they are recorded.
const AHEAD: usize = 16;
/// Results that are recorded together.
const RECORDED_TOGETHER: usize = 4_096;

pub(super) async fn take_step(
    engine: &Engine,
    task: &Task,
    job: &WorkflowJob,
    (step, half): (Step, Option<Half>),
    asked: watch::Receiver<Asked>,
) -> Outcome<()> {
    let space = job.space.ok_or_else(|| Failure::new(Kind::NotFound, "the space of the job is gone"))?;
    let (positions, paths) = open_paths(engine, task.number, half).await?;
    if paths.is_empty() {
        return Ok(());
    }
    let (sender, receiver) = mpsc::channel(AHEAD);
    let stop = watch::Sender::new(false);
    let work = StepWork { space, site: engine.site, job: task.job, task: task.id, step, paths, stop: stop.subscribe() };
    let forward = forward(asked.clone(), stop);
    // The sender ends with the step, and with that the record of what it told.
    let step = async { Ok::<_, Failure>(engine.work.step(work, sender).await) };
    let both = futures::future::try_join(step, record(engine, task, &positions, receiver));
    let (ended, told) = tokio::select! {
        both = both => both?,
        never = forward => match never {},
    };
    ended?;
    if told < positions.len() && *asked.borrow() == Asked::Stop {
        return Err(Failure::new(Kind::Cancelled, "the step was stopped on its way"));
    }
    Ok(())
}

/// Those that no result is known of, with their positions in the task.
async fn open_paths(engine: &Engine, task: Number, half: Option<Half>) -> Outcome<(Vec<u64>, Vec<TaskPath>)> {
    let (mut positions, mut paths) = (Vec::new(), Vec::new());
    let mut next = 0;
    loop {
        let listing = Listing::first(PAGE).with("position", Operator::GreaterOrEqual, next);
        let page = engine.catalogue.task_paths(task, &listing).await?.items;
        let Some(last) = page.last() else { return Ok((positions, paths)) };
        next = last.position + 1;
        for record in page.into_iter().filter(|record| record.result.is_none()) {
            positions.push(record.position);
            paths.push(match half {
                Some(half) => aside::renaming(&record.path, half),
                None => record.path,
            });
        }
    }
}

/// Answers how many paths were told of.
async fn record(engine: &Engine, task: &Task, positions: &[u64], mut results: mpsc::Receiver<Vec<TaskResult>>) -> Outcome<usize> {
    let mut told = vec![false; positions.len()];
    while let Some(mut report) = results.recv().await {
        for result in &mut report {
            let index = usize::try_from(result.position).unwrap_or(usize::MAX);
            let (Some(position), Some(told)) = (positions.get(index), told.get_mut(index)) else {
                return Err(Failure::host("a step told of a path that it was not given", result.position));
            };
            result.position = *position;
            *told = true;
        }
        for some in report.chunks(RECORDED_TOGETHER) {
            engine.catalogue.record_task_results(task.id, &engine.worker, some.to_vec()).await?;
        }
    }
    Ok(told.into_iter().filter(|told| *told).count())
}

/// Says that it is to stop to whoever takes the step, and never ends.
async fn forward(mut asked: watch::Receiver<Asked>, stop: watch::Sender<bool>) -> std::convert::Infallible {
    if asked.wait_for(|asked| *asked == Asked::Stop).await.is_ok() {
        stop.send_replace(true);
    }
    std::future::pending().await
}
