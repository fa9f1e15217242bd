//! A host with one plugin and one target.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use async_trait::async_trait;
use capstan_domain::Outcome;
use capstan_domain::failure::{Failure, Kind};
use capstan_domain::grant::Power;
use capstan_domain::ids::TargetId;
use capstan_domain::ports::{Connection, StateStore, StateValue};
use capstan_domain::secret::SecretText;
use capstan_grants::{Granted, Policy, requested};
use capstan_runtime::{Limits, Runtime, RuntimeOptions, TargetSettings};

use crate::told;

pub struct Host {
    pub runtime: Arc<Runtime>,
    pub connection: Arc<dyn Connection>,
    settings: TargetSettings,
    // Compiled code lies in it as long as the host runs.
    _directory: tempfile::TempDir,
}

/// A component of the build: `CAPSTAN_PLUGINS_DIR`, else `target/dist/plugins`.
pub fn built(name: &str) -> PathBuf {
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/dist/plugins");
    std::env::var_os("CAPSTAN_PLUGINS_DIR").map_or(usual, PathBuf::from).join(format!("{name}.wasm"))
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
        let bytes = std::fs::read(component)
            .with_context(|| format!("{} is not there; build the guests first: cargo xtask plugins", component.display()))?;
        let directory = tempfile::tempdir()?;
        let runtime = Runtime::new(RuntimeOptions {
            directory: directory.path().to_owned(),
            limits: Limits::default(),
            services: capstan_services::Limits::default(),
            policy: Policy::default(),
            signatures: capstan_runtime::Signatures::default(),
            state: Arc::new(States::default()),
        })
        .map_err(told)?;
        let version = runtime.install(bytes.into(), None).await.map_err(|refusal| told(refusal.failure.clone()))?;
        runtime.activate(&version.plugin, &version.version).await.map_err(told)?;
        let description = version.description.context("the plugin says nothing of itself")?;
        let asked = requested(&description.grants, &configuration).map_err(told)?;
        let settings = TargetSettings {
            id: TargetId::new(),
            name: "under-test".to_owned(),
            plugin: version.plugin,
            pinned: None,
            configuration,
            secrets: secrets.iter().map(|(name, value)| ((*name).to_owned(), SecretText::new(*value))).collect(),
            grants: asked
                .into_iter()
                .filter(|asked| allowed(&asked.power))
                .map(|asked| Granted { power: asked.power, configured: asked.configured })
                .collect(),
        };
        runtime.check(&settings).await.map_err(told)?;
        let connection = runtime.open_target(settings.clone());
        Ok(Self { runtime, connection, settings, _directory: directory })
    }

    /// New instances of the plugin, as after a crash: nothing is left but what the target holds and what was kept in state.
    pub fn reopen(&mut self) {
        self.connection = self.runtime.open_target(self.settings.clone());
    }
}

/// A plugin's state, kept as long as the host runs.
#[derive(Default)]
struct States(Mutex<BTreeMap<(TargetId, String), StateValue>>);

impl States {
    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<(TargetId, String), StateValue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl StateStore for States {
    async fn get(&self, target: TargetId, key: &str) -> Outcome<Option<StateValue>> {
        Ok(self.all().get(&(target, key.to_owned())).cloned())
    }

    async fn set(&self, target: TargetId, key: &str, data: Vec<u8>, expect: Option<u64>, _most_keys: u64) -> Outcome<u64> {
        let mut all = self.all();
        let now = all.get(&(target, key.to_owned())).map_or(0, |value| value.version);
        if expect.is_some_and(|expect| expect != now) {
            return Err(Failure::new(Kind::Conflict, "The state has another version."));
        }
        all.insert((target, key.to_owned()), StateValue { data, version: now + 1 });
        Ok(now + 1)
    }

    async fn remove(&self, target: TargetId, key: &str, _expect: Option<u64>) -> Outcome<()> {
        self.all().remove(&(target, key.to_owned()));
        Ok(())
    }

    async fn keys(&self, target: TargetId, prefix: &str, after: Option<&str>, limit: u32) -> Outcome<Vec<String>> {
        let wanted = |key: &&String| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after);
        let all = self.all();
        let keys = all.keys().filter(|(owner, _)| *owner == target).map(|(_, key)| key).filter(wanted);
        Ok(keys.take(limit as usize).cloned().collect())
    }
}
