//! The domain's ports over a target's plugin: records converted, bytes routed, claims checked.

mod claims;
mod connection;
mod files;
mod objects;
mod uploads;

use std::sync::Arc;

use capstan_bindings::function::Function;
use capstan_bindings::latest::WitFailure;
use capstan_domain::Outcome;
use capstan_domain::content::{Body, Content};
use wasmtime::component::{FutureReader, Resource, StreamReader};

use crate::call::{Download, Plain, Upload};
use crate::incarnation::How;
use crate::target::TargetSlot;
use capstan_bindings::content::HeldContent;

/// A target as its callers hold it. Stays good over swaps, crashes and new configurations.
#[derive(Clone)]
pub(crate) struct Handle(pub(crate) Arc<TargetSlot>);

/// The end of a body, as the contract has it.
type End = FutureReader<Result<(), WitFailure>>;

impl Handle {
    async fn ask<F, W>(&self, parameters: F::Parameters) -> Outcome<W>
    where
        F: Function<Answer = Result<W, WitFailure>> + Send,
        W: Send + 'static,
    {
        self.0.call(Plain::<F>::new(parameters), How::default()).await
    }

    async fn change<F, W>(&self, parameters: F::Parameters) -> Outcome<W>
    where
        F: Function<Answer = Result<W, WitFailure>> + Send,
        W: Send + 'static,
    {
        self.0.call(Plain::<F>::new(parameters), How { bytes: 0, mutates: true }).await
    }

    async fn upload<F, W>(
        &self,
        content: Content,
        bytes: u64,
        make: impl FnOnce(Resource<HeldContent>) -> F::Parameters + Send + 'static,
    ) -> Outcome<W>
    where
        F: Function<Answer = Result<W, WitFailure>> + Send,
        W: Send + 'static,
    {
        self.0.call(Upload::<F>::new(content, make), How { bytes, mutates: true }).await
    }

    async fn download<F, W>(&self, bytes: u64, parameters: F::Parameters) -> Outcome<(W, Body)>
    where
        F: Function<Answer = Result<(W, StreamReader<u8>, End), WitFailure>> + Send,
        W: Send + 'static,
    {
        self.0.call(Download::<F>::new(parameters), How { bytes, mutates: false }).await
    }
}

/// Bytes a download is known to move before it is asked for. A body of unknown length goes to a long-lived store: handed on, it leaves
/// the store at once; made by the guest, it needs one of these anyway to find its state.
fn known(range: Option<capstan_domain::ports::ByteRange>) -> u64 {
    range.and_then(|range| range.length).unwrap_or(0)
}
