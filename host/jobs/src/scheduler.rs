//! Primary scans when they are due. The due time is in the catalogue and is moved on before the job is made, so no restart runs one twice,
//! and a host that was down catches up with one run.

use std::sync::Arc;

use capstan_domain::Outcome;
use capstan_domain::job::{NewJob, Work};
use capstan_domain::pool::Scan;
use capstan_domain::time::Timestamp;
use tracing::error;

use crate::calendar::next_due;
use crate::engine::Engine;

/// Scans started per look at the schedule; the rest is due at the next one.
const AT_ONCE: u32 = 64;

pub(crate) async fn watch(engine: Arc<Engine>) {
    let mut closing = engine.closing.subscribe();
    loop {
        if let Err(failure) = start_due(&engine).await {
            error!(%failure, detail = failure.detail, "the schedule cannot be read");
        }
        tokio::select! {
            () = tokio::time::sleep(engine.limits.schedule) => {}
            _ = closing.wait_for(|closing| *closing) => return,
        }
    }
}

async fn start_due(engine: &Engine) -> Outcome<()> {
    let now = Timestamp::now();
    for scan in engine.catalogue.due_scans(now, AT_ONCE).await? {
        if let Err(failure) = start(engine, &scan, now).await {
            error!(scan = scan.number, %failure, detail = failure.detail, "a scan that is due cannot be started");
        }
    }
    Ok(())
}

async fn start(engine: &Engine, scan: &Scan, now: Timestamp) -> Outcome<()> {
    let next = next_due(scan.due.unwrap_or(now), scan.operand, scan.unit, now)?;
    // Moved on first: dying between the two lines skips one scan, the other order would run it twice at the same time.
    if !engine.catalogue.advance_scan(scan, Some(next), now).await? {
        return Ok(());
    }
    let work = Work::Rescan { pool: scan.pool };
    let name = format!("primary scan {}", scan.number);
    engine.catalogue.create_job(&NewJob { definition: None, name, work }, None).await?;
    engine.ring();
    Ok(())
}
