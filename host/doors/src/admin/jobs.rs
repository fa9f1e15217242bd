//! Jobs, in this dialect.

use async_trait::async_trait;
use capstan_api_admin::jobs::{Job, Jobs, PathOutcome, Progress, Request};
use capstan_api_admin::{AdminError, Page, Window};
use capstan_api_http::Caller;
use capstan_domain::identity;
use capstan_domain::job::{self, Job as Record, Work};
use capstan_domain::listing::{Listing, Sort};

use super::AdminDoor;
use super::words::{error, instant, listing, word};
use crate::authenticator::caller_of;

#[async_trait]
impl Jobs for AdminDoor {
    async fn list_jobs(&self, caller: &Caller, window: Window) -> Result<Page<Job>, AdminError> {
        let newest_first = Listing { sort: vec![Sort { field: "number".into(), descending: true }], ..listing(window) };
        let asked = caller_of(caller).map_err(error)?.narrowed("jobs", "index", newest_first);
        let page = self.app.jobs.list(asked).await.map_err(error)?;
        Ok(Page { count: page.count, items: page.items.into_iter().map(wire).collect() })
    }

    async fn show_job(&self, caller: &Caller, job: &str) -> Result<Job, AdminError> {
        self.job_for(caller, "show", job).await.map(|(_, job)| wire(job))
    }

    async fn list_outcomes(&self, caller: &Caller, job: &str, window: Window) -> Result<Page<PathOutcome>, AdminError> {
        let (_, job) = self.job_for(caller, "show", job).await?;
        let page = self.app.jobs.outcomes(job.id, listing(window)).await.map_err(error)?;
        let items = page.items.into_iter().map(|outcome| PathOutcome {
            path: outcome.path,
            state: word(&outcome.state),
            bytes: outcome.bytes,
            failure: outcome.failure.map(error),
            finished: instant(outcome.finished),
        });
        Ok(Page { count: page.count, items: items.collect() })
    }

    async fn request_of_job(&self, caller: &Caller, job: &str, request: Request) -> Result<Job, AdminError> {
        let (caller, job) = self.job_for(caller, "update", job).await?;
        let request = match request {
            Request::Pause => job::Request::Pause,
            Request::Resume => job::Request::Resume,
            Request::Stop => job::Request::Stop,
        };
        self.app.jobs.request_job(&caller, job.id, request).await.map(wire).map_err(error)
    }
}

impl AdminDoor {
    /// With the caller, who may make the call about it.
    async fn job_for(&self, caller: &Caller, verb: &str, job: &str) -> Result<(identity::Caller, Record), AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        let job = self.app.jobs.find(job).await.map_err(error)?;
        caller.check_on("jobs", verb, job.number).map_err(error)?;
        Ok((caller, job))
    }
}

pub(super) fn wire(job: Record) -> Job {
    let progress = job.progress;
    Job {
        id: job.id.to_string(),
        number: job.number,
        name: job.name,
        work: work(&job.work).to_owned(),
        state: word(&job.state),
        progress: Progress {
            files_to_process: progress.files_to_process,
            bytes_to_process: progress.bytes_to_process,
            files_processed: progress.files_processed,
            bytes_processed: progress.bytes_processed,
            files_finalized: progress.files_finalized,
            bytes_finalized: progress.bytes_finalized,
            files_failed: progress.files_failed,
            bytes_per_second: progress.bytes_per_second,
            remaining_ms: progress.remaining_ms,
        },
        attempt: job.attempt,
        failure: job.failure.map(error),
        created: instant(job.created),
        started: job.started.map(instant),
        finished: job.finished.map(instant),
    }
}

fn work(work: &Work) -> &'static str {
    match work {
        Work::Transfer { .. } => "transfer",
        Work::Erase { .. } => "erase",
        Work::Scan { .. } | Work::Rescan { .. } => "scan",
        Work::Probe { .. } => "probe",
        Work::Drive { .. } => "drive",
        Work::SyncLocations { .. } => "sync_locations",
        Work::FindLibraries {} => "find_libraries",
        Work::TakeInventory { .. } => "take_inventory",
        Work::FormatCartridges { .. } => "format_cartridges",
        Work::EjectCartridges { .. } => "eject_cartridges",
        Work::ReadIndexes { .. } => "read_indexes",
        Work::CheckCartridges { .. } => "check_cartridges",
        Work::Workflow { .. } => "workflow",
    }
}
