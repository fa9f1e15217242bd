//! Plugins: passed through the load gate, kept with every refusal, switched while targets serve.
//!
//! The catalogue remembers what was installed and which version is active; the runtime holds what runs. At start each remembered
//! version is adopted, so a broken one leaves its targets unavailable and everything else untouched.

mod bundled;
mod events;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use capstan_catalogue::Catalogue;
use capstan_domain::content::Body;
use capstan_domain::identity::Caller;
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::plugin::{PluginVersion, VersionState};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Kind, Outcome};
use capstan_runtime::Runtime;
use futures::StreamExt;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use tokio::sync::{Mutex, Semaphore};

use crate::audit::Audit;
use crate::settings::{PluginSettings, Settings};

/// Components in memory at once; more wait on the disk.
const INSTALLS_AT_ONCE: usize = 2;
/// Refusals that are kept; the oldest go.
const REFUSALS_MAX: usize = 100;

#[derive(Clone)]
pub struct Plugins {
    catalogue: Catalogue,
    audit: Audit,
    runtime: Arc<Runtime>,
    settings: PluginSettings,
    /// Bytes of a component.
    bytes_max: u64,
    /// Components on their way in.
    incoming: PathBuf,
    turns: Arc<Semaphore>,
    /// Denials of plugins that were written down a moment ago.
    denials: Arc<Mutex<HashMap<String, Instant>>>,
}

impl Plugins {
    pub(crate) fn new(
        catalogue: Catalogue,
        audit: Audit,
        runtime: Arc<Runtime>,
        settings: &Settings,
        data: &Path,
    ) -> Outcome<Self> {
        let incoming = data.join("incoming");
        // What a killed process left behind is of no use to anyone.
        drop(std::fs::remove_dir_all(&incoming));
        std::fs::create_dir_all(&incoming).map_err(|error| Failure::host("the directory for uploads cannot be made", error))?;
        Ok(Self {
            catalogue,
            audit,
            runtime,
            settings: settings.plugins.clone(),
            bytes_max: settings.guests.component_bytes as u64,
            incoming,
            turns: Arc::new(Semaphore::new(INSTALLS_AT_ONCE)),
            denials: Arc::default(),
        })
    }

    /// Every version that is kept, and every refusal, newest first.
    pub async fn list(&self) -> Outcome<Vec<PluginVersion>> {
        self.catalogue.plugin_versions(None).await
    }

    /// The versions of one plugin, newest first.
    pub async fn versions(&self, plugin: &str) -> Outcome<Vec<PluginVersion>> {
        let mut versions = self.catalogue.plugin_versions(Some(plugin)).await?;
        versions.retain(|version| !matches!(version.state, VersionState::Refused { .. }));
        if versions.is_empty() {
            return Err(Failure::not_found(format!("there is no plugin {plugin}")).with_code("not-found"));
        }
        Ok(versions)
    }

    /// Takes a component from the stream, with the content of its `.minisig` file where it has one. The first version of a plugin
    /// becomes active.
    pub async fn install(&self, caller: &Caller, component: Body, signature: Option<Bytes>) -> Outcome<PluginVersion> {
        let file = self.receive(component).await?;
        let _turn = self.turns.acquire().await.map_err(|error| Failure::host("the host is shutting down", error))?;
        let bytes =
            tokio::fs::read(file.path()).await.map_err(|error| Failure::host("the component could not be read back", error))?;
        drop(file);
        match self.pass(Bytes::from(bytes), signature, Some(caller.name.clone())).await {
            Ok(version) => {
                let detail = json!({ "version": version.version, "digest": version.digest });
                self.audit.done(caller, "install", "plugin", &version.plugin, detail).await?;
                Ok(version)
            }
            Err(failure) => {
                let detail = json!({ "failure": failure.message, "code": failure.code });
                self.audit.denied(Some(caller.name.clone()), "install", "plugin", "component", detail).await;
                Err(failure)
            }
        }
    }

    pub async fn activate(&self, caller: &Caller, plugin: &str, version: &str) -> Outcome<()> {
        self.one(plugin, version).await?;
        let activation = self.runtime.activate(plugin, version).await?;
        self.remember_active(plugin, &activation.to).await?;
        let detail = json!({ "from": activation.from, "to": activation.to });
        self.audit.done(caller, "activate", "plugin", plugin, detail).await
    }

    pub async fn roll_back(&self, caller: &Caller, plugin: &str) -> Outcome<()> {
        self.versions(plugin).await?;
        let activation = self.runtime.rollback(plugin).await?;
        self.remember_active(plugin, &activation.to).await?;
        let detail = json!({ "from": activation.from, "to": activation.to });
        self.audit.done(caller, "rollback", "plugin", plugin, detail).await
    }

    /// One version, or with `None` the whole plugin; never one that a target needs.
    pub async fn remove(&self, caller: &Caller, plugin: &str, version: Option<&str>) -> Outcome<()> {
        let versions = self.versions(plugin).await?;
        let chosen: Vec<&PluginVersion> = match version {
            None => versions.iter().collect(),
            Some(version) => versions.iter().filter(|known| known.version == version).collect(),
        };
        if chosen.is_empty() {
            return Err(missing(plugin, version.unwrap_or_default()));
        }
        for version in &chosen {
            self.unused(version).await?;
        }
        for version in &chosen {
            self.runtime.remove(plugin, &version.version).await?;
            self.catalogue.delete_plugin_version(&version.digest).await?;
            let detail = json!({ "version": version.version, "digest": version.digest });
            self.audit.done(caller, "remove", "plugin", plugin, detail).await?;
        }
        Ok(())
    }

    /// Gives the runtime what the catalogue remembers. A version that cannot be loaded is noted and left.
    pub(crate) async fn adopt_all(&self) -> Outcome<()> {
        for version in self.catalogue.plugin_versions(None).await? {
            if !matches!(version.state, VersionState::Refused { .. }) {
                self.adopt(&version).await;
            }
        }
        Ok(())
    }

    /// Gives the runtime a version as the catalogue has it.
    pub(crate) async fn adopt(&self, version: &PluginVersion) {
        if let Err(failure) = self.runtime.adopt(version).await {
            tracing::error!(plugin = version.plugin, version = version.version, %failure, detail = failure.detail, "a plugin cannot be loaded");
        }
    }

    /// The load gate; what comes of it is kept either way.
    async fn pass(&self, bytes: Bytes, signature: Option<Bytes>, by: Option<String>) -> Outcome<PluginVersion> {
        let digest = digest(&bytes);
        if !self.settings.trusted_digests.is_empty() && !self.settings.trusted_digests.contains(&digest) {
            return Err(Failure::new(Kind::Denied, format!("the component {digest} is not among the digests this host trusts"))
                .with_code("untrusted")
                .with_next_step("add it to plugins.trusted-digests in the host's configuration"));
        }
        let mut version = match self.runtime.install_signed(bytes, signature, by).await {
            Ok(version) => version,
            Err(refusal) => {
                self.keep_refusal(refusal.version).await?;
                return Err(refusal.failure);
            }
        };
        self.catalogue.put_plugin_version(&version).await?;
        let first = !self.versions(&version.plugin).await?.iter().any(|known| known.state == VersionState::Active);
        if first {
            let activation = self.runtime.activate(&version.plugin, &version.version).await?;
            version = self.remember_active(&version.plugin, &activation.to).await?;
        }
        Ok(version)
    }

    /// A refusal never takes the place of a version that was installed.
    async fn keep_refusal(&self, refused: PluginVersion) -> Outcome<()> {
        let all = self.catalogue.plugin_versions(None).await?;
        let is_refusal = |version: &&PluginVersion| matches!(version.state, VersionState::Refused { .. });
        if all.iter().any(|known| known.digest == refused.digest && !is_refusal(&known)) {
            return Ok(());
        }
        for old in all.iter().filter(is_refusal).skip(REFUSALS_MAX - 1) {
            self.catalogue.delete_plugin_version(&old.digest).await?;
        }
        self.catalogue.put_plugin_version(&refused).await
    }

    async fn receive(&self, mut component: Body) -> Outcome<Incoming> {
        let incoming = Incoming(self.incoming.join(capstan_domain::ids::JobId::new().to_string()));
        let fault = |error: std::io::Error| Failure::host("the component could not be taken in", error);
        let mut file = tokio::fs::File::create(incoming.path()).await.map_err(fault)?;
        let mut size = 0_u64;
        while let Some(chunk) = component.next().await {
            let chunk = chunk?;
            size += chunk.len() as u64;
            if size > self.bytes_max {
                return Err(self.too_large());
            }
            file.write_all(&chunk).await.map_err(fault)?;
        }
        file.flush().await.map_err(fault)?;
        Ok(incoming)
    }

    fn too_large(&self) -> Failure {
        Failure::invalid(format!("a component has at most {} bytes", self.bytes_max))
            .with_code("too-large")
            .with_next_step("make it smaller, or raise guests.component-bytes in the host's configuration")
    }

    async fn one(&self, plugin: &str, version: &str) -> Outcome<PluginVersion> {
        let versions = self.versions(plugin).await?;
        versions.into_iter().find(|known| known.version == version).ok_or_else(|| missing(plugin, version))
    }

    async fn remember_active(&self, plugin: &str, version: &str) -> Outcome<PluginVersion> {
        let version = self.one(plugin, version).await?;
        self.catalogue.activate_plugin_version(plugin, &version.digest, Timestamp::now()).await
    }

    async fn unused(&self, version: &PluginVersion) -> Outcome<()> {
        let listing = Listing::first(1).with("plugin", Operator::Equal, &version.plugin);
        let users = if version.state == VersionState::Active {
            self.catalogue.targets(&listing).await?
        } else {
            self.catalogue.targets(&listing.with("pinned", Operator::Equal, &version.version)).await?
        };
        match users.items.first() {
            None => Ok(()),
            Some(target) => Err(Failure::new(
                Kind::Conflict,
                format!("target {} uses plugin {} {}", target.name, version.plugin, version.version),
            )
            .with_code("in-use")
            .with_next_step("activate another version, or remove the target")),
        }
    }
}

/// SHA-256, hex: the name of a component everywhere.
fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A component on its way in; its file goes with it.
struct Incoming(PathBuf);

impl Incoming {
    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

fn missing(plugin: &str, version: &str) -> Failure {
    Failure::not_found(format!("there is no plugin {plugin} {version}")).with_code("not-found")
}
