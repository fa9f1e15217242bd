//! Reaches an unsaved target; the answer is what it holds.
//!
//! The configuration is in the memory of the process that was asked, since it holds secrets. A process that takes the job up after
//! it, or that is taken down while it waits, ends it: nobody can make good what went.

use capstan_domain::Outcome;
use capstan_domain::failure::Kind;
use capstan_domain::job::{Job, JobState};
use capstan_mover::Control;
use serde_json::json;

use crate::engine::Engine;
use crate::work::End;

pub(super) async fn probe(engine: &Engine, job: &Job, control: &Control) -> Outcome<End> {
    let report = tokio::select! {
        report = engine.probes.probe(job.id) => report,
        () = control.stopped() => return Err(super::stopped()),
    };
    match report {
        Ok(report) => Ok(End::answer(json!({ "latency_us": report.latency_us, "locations": report.locations }))),
        Err(failure) if failure.kind == Kind::NotFound && job.attempt > 1 => {
            Ok(End { state: JobState::StoppedBySystem, failure: Some(failure), answer: None })
        }
        Err(failure) => Err(failure),
    }
}
