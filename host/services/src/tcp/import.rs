//! The contract's side of connections.
//!
//! The wait for a new one ends with the job of its call. Reads and writes do not: calls of several jobs may share a connection,
//! and one that is left in the middle of an answer is lost to all of them.

use std::sync::Arc;

use capstan_bindings::latest::WitFailure;
use capstan_bindings::latest::host::tcp as wit;
use capstan_bindings::latest::host::types::NamedValue;
use wasmtime::component::{Accessor, Resource, StreamReader};

use super::Connection;
use crate::services::{Imports, Services, job, unless_cancelled};
use crate::stream::{self, Returned};
use crate::task;

impl wit::Host for Services {}

type Answer<A> = wasmtime::Result<Result<A, WitFailure>>;

impl wit::HostConnection for Services {
    fn drop(&mut self, connection: Resource<wit::Connection>) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Arc<Connection>>::new_own(connection.rep()))?;
        Ok(())
    }
}

impl<T: Send + 'static> wit::HostConnectionWithStore<T> for Imports {
    async fn read(accessor: &Accessor<T, Self>, connection: Resource<wit::Connection>, limit: u32) -> Answer<Vec<u8>> {
        let connection = held(accessor, &connection)?;
        Ok(connection.read(limit).await.map_err(WitFailure::from))
    }

    async fn write(accessor: &Accessor<T, Self>, connection: Resource<wit::Connection>, data: Vec<u8>) -> Answer<()> {
        let connection = held(accessor, &connection)?;
        Ok(connection.write(&data).await.map_err(WitFailure::from))
    }

    async fn send(accessor: &Accessor<T, Self>, connection: Resource<wit::Connection>, data: StreamReader<u8>) -> Answer<u64> {
        let connection = held(accessor, &connection)?;
        let returned = accessor.with(|mut access| {
            let counters = Arc::clone(&access.get().target().streams);
            stream::unwrap(access, data, &counters)
        })?;
        let sent = match returned {
            // A task of its own, so that its chunks do not wake the store's event loop.
            Returned::Native(body) => task::spawn(async move { connection.send(body).await }).await,
            Returned::Piped(body) => connection.send(body).await,
        };
        Ok(sent.map_err(WitFailure::from))
    }

    async fn finish(accessor: &Accessor<T, Self>, connection: Resource<wit::Connection>) -> Answer<()> {
        let connection = held(accessor, &connection)?;
        Ok(connection.finish().await.map_err(WitFailure::from))
    }
}

impl<T: Send + 'static> wit::HostWithStore<T> for Imports {
    async fn connect(
        accessor: &Accessor<T, Self>,
        host: String,
        port: u16,
        extras: Vec<NamedValue>,
    ) -> Answer<Resource<wit::Connection>> {
        let (target, job) = accessor.with(|mut access| {
            let job = job(&mut access)?;
            Ok::<_, wasmtime::Error>((Arc::clone(access.get().target()), job))
        })?;
        let extras = extras.into_iter().map(|extra| (extra.name, extra.value)).collect();
        match unless_cancelled(job, target.tcp().connect(&host, port, &extras)).await {
            Ok(connection) => {
                let held = accessor.with(|mut access| access.get().table.push(Arc::new(connection)))?;
                Ok(Ok(Resource::new_own(held.rep())))
            }
            Err(failure) => {
                target.note_denied(&failure);
                Ok(Err(failure.into()))
            }
        }
    }
}

/// The generated type names the resource; what stands in the table is the connection itself.
fn held<T: 'static>(
    accessor: &Accessor<T, Imports>,
    connection: &Resource<wit::Connection>,
) -> wasmtime::Result<Arc<Connection>> {
    let connection = Resource::<Arc<Connection>>::new_borrow(connection.rep());
    Ok(accessor.with(|mut access| access.get().table.get(&connection).cloned())?)
}
