//! The runtime as the rest of the host sees it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, Weak};

use capstan_domain::Outcome;
use capstan_domain::failure::{Failure, Kind};
use capstan_domain::ids::TargetId;
use capstan_domain::plugin::{PluginVersion, VersionState};
use capstan_domain::ports::{Connection, StateStore, Targets};
use capstan_grants::Policy;
use tokio::runtime::Handle as Threads;
use tokio::sync::{Semaphore, broadcast, mpsc};
use wasmtime::component::Linker;

use crate::compiler::Compiler;
use crate::faults::Verdict;
use crate::gate::{Signatures, Verifier};
use crate::limits::Limits;
use crate::linker::linker;
use crate::machine::{Alarm, Machine};
use crate::metrics::Metrics;
use crate::ports::Handle;
use crate::reach::Unreached;
use crate::registry::Registry;
use crate::state::StoreState;
use crate::target::{TargetSlot, TargetStatus};
use crate::vault::Vault;
use crate::{engine, supervisor};

/// Events waiting for a slow reader; older ones are lost to it, and it is told so.
const EVENTS: usize = 256;
/// Crashes waiting for the supervisor.
const ALARMS: usize = 64;

pub struct RuntimeOptions {
    /// Where components and compiled code are kept; made if absent, for the service's user alone.
    pub directory: PathBuf,
    pub limits: Limits,
    /// Limits of what plugins import.
    pub services: capstan_services::Limits,
    pub policy: Policy,
    pub signatures: Signatures,
    pub state: Arc<dyn StateStore>,
}

/// What the runtime did by itself, or kept a plugin from doing.
#[derive(Clone, Debug)]
pub enum Event {
    /// A version failed its health window; the one before serves again.
    RolledBack { plugin: String, from: String, to: String, failure: Failure },
    /// A plugin asked for what its target was not granted. The failure names the target and the command that would allow it.
    Denied { failure: Failure },
    /// A version used up its restart budget; its targets are unavailable until somebody activates one.
    Quarantined { plugin: String, version: String, failure: Failure },
}

pub struct Runtime {
    pub(crate) machine: Arc<Machine>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) verifier: Arc<Verifier>,
    /// By digest: held by whoever takes these bytes through the gate, or forgets them.
    pub(crate) installing: std::sync::Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
    pub(crate) compiler: Compiler,
    pub(crate) linker: Linker<StoreState>,
    pub(crate) registry: Registry,
    pub(crate) targets: RwLock<HashMap<TargetId, Arc<TargetSlot>>>,
    /// Held by whoever changes what is installed or active.
    pub(crate) changes: tokio::sync::Mutex<()>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) state: Arc<dyn StateStore>,
    pub(crate) services: capstan_services::Limits,
    pub(crate) events: broadcast::Sender<Event>,
    threads: Option<tokio::runtime::Runtime>,
}

impl Runtime {
    /// Starts the engine and the guests' own threads. Nothing is loaded yet. Where this is called inside an async runtime, that runtime is
    /// taken for the one that does the host's work: its threads may take the first step of the calls they make.
    pub fn new(options: RuntimeOptions) -> Outcome<Arc<Self>> {
        let RuntimeOptions { directory, limits, services, policy, signatures, state } = options;
        let verifier = Arc::new(Verifier::new(&signatures)?);
        limits.check()?;
        let engine = engine::start(&limits)?;
        let vault = Arc::new(Vault::open(&directory, engine::fingerprint(&engine))?);
        let metrics = Arc::new(Metrics::default());
        let compiler = Compiler::start(engine.clone(), Arc::clone(&vault), Arc::clone(&metrics), &limits)?;
        let linker = linker(&engine)
            .map_err(|error| Failure::host("The imports of plugins do not fit together.", format!("{error:#}")))?;
        let threads = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(limits.guest_threads())
            .thread_name("capstan-guest")
            .enable_all()
            .build()
            .map_err(|error| Failure::host("The threads of guests do not start.", error))?;
        let (alarms, heard) = mpsc::channel(ALARMS);
        let stores = Arc::new(Semaphore::new(usize::try_from(limits.stores).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)));
        let machine = Arc::new(Machine {
            engine,
            limits: limits.clone(),
            metrics,
            guests: threads.handle().clone(),
            work: Threads::try_current().ok().map(|here| here.id()),
            stores,
            alarms,
        });
        let runtime = Arc::new(Self {
            machine,
            limits: Arc::new(limits),
            vault,
            verifier,
            installing: std::sync::Mutex::default(),
            compiler,
            linker,
            registry: Registry::default(),
            targets: RwLock::default(),
            changes: tokio::sync::Mutex::default(),
            policy: Arc::new(policy),
            state,
            services,
            events: broadcast::channel(EVENTS).0,
            threads: Some(threads),
        });
        runtime.machine.guests.spawn(supervisor::watch(Arc::downgrade(&runtime), heard));
        Ok(runtime)
    }

    pub fn metrics(&self) -> &Metrics {
        &self.machine.metrics
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What the runtime does by itself from now on.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Installed versions, refused ones among them, by plugin and age.
    pub fn versions(&self, plugin: Option<&str>) -> Vec<PluginVersion> {
        self.registry.records(plugin)
    }

    pub fn status(&self, target: TargetId) -> Option<TargetStatus> {
        self.slot(target).map(|slot| slot.status())
    }

    /// Since when a target is not reached, and why, as its calls tell; none: it is, or nobody has asked it.
    pub fn unreached(&self, target: TargetId) -> Option<Unreached> {
        self.slot(target).and_then(|slot| slot.reach().unreached())
    }

    /// Targets that serve and that a probe may tell something new of: what is away and may come back, and what no call has asked yet.
    pub fn worth_a_look(&self) -> Vec<TargetId> {
        let targets = self.targets.read().unwrap_or_else(PoisonError::into_inner);
        let serves = |slot: &TargetSlot| matches!(slot.status(), TargetStatus::Serving { .. });
        targets.iter().filter(|(_, slot)| serves(slot) && slot.reach().is_worth_a_look()).map(|(id, _)| *id).collect()
    }

    /// The target's connection, if it was opened.
    pub fn connection(&self, target: TargetId) -> Option<Arc<dyn Connection>> {
        self.slot(target).map(|slot| Arc::new(Handle::new(slot)) as Arc<dyn Connection>)
    }

    pub(crate) fn slot(&self, target: TargetId) -> Option<Arc<TargetSlot>> {
        self.targets.read().unwrap_or_else(PoisonError::into_inner).get(&target).cloned()
    }

    pub(crate) fn slots_of(&self, plugin: &str) -> Vec<Arc<TargetSlot>> {
        let targets = self.targets.read().unwrap_or_else(PoisonError::into_inner);
        targets.values().filter(|slot| slot.settings().plugin == plugin).cloned().collect()
    }

    pub(crate) fn announce(&self, event: Event) {
        // Nobody may listen.
        let _ = self.events.send(event);
    }

    /// What follows from a version's crashes.
    pub(crate) async fn judge(&self, alarm: Alarm) {
        let Alarm { prepared, verdict, failure } = alarm;
        let (plugin, version) = (prepared.description.id.clone(), prepared.description.version.clone());
        let _changing = self.changes.lock().await;
        let active = self.registry.active(&plugin).as_deref() == Some(version.as_str());
        let quarantined = VersionState::Quarantined { failure: failure.clone() };
        if active && prepared.ledger.on_trial() {
            // Only the version that is on trial: the news may be old.
            if let Some(to) = self.registry.before(&plugin) {
                prepared.quarantined.store(Some(Arc::new(failure.clone())));
                if self.switch(&plugin, &to, quarantined).await.is_ok() {
                    crate::metrics::count(&self.machine.metrics.rollbacks);
                    self.announce(Event::RolledBack { plugin, from: version, to, failure });
                }
                return;
            }
        }
        if verdict != Verdict::Exhausted {
            return;
        }
        if self.registry.record(&plugin, &version).is_some_and(|record| !matches!(record.state, VersionState::Quarantined { .. }))
        {
            crate::metrics::count(&self.machine.metrics.quarantines);
            self.registry.set_state(&plugin, &version, quarantined);
            self.announce(Event::Quarantined { plugin, version, failure });
        }
    }
}

#[async_trait::async_trait]
impl Targets for Runtime {
    async fn connect(&self, target: TargetId) -> Outcome<Arc<dyn Connection>> {
        self.connection(target).ok_or_else(|| {
            Failure::new(Kind::NotFound, "There is no such target.").at(|origin| origin.target = Some(target.to_string()))
        })
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // Dropping a runtime inside of another one would block its thread.
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}
