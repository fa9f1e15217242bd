//! Installing, activating, rolling back and removing versions.

use std::sync::{Arc, PoisonError, Weak};

use bytes::Bytes;
use capstan_bindings::latest;
use capstan_domain::Outcome;
use capstan_domain::failure::{Blame, Failure, Kind};
use capstan_domain::plugin::{Description, Facet, PluginVersion, VersionState};
use capstan_domain::time::Timestamp;
use capstan_grants::Grants;
use capstan_services::log::Speaker;
use capstan_services::{Settings, TargetServices};
use tokio::sync::OwnedMutexGuard;

use crate::gate;
use crate::metrics::count;
use crate::prepared::{Linked, Prepared};
use crate::runtime::Runtime;
use crate::target::Current;
use crate::vault;

/// Hex digits of a digest that tell two builds of one version apart.
const BUILD_DIGITS: usize = 8;

/// The load gate's no, with what was learned before it.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// In state `Refused`. What the gate did not get to know is empty.
    pub version: PluginVersion,
    pub failure: Failure,
}

/// A change of the active version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    pub from: Option<String>,
    pub to: String,
}

impl Runtime {
    /// Takes a component through the load gate. It is idle then, until it is activated. The same bytes again are no change.
    pub async fn install(&self, bytes: Bytes, by: Option<String>) -> Result<PluginVersion, Box<Refusal>> {
        self.install_signed(bytes, None, by).await
    }

    /// The same with the component's detached signature, the content of its `.minisig` file.
    pub async fn install_signed(
        &self,
        bytes: Bytes,
        signature: Option<Bytes>,
        by: Option<String>,
    ) -> Result<PluginVersion, Box<Refusal>> {
        let mut version = PluginVersion {
            plugin: String::new(),
            version: String::new(),
            digest: String::new(),
            size: bytes.len() as u64,
            track: String::new(),
            facets: Vec::new(),
            imports: Vec::new(),
            description: None,
            state: VersionState::Idle,
            installed: Timestamp::now(),
            installed_by: by,
            activated: None,
        };
        self.pass(bytes, signature, &mut version).await.map_err(|failure| {
            let failure = failure.at(|origin| {
                let known = |text: &String| (!text.is_empty()).then(|| text.clone());
                origin.plugin = origin.plugin.take().or_else(|| known(&version.plugin));
                origin.version = origin.version.take().or_else(|| known(&version.version));
                origin.digest = origin.digest.take().or_else(|| known(&version.digest));
            });
            version.state = VersionState::Refused { failure: failure.clone() };
            Box::new(Refusal { version: version.clone(), failure })
        })
    }

    /// The gate, in order; `version` is filled in on the way.
    async fn pass(&self, bytes: Bytes, signature: Option<Bytes>, version: &mut PluginVersion) -> Outcome<PluginVersion> {
        let most = self.limits.component_bytes;
        if bytes.len() > most {
            return Err(Failure::invalid(format!("The component has {} bytes; this host takes {most} at most.", bytes.len()))
                .with_code("component-too-large")
                .with_next_step("Strip its debug information, or raise the limit `component_bytes`."));
        }
        let (verifier, file, signed) = (Arc::clone(&self.verifier), bytes.clone(), signature.clone());
        let (digest, judged) =
            self.compiler.run(move || Ok((vault::digest(&file), verifier.judge(&file, signed.as_deref())))).await?;
        version.digest.clone_from(&digest);
        judged?;
        // The same bytes twice at a time are looked through once; the second finds them installed.
        let _alone = self.alone_with(&digest).await;
        if let Some(known) = self.registry.by_digest(&digest) {
            if let Some(signature) = signature {
                self.vault.keep_signature(&digest, &signature)?;
            }
            return Ok(known);
        }
        let passed = self.look_through(bytes, signature, version).await;
        let (linked, description) = match passed {
            Ok(passed) => passed,
            Err(failure) => {
                if self.registry.by_digest(&digest).is_none() {
                    // A refused component is kept by what is known of it, not by its bytes.
                    self.vault.remove(&digest)?;
                }
                return Err(failure);
            }
        };
        let _changing = self.changes.lock().await;
        let description = self.named_apart(description, &digest);
        version.version.clone_from(&description.version);
        version.description = Some(description.clone());
        let prepared = Prepared::new(linked, description, digest, version.facets.clone());
        self.registry.insert(version.clone(), Ok(prepared));
        Ok(version.clone())
    }

    /// Whether the component of this digest is installed and can run.
    pub fn holds(&self, digest: &str) -> bool {
        self.registry.by_digest(digest).is_some()
    }

    /// Waits until nobody else installs or forgets these bytes.
    async fn alone_with(&self, digest: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut installing = self.installing.lock().unwrap_or_else(PoisonError::into_inner);
            installing.retain(|_, turn| turn.strong_count() > 0);
            match installing.get(digest).and_then(Weak::upgrade) {
                Some(turn) => turn,
                None => {
                    let turn = Arc::default();
                    installing.insert(digest.to_owned(), Arc::downgrade(&turn));
                    turn
                }
            }
        };
        turn.lock_owned().await
    }

    async fn look_through(
        &self,
        bytes: Bytes,
        signature: Option<Bytes>,
        version: &mut PluginVersion,
    ) -> Outcome<(Linked, Description)> {
        let (vault, file, digest) = (Arc::clone(&self.vault), bytes.clone(), version.digest.clone());
        let keep = move || {
            vault.keep(&digest, &file)?;
            signature.map_or(Ok(()), |signature| vault.keep_signature(&digest, &signature))?;
            gate::outline(&file)
        };
        let outline = self.compiler.run(keep).await?;
        version.imports.clone_from(&outline.imports);
        version.facets = gate::facets(&outline.exports);
        version.facets = gate::compare(&outline)?;
        latest::TRACK.clone_into(&mut version.track);
        let component = self.compiler.component(&version.digest, Some(bytes)).await?;
        let linked = Linked::new(&component, &self.linker)?;
        let description = self.describe(&linked, &version.facets).await?;
        version.plugin.clone_from(&description.id);
        version.version.clone_from(&description.version);
        version.description = Some(description.clone());
        Ok((linked, description))
    }

    /// Another build under the same version: both can be kept, and told apart.
    fn named_apart(&self, mut description: Description, digest: &str) -> Description {
        if self.registry.record(&description.id, &description.version).is_some_and(|other| other.digest != digest) {
            let separator = if description.version.contains('+') { '.' } else { '+' };
            let build: String = digest.chars().take(BUILD_DIGITS).collect();
            description.version = format!("{}{separator}{build}", description.version);
        }
        description
    }

    async fn describe(&self, linked: &Linked, facets: &[Facet]) -> Outcome<Description> {
        let services = TargetServices::new(Settings {
            speaker: Speaker::default(),
            configuration: serde_json::Value::Null,
            secrets: Vec::new(),
            grants: Arc::new(Grants::none("")),
            state: None,
            streams: Arc::clone(&self.machine.metrics.streams),
            connections: Arc::clone(&self.machine.metrics.connections),
            limits: self.services.clone(),
        });
        // On the guests' threads: it is a guest, if not yet one that is trusted to be a plugin.
        let (machine, linked, facets) = (Arc::clone(&self.machine), linked.clone(), facets.to_vec());
        let guests = machine.guests.clone();
        let run = guests.spawn(async move { gate::describe(&machine, &linked, &facets, services).await });
        run.await.map_err(|error| Failure::host("The description was lost.", error))?
    }

    /// Keeps a component that passed the gate of another host, so that a version of its digest can be adopted. Nothing runs of it before.
    pub async fn supply(&self, bytes: Bytes, signature: Option<Bytes>) -> Outcome<()> {
        let vault = Arc::clone(&self.vault);
        let keep = move || {
            let digest = vault::digest(&bytes);
            vault.keep(&digest, &bytes)?;
            signature.map_or(Ok(()), |signature| vault.keep_signature(&digest, &signature))
        };
        self.compiler.run(keep).await
    }

    /// Takes up a version that the catalogue knows, at the start. One that cannot run stays listed, and its targets say why.
    pub async fn adopt(&self, version: &PluginVersion) -> Outcome<()> {
        let prepared = match &version.state {
            VersionState::Refused { failure } => Err(failure.clone()),
            _ => self.prepare(version).await,
        };
        let outcome = match (&prepared, &version.state) {
            (Err(failure), VersionState::Active | VersionState::Idle) => Err(failure.clone()),
            _ => Ok(()),
        };
        if let (Ok(prepared), VersionState::Quarantined { failure }) = (&prepared, &version.state) {
            prepared.quarantined.store(Some(Arc::new(failure.clone())));
        }
        let _changing = self.changes.lock().await;
        self.registry.insert(version.clone(), prepared);
        if version.state == VersionState::Active {
            self.reopen(&version.plugin).await;
        }
        outcome
    }

    async fn prepare(&self, version: &PluginVersion) -> Outcome<Arc<Prepared>> {
        if self.verifier.looks() {
            // The policy may have become stricter since it was installed. What is read here has the digest that the code runs under.
            let (vault, verifier, digest) = (Arc::clone(&self.vault), Arc::clone(&self.verifier), version.digest.clone());
            let judge = move || verifier.judge(&vault.read(&digest)?, vault.read_signature(&digest).as_deref());
            self.compiler.run(judge).await?;
        }
        let component = self.compiler.component(&version.digest, None).await?;
        let linked = Linked::new(&component, &self.linker)?;
        let description = match &version.description {
            Some(description) => description.clone(),
            None => self.describe(&linked, &version.facets).await?,
        };
        Ok(Prepared::new(linked, description, version.digest.clone(), version.facets.clone()))
    }

    /// Makes a version serve. Every target of the plugin is opened and probed on it first; a failure leaves everything as it was.
    pub async fn activate(&self, plugin: &str, version: &str) -> Outcome<Activation> {
        let _changing = self.changes.lock().await;
        let prepared = self.registry.prepared(plugin, version)?;
        let from = self.registry.active(plugin);
        self.rehearse(plugin, &prepared).await?;
        prepared.quarantined.store(None);
        if from.as_deref() != Some(version) {
            let before = from.as_deref().and_then(|from| self.registry.prepared(plugin, from).ok());
            let record = before.map(|before| before.ledger.record()).unwrap_or_default();
            prepared.ledger.begin_trial(self.limits.health_window, record);
        }
        self.switch(plugin, version, VersionState::Idle).await?;
        Ok(Activation { from: from.filter(|from| from != version), to: version.to_owned() })
    }

    /// Back to the version that served before. It did serve, so nothing is asked first.
    pub async fn rollback(&self, plugin: &str) -> Outcome<Activation> {
        let _changing = self.changes.lock().await;
        let from = self.registry.active(plugin);
        let to = self.registry.before(plugin).ok_or_else(|| {
            Failure::new(Kind::Conflict, format!("Plugin {plugin} has no earlier version to go back to."))
                .with_code("no-earlier-version")
                .with_next_step(format!("See what is installed: capstan plugin list {plugin}"))
        })?;
        self.switch(plugin, &to, VersionState::Idle).await?;
        count(&self.machine.metrics.rollbacks);
        Ok(Activation { from, to })
    }

    /// Forgets a version that no target uses.
    pub async fn remove(&self, plugin: &str, version: &str) -> Outcome<()> {
        let unknown = || Failure::not_found(format!("Version {version} of plugin {plugin} is not installed."));
        let digest = self.registry.record(plugin, version).ok_or_else(unknown)?.digest;
        let _alone = self.alone_with(&digest).await;
        let _changing = self.changes.lock().await;
        let record = self.registry.record(plugin, version).ok_or_else(unknown)?;
        let in_use: Vec<String> = self
            .slots_of(plugin)
            .iter()
            .map(|slot| slot.settings())
            .filter(|settings| {
                settings.pinned.as_deref().map_or(record.state == VersionState::Active, |pinned| pinned == version)
            })
            .map(|settings| settings.name.clone())
            .collect();
        if !in_use.is_empty() {
            return Err(Failure::new(
                Kind::Conflict,
                format!("Version {version} of plugin {plugin} serves {}.", in_use.join(", ")),
            )
            .with_code("version-in-use")
            .with_blame(Blame::Caller)
            .with_next_step("Activate another version, or delete these targets, first."));
        }
        self.registry.remove(plugin, version);
        if self.registry.by_digest(&record.digest).is_none() {
            self.vault.remove(&record.digest)?;
        }
        Ok(())
    }

    /// Opens and probes every target of the plugin on a version that does not serve yet.
    async fn rehearse(&self, plugin: &str, prepared: &Arc<Prepared>) -> Outcome<()> {
        for slot in self.slots_of(plugin) {
            let settings = slot.settings();
            if settings.pinned.is_some() {
                continue;
            }
            let next = self.incarnate(&settings, prepared)?;
            // An exclusive session cannot be held twice, so its new store is tried only by the hand-over itself.
            let Ok(serving) = slot.current() else { continue };
            if prepared.exclusive || serving.prepared.exclusive {
                continue;
            }
            let probed = Self::probe(&next).await;
            next.stop();
            // A target that is down is no reason to keep an old version, unless the old one reaches it.
            if let Err(failure) = probed
                && (failure.kind == Kind::PluginFault || Self::probe(&serving).await.is_ok())
            {
                return Err(failure);
            }
        }
        Ok(())
    }

    /// Exchanges what serves the plugin's targets.
    pub(crate) async fn switch(&self, plugin: &str, version: &str, left: VersionState) -> Outcome<()> {
        let prepared = self.registry.prepared(plugin, version)?;
        self.registry.activate(plugin, version, left);
        count(&self.machine.metrics.swaps);
        for slot in self.slots_of(plugin) {
            let settings = slot.settings();
            if settings.pinned.is_none() {
                slot.exchange(self.incarnate(&settings, &prepared)).await;
            }
        }
        Ok(())
    }

    /// Gives targets that were opened before their plugin was there what they lack.
    async fn reopen(&self, plugin: &str) {
        for slot in self.slots_of(plugin) {
            if slot.current().is_err() {
                let settings = slot.settings();
                let next: Current = self.resolve(&settings).and_then(|prepared| self.incarnate(&settings, &prepared));
                slot.exchange(next).await;
            }
        }
    }
}
