//! The contract's side of SCSI devices.
//!
//! The wait for one that is opened ends with the job of its call. Commands do not: one that was given is done, and what it leaves is the
//! plugin's to know.

use std::sync::Arc;
use std::time::Duration;

use capstan_bindings::latest::WitFailure;
use capstan_bindings::latest::host::scsi as wit;
use capstan_domain::Outcome;
use wasmtime::component::{Accessor, Resource, StreamReader};

use super::{Answer, Device, Transfer};
use crate::services::{Imports, Services, job, unless_cancelled};
use crate::stream::{self, Returned};
use crate::task;

impl wit::Host for Services {}

type Reply<A> = wasmtime::Result<Result<A, WitFailure>>;

impl wit::HostDevice for Services {
    fn drop(&mut self, device: Resource<wit::Device>) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Arc<Device>>::new_own(device.rep()))?;
        Ok(())
    }
}

impl<T: Send + 'static> wit::HostDeviceWithStore<T> for Imports {
    async fn execute(
        accessor: &Accessor<T, Self>,
        device: Resource<wit::Device>,
        cdb: Vec<u8>,
        data: wit::Transfer,
        timeout_ms: u32,
    ) -> Reply<wit::Answer> {
        let device = held(accessor, &device)?;
        let transfer = match data {
            wit::Transfer::None => Transfer::None,
            wit::Transfer::ToDevice(data) => Transfer::ToDevice(data),
            wit::Transfer::FromDevice(most) => Transfer::FromDevice(most),
        };
        Ok(told(device.execute(cdb, transfer, milliseconds(timeout_ms)).await))
    }

    async fn send(
        accessor: &Accessor<T, Self>,
        device: Resource<wit::Device>,
        cdb: Vec<u8>,
        data: StreamReader<u8>,
        length: u32,
        timeout_ms: u32,
    ) -> Reply<wit::Answer> {
        let device = held(accessor, &device)?;
        let returned = accessor.with(|mut access| {
            let counters = Arc::clone(&access.get().target().streams);
            stream::unwrap(access, data, &counters)
        })?;
        let timeout = milliseconds(timeout_ms);
        let answer = match returned {
            // A task of its own, so that its chunks do not wake the store's event loop.
            Returned::Native(body) => task::spawn(async move { device.send(cdb, body, length, timeout).await }).await,
            Returned::Piped(body) => device.send(cdb, body, length, timeout).await,
        };
        Ok(told(answer))
    }
}

impl<T: Send + 'static> wit::HostWithStore<T> for Imports {
    async fn open(accessor: &Accessor<T, Self>, path: String) -> Reply<Resource<wit::Device>> {
        let (target, job) = accessor.with(|mut access| {
            let job = job(&mut access)?;
            Ok::<_, wasmtime::Error>((Arc::clone(access.get().target()), job))
        })?;
        match unless_cancelled(job, target.scsi().open(&path)).await {
            Ok(device) => {
                let held = accessor.with(|mut access| access.get().table.push(device))?;
                Ok(Ok(Resource::new_own(held.rep())))
            }
            Err(failure) => {
                target.note_denied(&failure);
                Ok(Err(failure.into()))
            }
        }
    }
}

fn milliseconds(timeout: u32) -> Duration {
    Duration::from_millis(u64::from(timeout))
}

fn told(answer: Outcome<Answer>) -> Result<wit::Answer, WitFailure> {
    answer.map(|Answer { status, sense, data }| wit::Answer { status, sense, data }).map_err(WitFailure::from)
}

/// The generated type names the resource; what stands in the table is the device itself.
fn held<T: 'static>(accessor: &Accessor<T, Imports>, device: &Resource<wit::Device>) -> wasmtime::Result<Arc<Device>> {
    let device = Resource::<Arc<Device>>::new_borrow(device.rep());
    Ok(accessor.with(|mut access| access.get().table.get(&device).cloned())?)
}
