//! The contract's side of the client: plugins' records in, plugins' records out.

use std::sync::Arc;

use bytes::Bytes;
use capstan_bindings::latest::WitFailure;
use capstan_bindings::latest::host::http as wit;
use capstan_domain::Outcome;
use capstan_domain::context::JobContext;
use wasmtime::component::Accessor;

use super::client::is_safe;
use super::{Client, Payload, Reply, Request, Response};
use crate::services::{Imports, Services, TargetServices, WAIT_ENDED, job, unless_cancelled};
use crate::stream::{self, Returned};
use crate::task;

/// From here on a transfer runs as a task of its own, so that its chunks do not wake the store's event loop; below, the task would
/// cost more than it saves. Bytes.
const OWN_TASK_BYTES: u64 = 1 << 20;

impl wit::Host for Services {}

impl<T: Send + 'static> wit::HostWithStore<T> for Imports {
    async fn send(
        accessor: &Accessor<T, Self>,
        request: wit::Request,
        body: wit::Body,
    ) -> wasmtime::Result<Result<wit::Response, WitFailure>> {
        let (target, job, payload) = prepare(accessor, body)?;
        let request = read_request(request);
        let Response { status, headers, body } =
            match carry_out(&target, job, request, payload, |client, request, payload| async move {
                client.send(&request, payload).await
            })
            .await
            {
                Ok(response) => response,
                Err(failure) => return Ok(Err(failure.into())),
            };
        let (body, end) = accessor.with(|access| stream::reader_with_end(access, body))?;
        Ok(Ok(wit::Response { status, headers, body, end }))
    }

    async fn exchange(
        accessor: &Accessor<T, Self>,
        request: wit::Request,
        body: wit::Body,
        limit: u32,
    ) -> wasmtime::Result<Result<wit::Reply, WitFailure>> {
        let (target, job, payload) = prepare(accessor, body)?;
        let request = read_request(request);
        let reply = carry_out(&target, job, request, payload, move |client, request, payload| async move {
            client.exchange(&request, payload, limit).await
        })
        .await;
        Ok(reply
            .map(|Reply { status, headers, body }| wit::Reply { status, headers, body: body.into() })
            .map_err(WitFailure::from))
    }
}

/// The services, for whom they are asked, and what is to be sent.
type Prepared = (Arc<TargetServices>, Option<JobContext>, Payload);

/// Takes the body out of the store, natively if it is the host's own.
fn prepare<T: Send + 'static>(accessor: &Accessor<T, Imports>, body: wit::Body) -> wasmtime::Result<Prepared> {
    accessor.with(|mut access| {
        let job = job(&mut access)?;
        let target = Arc::clone(access.get().target());
        let payload = match body {
            wit::Body::Empty => Payload::Empty,
            wit::Body::Bytes(bytes) => Payload::Bytes(Bytes::from(bytes)),
            wit::Body::Stream(wit::SizedStream { data, length }) => {
                let returned = stream::unwrap(access, data, &target.streams)?;
                Payload::Stream { body: Returned::into_body(returned), length }
            }
        };
        Ok((target, job, payload))
    })
}

async fn carry_out<A, F>(
    target: &TargetServices,
    job: Option<JobContext>,
    request: Request,
    payload: Payload,
    call: impl FnOnce(Arc<Client>, Request, Payload) -> F,
) -> Outcome<A>
where
    A: Send + 'static,
    F: Future<Output = Outcome<A>> + Send + 'static,
{
    let large = matches!(payload, Payload::Stream { length, .. } if length >= OWN_TASK_BYTES);
    let safe = is_safe(&request.method);
    let call = call(Arc::clone(&target.http), request, payload);
    let outcome = if large { unless_cancelled(job, task::spawn(call)).await } else { unless_cancelled(job, call).await };
    outcome.map_err(|failure| {
        target.note_denied(&failure);
        // It may have been sent.
        let unknown = !safe && failure.code.as_deref() == Some(WAIT_ENDED);
        if unknown { failure.with_maybe_done() } else { failure }
    })
}

fn read_request(request: wit::Request) -> Request {
    Request {
        method: request.method,
        url: request.url,
        headers: request.headers,
        extras: request.extras.into_iter().map(|extra| (extra.name, extra.value)).collect(),
    }
}
