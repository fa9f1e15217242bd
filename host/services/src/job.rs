//! `capstan:host/job`: the work on whose behalf a call runs.

use capstan_bindings::latest::host::job::{Host, HostWithStore};
use capstan_domain::context::Report;
use wasmtime::component::Access;

use crate::limits;
use crate::services::{Imports, Services, job};

impl Host for Services {}

impl<T: Send + 'static> HostWithStore<T> for Imports {
    fn progress(mut access: Access<'_, T, Self>, done: u64, total: Option<u64>, note: Option<String>) -> wasmtime::Result<()> {
        if let Some(job) = job(&mut access)? {
            let note = note.map(|mut note| {
                note.truncate(note.floor_char_boundary(limits::NOTE_BYTES));
                note
            });
            job.report(Report { done, total, note });
        }
        Ok(())
    }

    fn cancelled(mut access: Access<'_, T, Self>) -> wasmtime::Result<bool> {
        Ok(job(&mut access)?.is_some_and(|job| job.is_cancelled()))
    }
}
