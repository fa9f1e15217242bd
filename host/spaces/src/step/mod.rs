//! Steps: each path of a task dealt with, its result told.

mod delete;
mod lanes;
mod migrate;
mod moving;
mod recall;
mod results;
mod reverse_stub;
mod rounds;

use std::collections::HashMap;
use std::sync::Arc;

use capstan_domain::file_state::{FileState, NewFileState, StatefulFile};
use capstan_domain::ids::{JobId, Number, Reference, TaskId};
use capstan_domain::workflow::TaskResult;
use capstan_domain::{Failure, Kind, Outcome};
use capstan_jobs::StepWork;
use capstan_mover::throttle::Throttle;
use capstan_mover::{Command, Control, Counters};
use capstan_workflows::Step;
use tokio::sync::{mpsc, watch};

use crate::Inner;
use crate::changes;
use crate::opened::OpenSpace;
use lanes::One;

/// A step under way.
pub(crate) struct Run {
    pub(crate) inner: Arc<Inner>,
    pub(crate) space: Arc<OpenSpace>,
    pub(crate) site: Number,
    pub(crate) job: JobId,
    pub(crate) task: TaskId,
    pub(crate) control: Control,
    pub(crate) throttle: Arc<Throttle>,
    pub(crate) counters: Arc<Counters>,
    results: mpsc::Sender<Vec<TaskResult>>,
}

pub(crate) async fn run(inner: Arc<Inner>, work: StepWork, results: mpsc::Sender<Vec<TaskResult>>) -> Outcome<()> {
    let StepWork { space, site, job, task, step, paths, mut stop } = work;
    let space = inner.space(space)?;
    let bandwidth = inner.catalogue.site(Reference::Number(site)).await?.settings.bandwidth;
    let run = Arc::new(Run {
        throttle: space.pace.throttle(bandwidth),
        inner,
        space,
        site,
        job,
        task,
        control: Control::default(),
        counters: Arc::default(),
        results,
    });
    let control = run.control.clone();
    let ones: Vec<One> = (0..).zip(paths).map(|(position, path)| One { position, path }).collect();
    let doing = async {
        match step {
            Step::Migrate(step) => migrate::run(run, step, ones).await,
            Step::Recall(step) => recall::run(run, step, ones).await,
            Step::ReverseStub(step) => reverse_stub::run(run, step, ones).await,
            Step::Delete(step) => delete::run(run, step, ones).await,
            Step::Move(step) => moving::run(run, step, ones).await,
        }
    };
    tokio::pin!(doing);
    tokio::select! {
        done = &mut doing => done,
        () = asked(&mut stop) => {
            control.set(Command::Stop);
            doing.await
        }
    }
}

/// Waits until the step is to stop; for ever, when nobody is left who could ask for it.
async fn asked(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

impl Run {
    /// Fails with `Cancelled` when nobody listens.
    pub(crate) async fn tell(&self, results: Vec<TaskResult>) -> Outcome<()> {
        if results.is_empty() {
            return Ok(());
        }
        self.results.send(results).await.map_err(|_| Failure::new(Kind::Cancelled, "Nobody waits for the results of the step"))
    }

    /// The results of files that failed, after the catalogue was told why.
    pub(crate) async fn failed(&self, failed: Vec<(One, Failure)>) -> Vec<TaskResult> {
        if self.space.is_home && !failed.is_empty() {
            let paths: Vec<String> = failed.iter().map(|(one, _)| one.path().to_owned()).collect();
            if let Err(worse) = self.note(&paths, &failed).await {
                tracing::warn!(%worse, "why files failed could not be recorded beside them");
            }
        }
        failed.iter().map(|(one, failure)| results::failed(one.position, failure)).collect()
    }

    async fn note(&self, paths: &[String], failed: &[(One, Failure)]) -> Outcome<()> {
        let known = self.inner.catalogue.file_states(self.space.tree, paths).await?;
        let known: HashMap<&str, &StatefulFile> = known.iter().map(|file| (file.path.as_str(), file)).collect();
        let state = |(one, failure): &(One, Failure)| {
            let before = known.get(one.path());
            let state = before.map_or(FileState::Resident, |before| before.state);
            // Of a content that is lost that stays said.
            let is_lost = state.needs_copy() && before.is_none_or(|before| before.replica.is_none());
            (!is_lost).then(|| NewFileState {
                path: one.path().to_owned(),
                state,
                replica: before.and_then(|before| before.replica),
                leading: before.map_or(0, |before| before.leading),
                failure: Some(failure.clone()),
            })
        };
        let states: Vec<NewFileState> = failed.iter().filter_map(state).collect();
        let recorded = states.iter().map(|state| (state.path.clone(), state.state)).collect();
        self.inner.catalogue.set_file_states(self.space.tree, states).await?;
        changes::confirm(&self.inner, &self.space, recorded).await
    }

    /// The idempotency key of storing this content of a file: the same in this run and after a restart.
    pub(crate) fn attempt(&self, place: &str, content: &[u8]) -> String {
        let hash = capstan_digest::of(&[place.as_bytes(), &[0], content].concat());
        let short: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{short}", self.task)
    }
}
