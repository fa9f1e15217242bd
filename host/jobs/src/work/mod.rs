//! What a job does, one kind a file.

mod cartridges;
mod check;
mod contents;
mod drive;
mod eject;
mod erase;
mod folders;
mod format;
mod index;
mod inventory;
mod libraries;
mod locations;
mod probe;
mod readings;
mod rescan;
mod scan;
mod transfer;

use std::sync::Arc;

use capstan_domain::job::{Job, JobState, Work};
use capstan_domain::{Failure, Kind, Outcome};
use capstan_mover::{Control, Counters};
use futures::future::BoxFuture;
use serde_json::Value;

use crate::engine::Engine;
pub(crate) use cartridges::{DRIVES_FULL, MAIL_SLOTS_FULL};
pub(crate) use drive::outlasts;
pub(crate) use inventory::take as take_inventory;
pub(crate) use readings::take as take_reading;

/// How a job ended that came to its end.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) state: JobState,
    /// Why it is not simply done.
    pub(crate) failure: Option<Failure>,
    pub(crate) answer: Option<Value>,
}

impl End {
    pub(crate) fn done() -> Self {
        Self { state: JobState::Done, failure: None, answer: None }
    }

    pub(crate) fn answer(answer: Value) -> Self {
        Self { answer: Some(answer), ..Self::done() }
    }

    pub(crate) fn warning(failure: Failure) -> Self {
        Self { state: JobState::DoneWithWarnings, failure: Some(failure), answer: None }
    }

    /// No job ends green with a path that failed or was left out (D11).
    pub(crate) fn of_paths(good: u64, bad: u64) -> Self {
        let state = match (good, bad) {
            (_, 0) => JobState::Done,
            (0, _) => JobState::Failed,
            _ => JobState::DoneWithWarnings,
        };
        let failure = (bad > 0).then(|| {
            Failure::new(Kind::Other, format!("{bad} of {} paths failed or were left out", good + bad))
                .with_code("paths-failed")
                .with_next_step("see the outcome of each path, mend the cause and run it again: what is done stays done")
        });
        Self { state, failure, answer: None }
    }
}

/// Code of what a work answers that cannot be brief, whose job is in the brief lane: it goes over to the long one.
pub(crate) const TURNED_OUT_LONG: &str = "turned-out-long";

/// What a work that has no files to stop between answers when it is stopped.
fn stopped() -> Failure {
    Failure::new(Kind::Cancelled, "the job was stopped")
}

pub(crate) fn perform(
    engine: Arc<Engine>,
    job: Job,
    control: Control,
    counters: Arc<Counters>,
) -> BoxFuture<'static, Outcome<End>> {
    Box::pin(async move {
        match job.work.clone() {
            Work::Transfer { sources, destinations, remove_source, verify, options } => {
                transfer::transfer(&engine, &job, (&sources, &destinations), (remove_source, verify, options), control, counters)
                    .await
            }
            Work::Erase { places } => erase::erase(&engine, &job, &places, &control, &counters).await,
            Work::Scan { places } => scan::scan(&engine, &job, &places, &control, &counters).await,
            Work::Rescan { pool } => rescan::rescan(&engine, &job, pool, &control, &counters).await,
            Work::Probe { .. } => probe::probe(&engine, &job, &control).await,
            Work::Drive { drive, change } => drive::change(&engine, &job, drive, change, &control, &counters).await,
            Work::SyncLocations { target } => locations::sync(&engine, target, &control).await,
            Work::FindLibraries {} => libraries::find(&engine, &control).await,
            Work::TakeInventory { library } => inventory::work(&engine, library, &control).await,
            Work::FormatCartridges { cartridges, scratch, force } => {
                let deed = format::Formatting { engine: &engine, job: &job, scratch, force };
                cartridges::each(&engine, &job, &cartridges, &control, &counters, &deed).await
            }
            Work::EjectCartridges { cartridges } => {
                let deed = eject::Ejection { engine: &engine, job: &job };
                cartridges::each(&engine, &job, &cartridges, &control, &counters, &deed).await
            }
            Work::ReadIndexes { cartridges, into } => {
                let deed = index::Reading { engine: &engine, job: &job, control: &control, into: into.as_ref() };
                cartridges::each(&engine, &job, &cartridges, &control, &counters, &deed).await
            }
            Work::CheckCartridges { cartridges } => {
                let deed = check::Checking { engine: &engine, job: &job, control: &control, counters: &counters };
                cartridges::each(&engine, &job, &cartridges, &control, &counters, &deed).await
            }
            // No worker of jobs is ever given one.
            Work::Workflow { .. } => Err(Failure::host("a workflow is run by its tasks", "its job was claimed as a whole")),
        }
    })
}
