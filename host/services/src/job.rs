//! `capstan:host/job`: the work on whose behalf a call runs.

use capstan_bindings::latest::host::job::Host;

use crate::services::Services;

/// What a running job lets a plugin say and ask. Called from guests: it must answer at once.
pub trait JobHandle: Send + Sync {
    fn progress(&self, done: u64, total: Option<u64>, note: Option<&str>);
    fn cancelled(&self) -> bool;
    /// Its id, for the log.
    fn id(&self) -> String;
}

impl Host for Services {
    fn progress(&mut self, done: u64, total: Option<u64>, note: Option<String>) -> wasmtime::Result<()> {
        if let Some(job) = self.job() {
            job.progress(done, total, note.as_deref());
        }
        Ok(())
    }

    fn cancelled(&mut self) -> wasmtime::Result<bool> {
        Ok(self.job().is_some_and(|job| job.cancelled()))
    }
}
