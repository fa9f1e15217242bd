//! `capstan:host/clock`: waiting that lets the other calls of the instance go on.

use std::time::Duration;

use capstan_bindings::latest::host::clock::{Host, HostWithStore};
use wasmtime::component::Accessor;

use crate::limits;
use crate::services::{Imports, Services, job};

impl Host for Services {}

impl<T: Send + 'static> HostWithStore<T> for Imports {
    async fn wait(accessor: &Accessor<T, Self>, milliseconds: u64) -> wasmtime::Result<()> {
        let job = accessor.with(|mut access| job(&mut access))?;
        let over = tokio::time::sleep(Duration::from_millis(milliseconds).min(limits::LONGEST_WAIT));
        match job {
            None => over.await,
            Some(job) => tokio::select! {
                () = over => {}
                () = job.cancelled() => {}
            },
        }
        Ok(())
    }
}
