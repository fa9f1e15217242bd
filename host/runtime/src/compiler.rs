//! Compiles components on threads of their own, off every request's path, and remembers the result.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use capstan_domain::Outcome;
use capstan_domain::failure::{Blame, Failure, Kind, Retry};
use tokio::sync::oneshot;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::limits::Limits;
use crate::metrics::{Metrics, count};
use crate::vault::Vault;

type Work = Box<dyn FnOnce() + Send>;

/// A bounded queue before a few threads.
pub(crate) struct Compiler {
    queue: SyncSender<Work>,
    engine: Engine,
    vault: Arc<Vault>,
    metrics: Arc<Metrics>,
}

impl Compiler {
    pub(crate) fn start(engine: Engine, vault: Arc<Vault>, metrics: Arc<Metrics>, limits: &Limits) -> Outcome<Self> {
        let (queue, work) = sync_channel::<Work>(limits.compile_queue);
        let work = Arc::new(Mutex::new(work));
        for number in 0..limits.compile_threads() {
            let work = Arc::clone(&work);
            std::thread::Builder::new()
                .name(format!("capstan-compile-{number}"))
                .spawn(move || while next(&work).map(|work| work()).is_some() {})
                .map_err(|error| Failure::host("The compile threads do not start.", error))?;
        }
        Ok(Self { queue, engine, vault, metrics })
    }

    /// Runs `work` on one of the threads.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Outcome<T> + Send + 'static) -> Outcome<T> {
        let (reply, answer) = oneshot::channel();
        let job: Work = Box::new(move || {
            let _ = reply.send(work());
        });
        self.queue.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => Failure::new(Kind::Busy, "Too many plugins are being compiled.")
                .with_retry(Retry::Later)
                .with_blame(Blame::Host)
                .with_code("compile-queue-full"),
            TrySendError::Disconnected(_) => Failure::host("The compile threads are gone.", "disconnected"),
        })?;
        answer.await.map_err(|_| Failure::host("The compiler crashed on this component.", "compile thread panicked"))?
    }

    /// The component ready to link: from the cache if it is there and good, else compiled now. `bytes`: none reads them from the vault.
    pub(crate) async fn component(&self, digest: &str, bytes: Option<bytes::Bytes>) -> Outcome<Component> {
        let (engine, vault, metrics, digest) =
            (self.engine.clone(), Arc::clone(&self.vault), Arc::clone(&self.metrics), digest.to_owned());
        self.run(move || {
            if let Some(component) = cached(&engine, &vault, &digest) {
                count(&metrics.cache_hits);
                return Ok(component);
            }
            let bytes = match bytes {
                Some(bytes) => bytes,
                None => vault.read(&digest)?.into(),
            };
            count(&metrics.compiles);
            let component = Component::from_binary(&engine, &bytes).map_err(|error| {
                Failure::invalid("The component cannot be compiled.")
                    .with_blame(Blame::Plugin)
                    .with_code("compile-failed")
                    .with_detail(format!("{error:#}"))
                    .with_next_step("Rebuild it with a toolchain that this host's documentation names.")
            })?;
            // The cache only saves time: what cannot be kept is compiled again next time.
            match component.serialize() {
                Ok(code) => {
                    if let Err(error) = vault.keep_compiled(&digest, &code) {
                        tracing::warn!(%digest, %error, "compiled code could not be cached");
                    }
                }
                Err(error) => tracing::warn!(%digest, error = %format!("{error:#}"), "compiled code could not be serialized"),
            }
            Ok(component)
        })
        .await
    }
}

fn next(work: &Mutex<Receiver<Work>>) -> Option<Work> {
    work.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

fn cached(engine: &Engine, vault: &Vault, digest: &str) -> Option<Component> {
    let code = vault.read_compiled(digest)?;
    #[expect(
        unsafe_code,
        reason = "compiled code is trusted: this host wrote it, hashed, into a directory that only its own user can write to, and wasmtime checks version and settings"
    )]
    // SAFETY: the bytes are what `Component::serialize` of this host answered, and are in memory of our own.
    let loaded = unsafe { Component::deserialize(engine, &code) };
    loaded
        .inspect_err(|error| tracing::warn!(%digest, error = %format!("{error:#}"), "cached code is not usable; compiling again"))
        .ok()
}
