//! A plugin under the real runtime, and targets of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use capstan_domain::failure::Failure;
use capstan_domain::grant::Power;
use capstan_domain::ids::TargetId;
use capstan_domain::plugin::{Description, PluginVersion};
use capstan_domain::ports::Connection;
use capstan_domain::secret::SecretText;
use capstan_grants::{Granted, Policy, requested};
use capstan_runtime::{Limits, Runtime, RuntimeOptions, TargetSettings};
use capstan_test_servers::compiled;

use crate::states::States;
use crate::told;

/// A plugin that passed the load gate, in a runtime of its own.
pub struct Loaded {
    pub runtime: Arc<Runtime>,
    pub version: PluginVersion,
    pub description: Description,
    // Compiled code lies in it as long as the runtime runs.
    _directory: tempfile::TempDir,
}

impl Loaded {
    /// The failure is the load gate's.
    pub async fn new(component: Bytes, limits: Limits, services: capstan_services::Limits) -> Result<Self, Failure> {
        Self::with_states(component, limits, services, Arc::default()).await
    }

    /// The same, over a state that other runtimes have as well.
    pub(crate) async fn with_states(
        component: Bytes,
        limits: Limits,
        services: capstan_services::Limits,
        states: Arc<States>,
    ) -> Result<Self, Failure> {
        let directory =
            tempfile::tempdir().map_err(|cause| Failure::host("There is no place for the runtime's files.", cause))?;
        compiled::lend(directory.path());
        let runtime = Runtime::new(RuntimeOptions {
            directory: directory.path().to_owned(),
            limits,
            services,
            policy: Policy::default(),
            signatures: capstan_runtime::Signatures::default(),
            state: states,
        })?;
        let version = runtime.install(component, None).await.map_err(|refusal| refusal.failure.clone())?;
        compiled::keep(directory.path());
        runtime.activate(&version.plugin, &version.version).await?;
        let description =
            version.description.clone().ok_or_else(|| Failure::host("The plugin says nothing of itself.", "no description"))?;
        Ok(Self { runtime, version, description, _directory: directory })
    }

    /// Settings of a new target with what its configuration grants, as far as `allowed` says yes.
    pub fn settings(
        &self,
        configuration: serde_json::Value,
        secrets: Vec<(String, SecretText)>,
        allowed: impl Fn(&Power) -> bool,
    ) -> Result<TargetSettings, Failure> {
        let asked = requested(&self.description.grants, &configuration)?;
        Ok(TargetSettings {
            id: TargetId::new(),
            name: "under-test".to_owned(),
            plugin: self.version.plugin.clone(),
            pinned: None,
            configuration,
            secrets,
            grants: asked
                .into_iter()
                .filter(|asked| allowed(&asked.power))
                .map(|asked| Granted { power: asked.power, configured: asked.configured })
                .collect(),
        })
    }
}

/// A host with one plugin and one target.
pub struct Host {
    pub runtime: Arc<Runtime>,
    pub connection: Arc<dyn Connection>,
    settings: TargetSettings,
    _loaded: Loaded,
}

/// A component of the build: `CAPSTAN_PLUGINS_DIR`, else `target/dist/plugins`.
pub fn built(name: &str) -> PathBuf {
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/dist/plugins");
    std::env::var_os("CAPSTAN_PLUGINS_DIR").map_or(usual, PathBuf::from).join(format!("{name}.wasm"))
}

/// A component of the build that is no plugin of the house: it lies beside them, in `fixtures` or `examples`.
pub fn staged(folder: &str, name: &str) -> PathBuf {
    let plugins = built(name);
    plugins.parent().and_then(Path::parent).map_or_else(PathBuf::new, |dist| dist.join(folder).join(format!("{name}.wasm")))
}

pub fn read(component: &Path) -> anyhow::Result<Bytes> {
    let bytes = std::fs::read(component)
        .with_context(|| format!("{} is not there; build the guests first: cargo xtask plugins", component.display()))?;
    Ok(bytes.into())
}

impl Host {
    /// Loads the component and opens a target with what its configuration grants.
    pub async fn start(component: &Path, configuration: serde_json::Value, secrets: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::granting(component, configuration, secrets, |_| true).await
    }

    /// The same, but of what the configuration asks for only what `allowed` says yes to.
    pub async fn granting(
        component: &Path,
        configuration: serde_json::Value,
        secrets: &[(&str, &str)],
        allowed: impl Fn(&Power) -> bool,
    ) -> anyhow::Result<Self> {
        Self::with_grants(component, configuration, secrets, allowed, &[]).await
    }

    /// The same, and `more` that somebody allowed by name.
    pub async fn with_grants(
        component: &Path,
        configuration: serde_json::Value,
        secrets: &[(&str, &str)],
        allowed: impl Fn(&Power) -> bool,
        more: &[Power],
    ) -> anyhow::Result<Self> {
        let loaded = Loaded::new(read(component)?, Limits::default(), capstan_services::Limits::default()).await.map_err(told)?;
        let secrets = secrets.iter().map(|(name, value)| ((*name).to_owned(), SecretText::new(*value))).collect();
        let mut settings = loaded.settings(configuration, secrets, allowed).map_err(told)?;
        settings.grants.extend(more.iter().map(|power| Granted { power: power.clone(), configured: false }));
        loaded.runtime.check(&settings).await.map_err(told)?;
        let connection = loaded.runtime.open_target(settings.clone());
        Ok(Self { runtime: Arc::clone(&loaded.runtime), connection, settings, _loaded: loaded })
    }

    /// New instances of the plugin, as after a crash: nothing is left but what the target holds and what was kept in state.
    pub fn reopen(&mut self) {
        self.connection = self.runtime.open_target(self.settings.clone());
    }
}
