//! Unsaved targets that wait to be probed. Their configurations hold secrets, so they are in memory only, for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use capstan_domain::ids::JobId;
use capstan_domain::ports::ProbeReport;
use capstan_domain::{Failure, Kind, Outcome};
use capstan_jobs::Probes;
use capstan_runtime::{Runtime, TargetSettings};

/// Configurations that wait; more are refused as busy.
pub(crate) const WAITING_MAX: usize = 256;
/// One that no worker took by then is dropped.
const KEPT: Duration = Duration::from_secs(600);

pub(crate) struct UnsavedTargets {
    runtime: Arc<Runtime>,
    waiting: Mutex<HashMap<JobId, (Instant, TargetSettings)>>,
}

impl UnsavedTargets {
    pub(crate) fn new(runtime: Arc<Runtime>) -> Self {
        Self { runtime, waiting: Mutex::default() }
    }

    /// Refuses before a job is made, if there is no room.
    pub(crate) fn room(&self) -> Outcome<()> {
        let mut waiting = self.lock();
        waiting.retain(|_, (since, _)| since.elapsed() < KEPT);
        if waiting.len() >= WAITING_MAX {
            return Err(
                Failure::new(Kind::Busy, "too many targets wait to be tested").with_blame(capstan_domain::failure::Blame::Host)
            );
        }
        Ok(())
    }

    pub(crate) fn keep(&self, job: JobId, settings: TargetSettings) {
        self.lock().insert(job, (Instant::now(), settings));
    }

    fn take(&self, job: JobId) -> Option<TargetSettings> {
        self.lock().remove(&job).map(|(_, settings)| settings)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<JobId, (Instant, TargetSettings)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Probes for UnsavedTargets {
    async fn probe(&self, job: JobId) -> Outcome<ProbeReport> {
        match self.take(job) {
            Some(settings) => self.runtime.probe_unsaved(settings).await,
            None => Err(Failure::not_found("the configuration to test went with the process that held it")
                .with_next_step("test it again")),
        }
    }
}
