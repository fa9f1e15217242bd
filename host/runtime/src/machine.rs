//! What all stores share: the engine, the threads guests run on, the number of stores there may be, the limits and the counts.

use std::sync::Arc;

use capstan_domain::failure::{Blame, Failure, Kind};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::runtime::{EnterGuard, Handle};
use tokio::sync::{Semaphore, mpsc};
use wasmtime::Engine;

use crate::call::{Seat, Task};
use crate::faults::{Verdict, broken};
use crate::limits::Limits;
use crate::metrics::{Metrics, count};
use crate::prepared::Prepared;
use crate::state::{Usage, new_store};
use capstan_services::TargetServices;

/// A version crashed once too often; the supervisor decides what follows.
pub(crate) struct Alarm {
    pub prepared: Arc<Prepared>,
    pub verdict: Verdict,
    pub failure: Failure,
}

pub(crate) struct Machine {
    pub engine: Engine,
    pub limits: Limits,
    pub metrics: Arc<Metrics>,
    pub guests: Handle,
    /// The runtime this one was started on: its threads do work, so they may take a guest's first step. No other's may: what serves
    /// requests is never lent to a guest.
    pub work: Option<tokio::runtime::Id>,
    pub stores: Arc<Semaphore>,
    pub alarms: mpsc::Sender<Alarm>,
}

enum End {
    Broken(wasmtime::Error),
    Stopped(Failure),
}

impl Machine {
    /// May this thread take a guest's first step? If so, timers and sockets made meanwhile are the guests' runtime's.
    pub(crate) fn lends_a_hand(&self) -> Option<EnterGuard<'_>> {
        let here = Handle::try_current().ok()?.id();
        (self.work == Some(here)).then(|| self.guests.enter())
    }

    /// Makes a store, runs `work` in it and drops it, at once when it broke or when `stop` ends first. Answers why, unless the work was
    /// simply done. The store is the fault domain: nothing of it is used again.
    pub(crate) async fn live(
        &self,
        prepared: &Arc<Prepared>,
        services: Arc<TargetServices>,
        usage: Arc<Usage>,
        work: Task,
        stop: BoxFuture<'static, Failure>,
    ) -> Option<Failure> {
        let permit = match tokio::time::timeout(self.limits.queue_wait, Arc::clone(&self.stores).acquire_owned()).await {
            Ok(Ok(permit)) => permit,
            _ => {
                count(&self.metrics.busy);
                return Some(
                    Failure::new(Kind::Busy, "All stores for plugins are in use.")
                        .with_blame(Blame::Host)
                        .with_code("stores-exhausted")
                        .with_next_step("Try again later, or raise the limit `stores`."),
                );
            }
        };
        let mut store = new_store(self, services, usage);
        let end = {
            let run = async {
                let starting = prepared.linked.pre.instantiate_async(&mut store);
                let instance = match tokio::time::timeout(self.limits.describe_deadline, starting).await {
                    Ok(instance) => instance.map_err(End::Broken)?,
                    Err(_) => return Err(End::Broken(wasmtime::Error::msg("it did not start in time"))),
                };
                let seat = Seat::new(Arc::clone(prepared), instance);
                store.run_concurrent(async |accessor| work(accessor, &seat).await).await.flatten().map_err(End::Broken)
            }
            .boxed();
            tokio::select! {
                biased;
                end = run => end,
                failure = stop => Err(End::Stopped(failure)),
            }
        };
        let failure = match end {
            Ok(()) => None,
            Err(End::Stopped(failure)) => Some(prepared.sign(failure)),
            Err(End::Broken(error)) => {
                let failure = prepared.sign(broken(&error, store.data(), &self.limits));
                // First the store goes, and with it every connection it held; then the world hears of it.
                drop(store);
                drop(permit);
                self.crashed(prepared, &failure);
                return Some(failure);
            }
        };
        drop(store);
        drop(permit);
        failure
    }

    fn crashed(&self, prepared: &Arc<Prepared>, failure: &Failure) {
        count(&self.metrics.traps);
        tracing::warn!(
            plugin = prepared.description.id,
            version = prepared.description.version,
            code = failure.code,
            detail = failure.detail,
            "{}",
            failure.message
        );
        let verdict = prepared.ledger.crashed(&self.limits);
        self.judge(prepared, verdict, failure);
    }

    /// A call was answered with something that speaks against the plugin, though its store lives on.
    pub(crate) fn blamed(&self, prepared: &Arc<Prepared>, failure: &Failure) {
        count(&self.metrics.plugin_faults);
        self.judge(prepared, prepared.ledger.blamed(&self.limits), failure);
    }

    fn judge(&self, prepared: &Arc<Prepared>, verdict: Verdict, failure: &Failure) {
        if verdict == Verdict::Exhausted && prepared.quarantined.load().is_none() {
            prepared.quarantined.store(Some(Arc::new(failure.clone())));
        }
        if verdict != Verdict::Bearable {
            // A full queue means that the supervisor is busy with the same news.
            let _ = self.alarms.try_send(Alarm { prepared: Arc::clone(prepared), verdict, failure: failure.clone() });
        }
    }
}
