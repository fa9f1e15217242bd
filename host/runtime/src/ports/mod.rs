//! The domain's ports over a target's plugin: records converted, bytes routed, claims checked.

mod claims;
mod connection;
mod drives;
mod files;
mod media;
mod objects;
mod uploads;

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use capstan_bindings::function::Function;
use capstan_bindings::latest::WitFailure;
use capstan_domain::content::{Body, Content};
use capstan_domain::context::JobContext;
use capstan_domain::ports::ByteRange;
use capstan_domain::{Failure, Outcome};
use wasmtime::component::{FutureReader, Resource, StreamReader};

use crate::call::{Download, Plain, Upload};
use crate::cancelled;
use crate::incarnation::{How, Incarnation};
use crate::target::TargetSlot;
use capstan_bindings::content::HeldContent;

/// A target as its callers hold it, and the job they hold it for. Stays good over swaps, crashes and new configurations.
#[derive(Clone)]
pub(crate) struct Handle {
    slot: Arc<TargetSlot>,
    job: Option<JobContext>,
    /// What each of its calls may take on top of the time for its bytes.
    patience: Duration,
}

/// The end of a body, as the contract has it.
type End = FutureReader<Result<(), WitFailure>>;
/// An answer, and who gave it: whoever finds it wanting says so there.
type Answered<W> = (W, Arc<Incarnation>);

impl Handle {
    /// For the job in whose scope this is asked, if there is one.
    pub(crate) fn new(slot: Arc<TargetSlot>) -> Self {
        Self { slot, job: JobContext::current(), patience: Duration::ZERO }
    }

    /// The same, for what is done by moving parts.
    fn patient(&self) -> Self {
        Self { patience: self.slot.limits().mechanics, ..self.clone() }
    }

    fn how(&self, bytes: u64, mutates: bool) -> How {
        How { bytes, patience: self.patience, mutates, job: self.job.clone() }
    }

    async fn ask<F, W>(&self, parameters: F::Parameters) -> Outcome<W>
    where
        F: Function<Answer = Result<W, WitFailure>> + Send,
        W: Send + 'static,
    {
        Ok(self.answered::<F, W>(parameters).await?.0)
    }

    async fn answered<F, W>(&self, parameters: F::Parameters) -> Outcome<Answered<W>>
    where
        F: Function<Answer = Result<W, WitFailure>> + Send,
        W: Send + 'static,
    {
        self.slot.call(Plain::<F>::new(parameters), self.how(0, false)).await
    }

    async fn change<F, W>(&self, parameters: F::Parameters) -> Outcome<W>
    where
        F: Function<Answer = Result<W, WitFailure>> + Send,
        W: Send + 'static,
    {
        Ok(self.changed::<F, W>(parameters, 0).await?.0)
    }

    /// `bytes`: what the target may have to move for it, which the call is given time for.
    async fn changed<F, W>(&self, parameters: F::Parameters, bytes: u64) -> Outcome<Answered<W>>
    where
        F: Function<Answer = Result<W, WitFailure>> + Send,
        W: Send + 'static,
    {
        self.slot.call(Plain::<F>::new(parameters), self.how(bytes, true)).await
    }

    async fn upload<F, W>(
        &self,
        content: Content,
        bytes: u64,
        make: impl FnOnce(Resource<HeldContent>) -> F::Parameters + Send + 'static,
    ) -> Outcome<Answered<W>>
    where
        F: Function<Answer = Result<W, WitFailure>> + Send,
        W: Send + 'static,
    {
        self.slot.call(Upload::<F>::new(content, make), self.how(bytes, true)).await
    }

    /// `size` tells the size of the whole that a range is of.
    ///
    /// A body whose length nobody knows in advance goes to a long-lived store: handed on, it leaves the store at once. When the answer
    /// says that it is large and comes through the store, it is asked for again, from a store of its own: the others' is not its to hold.
    async fn download<F, W>(&self, range: Option<ByteRange>, parameters: F::Parameters, size: fn(&W) -> u64) -> Outcome<(W, Body)>
    where
        F: Function<Answer = Result<(W, StreamReader<u8>, End), WitFailure>> + Send,
        F::Parameters: Clone,
        W: Send + 'static,
    {
        let known = range.and_then(|range| range.length);
        let call = Download::<F>::new(parameters.clone());
        let ((mut record, mut downloaded), mut by) = self.slot.call(call, self.how(known.unwrap_or(0), false)).await?;
        let left = size(&record).saturating_sub(range.map_or(0, |range| range.offset));
        if known.is_none() && downloaded.piped && !by.prepared.exclusive && left >= self.slot.limits().large_bytes {
            drop(downloaded);
            let call = Download::<F>::new(parameters);
            ((record, downloaded), by) = self.slot.call(call, self.how(left, false)).await?;
        }
        let body = cancelled::body(downloaded.body, self.job.as_ref());
        let body = claims::body(body, size(&record), range, Accused::<F>::new(by));
        Ok((record, body))
    }
}

/// Who answers for a body that is not what its record promised.
pub(crate) struct Accused<F>(Arc<Incarnation>, PhantomData<fn() -> F>);

impl<F: Function> Accused<F> {
    fn new(by: Arc<Incarnation>) -> Self {
        Self(by, PhantomData)
    }
}

impl<F: Function> claims::Answerable for Accused<F> {
    fn answer_for(&self, failure: Failure) -> Failure {
        self.0.claim_failure::<F>(failure)
    }
}
