//! Reaches an unsaved target; the answer is what it holds.

use capstan_domain::Outcome;
use capstan_domain::job::Job;
use capstan_mover::Control;
use serde_json::json;

use crate::engine::Engine;
use crate::work::End;

pub(super) async fn probe(engine: &Engine, job: &Job, control: &Control) -> Outcome<End> {
    let report = tokio::select! {
        report = engine.probes.probe(job.id) => report?,
        () = control.stopped() => return Err(super::stopped()),
    };
    Ok(End::answer(json!({ "latency_us": report.latency_us, "locations": report.locations })))
}
