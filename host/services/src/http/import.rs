//! The contract's side of the client: plugins' records in, plugins' records out.

use std::sync::Arc;

use bytes::Bytes;
use capstan_bindings::latest::WitFailure;
use capstan_bindings::latest::host::http as wit;
use capstan_domain::Outcome;
use wasmtime::component::Accessor;

use super::{Client, Payload, Reply, Request, Response};
use crate::services::{Imports, Services, TargetServices};
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
        let (target, payload) = prepare(accessor, body)?;
        let request = read_request(request);
        let Response { status, headers, body } = match carry_out(
            &target,
            request,
            payload,
            |client, request, payload| async move { client.send(&request, payload).await },
        )
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
        let (target, payload) = prepare(accessor, body)?;
        let request = read_request(request);
        let reply = carry_out(&target, request, payload, move |client, request, payload| async move {
            client.exchange(&request, payload, limit).await
        })
        .await;
        Ok(reply
            .map(|Reply { status, headers, body }| wit::Reply { status, headers, body: body.into() })
            .map_err(WitFailure::from))
    }
}

/// Takes the body out of the store, natively if it is the host's own.
fn prepare<T: 'static>(accessor: &Accessor<T, Imports>, body: wit::Body) -> wasmtime::Result<(Arc<TargetServices>, Payload)> {
    accessor.with(|mut access| {
        let target = Arc::clone(access.get().target());
        let payload = match body {
            wit::Body::Empty => Payload::Empty,
            wit::Body::Bytes(bytes) => Payload::Bytes(Bytes::from(bytes)),
            wit::Body::Stream(wit::SizedStream { data, length }) => {
                let returned = stream::unwrap(access, data, &target.streams)?;
                Payload::Stream { body: Returned::into_body(returned), length }
            }
        };
        Ok((target, payload))
    })
}

async fn carry_out<A, F>(
    target: &TargetServices,
    request: Request,
    payload: Payload,
    call: impl FnOnce(Arc<Client>, Request, Payload) -> F,
) -> Outcome<A>
where
    A: Send + 'static,
    F: Future<Output = Outcome<A>> + Send + 'static,
{
    let large = matches!(payload, Payload::Stream { length, .. } if length >= OWN_TASK_BYTES);
    let call = call(Arc::clone(&target.http), request, payload);
    let outcome = if large { task::spawn(call).await } else { call.await };
    outcome.inspect_err(|failure| target.note_denied(failure))
}

fn read_request(request: wit::Request) -> Request {
    Request {
        method: request.method,
        url: request.url,
        headers: request.headers,
        extras: request.extras.into_iter().map(|extra| (extra.name, extra.value)).collect(),
    }
}
