//! One call, wrapped so that any store can make it: parameters are built in the store it lands in, the answer is taken out of it.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use capstan_bindings::content::HeldContent;
use capstan_bindings::function::Function;
use capstan_bindings::latest::WitFailure;
use capstan_domain::Outcome;
use capstan_domain::content::{Body, Content};
use capstan_domain::context::JobContext;
use capstan_services::stream::{Returned, unwrap_download};
use futures::future::BoxFuture;
use futures::{FutureExt, Stream};
use tokio::sync::oneshot;
use wasmtime::component::{Accessor, FutureReader, Instance, Resource, StreamReader, TypedFunc};

use crate::prepared::Prepared;
use crate::state::StoreState;

/// Where calls of a store run: its instance, with the functions looked up so far.
pub(crate) struct Seat {
    prepared: Arc<Prepared>,
    instance: Instance,
    functions: Mutex<HashMap<TypeId, Box<dyn Any + Send>>>,
}

impl Seat {
    pub(crate) fn new(prepared: Arc<Prepared>, instance: Instance) -> Self {
        Self { prepared, instance, functions: Mutex::default() }
    }

    fn function<F: Function>(&self, accessor: &Accessor<StoreState>) -> wasmtime::Result<TypedFunc<F::Parameters, (F::Answer,)>> {
        let mut functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = functions.get(&TypeId::of::<F>()).and_then(|known| known.downcast_ref()) {
            return Ok(*known);
        }
        let function = accessor.with(|mut access| self.prepared.linked.function::<F>(&mut access, &self.instance))?;
        functions.insert(TypeId::of::<F>(), Box::new(function));
        Ok(function)
    }
}

/// Kept for as long as a call occupies its store: permits, counts, the incarnation itself.
pub(crate) type Guard = Box<dyn Any + Send + Sync>;

/// A call, ready for a store. An error of its future means that the store is broken.
pub(crate) type Task = Box<dyn for<'a> FnOnce(&'a Accessor<StoreState>, &'a Seat) -> BoxFuture<'a, wasmtime::Result<()>> + Send>;

/// A value for the caller, and what the store must still wait for after it was sent.
pub(crate) type Taken<V> = (Outcome<V>, Option<BoxFuture<'static, ()>>);

/// How parameters are made and what becomes of the answer.
pub(crate) trait Call: Send + 'static {
    type Function: Function;
    type Value: Send + 'static;

    /// Content to lend to the plugin for the length of the call.
    fn content(&self) -> Option<Content> {
        None
    }

    /// `lent` is the content's place in the store's table.
    fn parameters(&mut self, lent: Option<Resource<HeldContent>>) -> wasmtime::Result<<Self::Function as Function>::Parameters>;

    /// A value that still needs the store keeps the guard, and gives back a future that ends when it no longer does.
    fn value(
        self,
        accessor: &Accessor<StoreState>,
        answer: <Self::Function as Function>::Answer,
        guard: &mut Option<Guard>,
    ) -> wasmtime::Result<Taken<Self::Value>>;
}

pub(crate) fn task<C: Call>(
    mut call: C,
    job: Option<JobContext>,
    guard: Guard,
    reply: oneshot::Sender<Outcome<C::Value>>,
) -> Task {
    Box::new(move |accessor, seat| {
        async move {
            let mut guard = Some(guard);
            let function = seat.function::<C::Function>(accessor)?;
            let lent = match call.content() {
                Some(content) => {
                    let held = accessor.with(|mut access| access.data_mut().services.table.push(HeldContent::new(content)))?;
                    Some(held.rep())
                }
                None => None,
            };
            // A borrow: the plugin may use it until it answers, the entry stays the host's and is removed here.
            let parameters = call.parameters(lent.map(Resource::new_borrow))?;
            let (started, for_job) = accessor.with(|mut access| {
                access.data_mut().meter.progress();
                let started = function.start_call_concurrent(&mut access, parameters)?;
                let for_job = job.map(|job| {
                    access.data_mut().services.begin_call(started.task(), job);
                    started.task()
                });
                Ok::<_, wasmtime::Error>((started, for_job))
            })?;
            let (answer,) = function.finish_call_concurrent(accessor, started).await?;
            accessor.with(|mut access| {
                let state = access.data_mut();
                let taken = lent.map(|rep| state.services.table.delete(Resource::<HeldContent>::new_own(rep))).transpose();
                state.called();
                taken
            })?;
            let (value, occupied) = call.value(accessor, answer, &mut guard)?;
            // Whoever asked may have gone; then nobody wants the answer.
            let _ = reply.send(value);
            if let Some(occupied) = occupied {
                occupied.await;
            }
            if let Some(call) = for_job {
                accessor.with(|mut access| access.data_mut().services.end_call(call));
            }
            drop(guard);
            Ok(())
        }
        .boxed()
    })
}

/// Parameters in, a record out.
pub(crate) struct Plain<F: Function>(Option<F::Parameters>);

impl<F: Function> Plain<F> {
    pub(crate) fn new(parameters: F::Parameters) -> Self {
        Self(Some(parameters))
    }
}

impl<F, W> Call for Plain<F>
where
    F: Function<Answer = Result<W, WitFailure>> + Send,
    W: Send + 'static,
{
    type Function = F;
    type Value = W;

    fn parameters(&mut self, _lent: Option<Resource<HeldContent>>) -> wasmtime::Result<F::Parameters> {
        once(&mut self.0)
    }

    fn value(
        self,
        _accessor: &Accessor<StoreState>,
        answer: F::Answer,
        _guard: &mut Option<Guard>,
    ) -> wasmtime::Result<Taken<W>> {
        Ok((answer.map_err(Into::into), None))
    }
}

/// Makes the parameters around the content's place in the store.
type Make<F> = Box<dyn FnOnce(Resource<HeldContent>) -> <F as Function>::Parameters + Send>;

/// Content in, a record out.
pub(crate) struct Upload<F: Function> {
    content: Content,
    make: Option<Make<F>>,
}

impl<F: Function> Upload<F> {
    pub(crate) fn new(content: Content, make: impl FnOnce(Resource<HeldContent>) -> F::Parameters + Send + 'static) -> Self {
        Self { content, make: Some(Box::new(make)) }
    }
}

impl<F, W> Call for Upload<F>
where
    F: Function<Answer = Result<W, WitFailure>> + Send,
    W: Send + 'static,
{
    type Function = F;
    type Value = W;

    fn content(&self) -> Option<Content> {
        Some(Arc::clone(&self.content))
    }

    fn parameters(&mut self, lent: Option<Resource<HeldContent>>) -> wasmtime::Result<F::Parameters> {
        let make = once(&mut self.make)?;
        lent.map(make).ok_or_else(|| wasmtime::Error::msg("the call's content was not lent"))
    }

    fn value(
        self,
        _accessor: &Accessor<StoreState>,
        answer: F::Answer,
        _guard: &mut Option<Guard>,
    ) -> wasmtime::Result<Taken<W>> {
        Ok((answer.map_err(Into::into), None))
    }
}

/// Parameters in, a record with a body out.
pub(crate) struct Download<F: Function>(Option<F::Parameters>);

impl<F: Function> Download<F> {
    pub(crate) fn new(parameters: F::Parameters) -> Self {
        Self(Some(parameters))
    }
}

impl<F, W> Call for Download<F>
where
    F: Function<Answer = Result<(W, StreamReader<u8>, FutureReader<Result<(), WitFailure>>), WitFailure>> + Send,
    W: Send + 'static,
{
    type Function = F;
    type Value = (W, Downloaded);

    fn parameters(&mut self, _lent: Option<Resource<HeldContent>>) -> wasmtime::Result<F::Parameters> {
        once(&mut self.0)
    }

    fn value(
        self,
        accessor: &Accessor<StoreState>,
        answer: F::Answer,
        guard: &mut Option<Guard>,
    ) -> wasmtime::Result<Taken<(W, Downloaded)>> {
        let (record, stream, end) = match answer {
            Ok(parts) => parts,
            Err(failure) => return Ok((Err(failure.into()), None)),
        };
        let returned = accessor.with(|mut access| {
            let counters = Arc::clone(access.data_mut().services.target().streams());
            unwrap_download(&mut access, stream, end, &counters)
        })?;
        match returned {
            Returned::Native(body) => Ok((Ok((record, Downloaded { body, piped: false })), None)),
            Returned::Piped(body) => {
                let (occupied, over) = oneshot::channel();
                let body = Box::pin(Occupying { body, guard: guard.take(), occupied: Some(occupied) });
                Ok((Ok((record, Downloaded { body, piped: true })), Some(over.map(drop).boxed())))
            }
        }
    }
}

/// A body, and whether its bytes come through the store, which it then occupies.
pub(crate) struct Downloaded {
    pub body: Body,
    pub piped: bool,
}

/// A body whose bytes come through a store: until it ends, or is dropped, the store stays and its place is taken.
struct Occupying {
    body: Body,
    guard: Option<Guard>,
    occupied: Option<oneshot::Sender<()>>,
}

impl Stream for Occupying {
    type Item = Outcome<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Outcome<Bytes>>> {
        let next = self.body.as_mut().poll_next(context);
        if matches!(next, Poll::Ready(None | Some(Err(_)))) {
            self.occupied = None;
            self.guard = None;
        }
        next
    }
}

fn once<T>(slot: &mut Option<T>) -> wasmtime::Result<T> {
    slot.take().ok_or_else(|| wasmtime::Error::msg("a call is made once"))
}
