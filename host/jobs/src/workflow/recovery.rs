//! What dead processes left behind, tasks whose leases ran out and looks at trees that nobody settled; and jobs that ended long ago.

use std::sync::Arc;
use std::time::Duration;

use capstan_domain::Outcome;
use capstan_domain::listing::{Listing, Operator, Sort};
use capstan_domain::time::Timestamp;
use capstan_workflows::DiscoveryKind;
use tracing::{error, info};

use super::engine::Engine;

/// Tasks that are taken from dead workers at once; the rest goes with the next look.
const RECOVERED_TOGETHER: u32 = 256;
/// Jobs, of those that ended last, whose looks are settled if they are not.
const SETTLED_TOGETHER: u32 = 64;
/// Jobs that ended long ago and go at once; the rest goes with the next look.
const PURGED_TOGETHER: u32 = 256;

pub(super) async fn recover(engine: Arc<Engine>) {
    let mut closing = engine.closing.subscribe();
    loop {
        match engine.catalogue.recover_tasks(Timestamp::now(), RECOVERED_TOGETHER).await {
            Ok(0) => {}
            Ok(tasks) => {
                info!(tasks, "{tasks} tasks of workers that are gone wait again");
                engine.bell.notify_one();
            }
            Err(failure) => error!(%failure, detail = failure.detail, "tasks of workers that are gone cannot be found"),
        }
        tokio::select! {
            () = tokio::time::sleep(engine.limits.recovery) => {}
            _ = closing.wait_for(|closing| *closing) => return,
        }
    }
}

pub(super) async fn sweep(engine: Arc<Engine>) {
    let mut closing = engine.closing.subscribe();
    loop {
        if let Err(failure) = sweep_once(&engine).await {
            error!(%failure, detail = failure.detail, "what is left of jobs that ended cannot be cleared away");
        }
        tokio::select! {
            () = tokio::time::sleep(engine.limits.sweep) => {}
            _ = closing.wait_for(|closing| *closing) => return,
        }
    }
}

async fn sweep_once(engine: &Engine) -> Outcome<()> {
    settle_ended(engine).await?;
    engine.catalogue.clear_tree_snapshots(before(engine.limits.abandoned)).await?;
    engine.catalogue.purge_workflow_jobs(before(engine.limits.kept), PURGED_TOGETHER).await.map(|_| ())
}

/// The looks of jobs that ended a moment ago, or whose worker died between their end and that.
pub(super) async fn settle_ended(engine: &Engine) -> Outcome<()> {
    let mut ended = Listing::first(SETTLED_TOGETHER).with("discovery", Operator::Equal, DiscoveryKind::Snapdiff.name()).with(
        "completed",
        Operator::Greater,
        0,
    );
    ended.sort.push(Sort { field: "completed".to_owned(), descending: true });
    for job in engine.catalogue.workflow_jobs(&ended, None).await?.items {
        engine.settle(job.id).await;
    }
    Ok(())
}

fn before(duration: Duration) -> Timestamp {
    Timestamp(Timestamp::now().0.saturating_sub(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
}
