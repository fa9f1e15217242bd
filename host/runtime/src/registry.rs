//! Which versions of which plugins are installed, which of them is active, and what is known of those that cannot run.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use capstan_domain::Outcome;
use capstan_domain::failure::{Blame, Failure, Kind};
use capstan_domain::plugin::{PluginVersion, VersionState};
use capstan_domain::time::Timestamp;

use crate::prepared::Prepared;

#[derive(Default)]
pub(crate) struct Registry {
    plugins: Mutex<HashMap<String, Versions>>,
}

#[derive(Default)]
struct Versions {
    installed: BTreeMap<String, Installed>,
    /// Active before the one that is.
    previous: Option<String>,
}

struct Installed {
    record: PluginVersion,
    /// Why not, if it cannot run.
    prepared: Result<Arc<Prepared>, Failure>,
}

impl Versions {
    fn active(&self) -> Option<&Installed> {
        self.installed.values().find(|installed| installed.record.state == VersionState::Active)
    }
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Versions>> {
        self.plugins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn insert(&self, record: PluginVersion, prepared: Result<Arc<Prepared>, Failure>) {
        let mut plugins = self.lock();
        let versions = plugins.entry(record.plugin.clone()).or_default();
        versions.installed.insert(record.version.clone(), Installed { record, prepared });
    }

    pub(crate) fn record(&self, plugin: &str, version: &str) -> Option<PluginVersion> {
        Some(self.lock().get(plugin)?.installed.get(version)?.record.clone())
    }

    pub(crate) fn by_digest(&self, digest: &str) -> Option<PluginVersion> {
        let plugins = self.lock();
        let mut all = plugins.values().flat_map(|versions| versions.installed.values());
        all.find(|installed| installed.record.digest == digest && installed.prepared.is_ok())
            .map(|installed| installed.record.clone())
    }

    /// All versions, by plugin and age.
    pub(crate) fn records(&self, plugin: Option<&str>) -> Vec<PluginVersion> {
        let plugins = self.lock();
        let wanted = plugins.iter().filter(|(id, _)| plugin.is_none_or(|plugin| plugin == id.as_str()));
        let mut records: Vec<PluginVersion> =
            wanted.flat_map(|(_, versions)| versions.installed.values().map(|installed| installed.record.clone())).collect();
        records.sort_by(|a, b| (&a.plugin, a.installed).cmp(&(&b.plugin, b.installed)));
        records
    }

    pub(crate) fn active(&self, plugin: &str) -> Option<String> {
        Some(self.lock().get(plugin)?.active()?.record.version.clone())
    }

    /// Where a rollback leads: the version active before, else the one last active that can still run.
    pub(crate) fn before(&self, plugin: &str) -> Option<String> {
        let plugins = self.lock();
        let versions = plugins.get(plugin)?;
        let usable = |installed: &&Installed| installed.prepared.is_ok() && installed.record.state == VersionState::Idle;
        let previous = versions.previous.as_ref().and_then(|version| versions.installed.get(version)).filter(usable);
        let last = || {
            let once = versions.installed.values().filter(usable).filter(|installed| installed.record.activated.is_some());
            once.max_by_key(|installed| installed.record.activated)
        };
        previous.or_else(last).map(|installed| installed.record.version.clone())
    }

    /// What a target runs: the version it is pinned to, else the active one.
    pub(crate) fn resolve(&self, plugin: &str, pinned: Option<&str>) -> Outcome<Arc<Prepared>> {
        let plugins = self.lock();
        let unavailable = |message: String, next: String| {
            Err(Failure::new(Kind::Unavailable, message).with_blame(Blame::Host).with_code("plugin-missing").with_next_step(next))
        };
        let Some(versions) = plugins.get(plugin) else {
            return unavailable(
                format!("Plugin {plugin} is not installed."),
                "Install it: capstan plugin install FILE".to_owned(),
            );
        };
        let installed = match pinned {
            Some(version) => versions.installed.get(version),
            None => versions.active(),
        };
        match (installed, pinned) {
            (Some(installed), _) => installed.prepared.clone(),
            (None, Some(version)) => unavailable(
                format!("Version {version} of plugin {plugin} is not installed."),
                "Install it, or take the pin off the target.".to_owned(),
            ),
            (None, None) => unavailable(
                format!("No version of plugin {plugin} is active."),
                format!("capstan plugin activate {plugin} VERSION"),
            ),
        }
    }

    /// The version, ready to run, whatever its state; refused ones answer why.
    pub(crate) fn prepared(&self, plugin: &str, version: &str) -> Outcome<Arc<Prepared>> {
        match self.lock().get(plugin).and_then(|versions| versions.installed.get(version)) {
            Some(installed) => installed.prepared.clone(),
            None => Err(Failure::not_found(format!("Version {version} of plugin {plugin} is not installed."))
                .with_next_step(format!("See what is: capstan plugin list {plugin}"))),
        }
    }

    /// Makes this version the active one; the one that was is idle, or `left` says what it is.
    pub(crate) fn activate(&self, plugin: &str, version: &str, left: VersionState) {
        let mut plugins = self.lock();
        let Some(versions) = plugins.get_mut(plugin) else { return };
        let before = versions.active().map(|installed| installed.record.version.clone()).filter(|before| before != version);
        if let Some(before) = before {
            if let Some(installed) = versions.installed.get_mut(&before) {
                installed.record.state = left;
            }
            versions.previous = Some(before);
        }
        if let Some(installed) = versions.installed.get_mut(version) {
            installed.record.state = VersionState::Active;
            installed.record.activated = Some(Timestamp::now());
        }
    }

    pub(crate) fn set_state(&self, plugin: &str, version: &str, state: VersionState) {
        let mut plugins = self.lock();
        if let Some(installed) = plugins.get_mut(plugin).and_then(|versions| versions.installed.get_mut(version)) {
            installed.record.state = state;
        }
    }

    pub(crate) fn remove(&self, plugin: &str, version: &str) {
        let mut plugins = self.lock();
        if let Some(versions) = plugins.get_mut(plugin) {
            versions.installed.remove(version);
            if versions.installed.is_empty() {
                plugins.remove(plugin);
            }
        }
    }
}
