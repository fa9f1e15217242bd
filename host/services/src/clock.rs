//! `capstan:host/clock`: waiting that lets the other calls of the instance go on.

use std::time::Duration;

use capstan_bindings::latest::host::clock::{Host, HostWithStore};
use tokio::time::Instant;
use wasmtime::component::Accessor;

use crate::limits;
use crate::services::{Imports, Services};

impl Host for Services {}

impl<T: Send + 'static> HostWithStore<T> for Imports {
    async fn wait(accessor: &Accessor<T, Self>, milliseconds: u64) -> wasmtime::Result<()> {
        let job = accessor.with(|mut access| access.get().job());
        let until = Instant::now() + Duration::from_millis(milliseconds).min(limits::LONGEST_WAIT);
        let Some(job) = job else {
            tokio::time::sleep_until(until).await;
            return Ok(());
        };
        while Instant::now() < until && !job.cancelled() {
            tokio::time::sleep_until(until.min(Instant::now() + limits::CANCELLED_POLL)).await;
        }
        Ok(())
    }
}
