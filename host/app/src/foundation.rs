//! What every process of a catalogue stands on, with doors or without: the catalogue, the key, the plugins and the targets.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use capstan_catalogue::Catalogue;
use capstan_domain::ports::StateStore;
use capstan_domain::{Failure, Outcome};
use capstan_grants::Policy;
use capstan_runtime::{Runtime, RuntimeOptions};

use crate::audit::Audit;
use crate::plugins::Plugins;
use crate::sealing::Sealer;
use crate::secrets::Secrets;
use crate::settings::Settings;
use crate::targets::Targets;

pub(crate) struct Foundation {
    pub(crate) catalogue: Catalogue,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) audit: Audit,
    pub(crate) runtime: Arc<Runtime>,
    /// None is adopted yet.
    pub(crate) plugins: Plugins,
    /// None is open yet.
    pub(crate) targets: Targets,
}

impl Foundation {
    /// `data` is the process's own directory; `policy` says whom no plugin is let near.
    pub(crate) fn lay(settings: &Settings, data: &Path, catalogue: Catalogue, sealer: Sealer, policy: Policy) -> Outcome<Self> {
        let sealer = Arc::new(sealer);
        let audit = Audit::new(catalogue.clone());
        let state: Arc<dyn StateStore> = Arc::new(catalogue.clone());
        let runtime = Runtime::new(RuntimeOptions {
            directory: data.join("plugins"),
            limits: settings.guests.clone(),
            services: settings.services.clone(),
            policy,
            signatures: settings.plugins.signatures.clone(),
            state,
        })?;
        let plugins = Plugins::new(catalogue.clone(), audit.clone(), Arc::clone(&runtime), settings, data)?;
        let secrets = Secrets::new(catalogue.clone(), Arc::clone(&sealer));
        let targets = Targets::new(catalogue.clone(), audit.clone(), secrets, Arc::clone(&runtime));
        Ok(Self { catalogue, sealer, audit, runtime, plugins, targets })
    }
}

/// Canonical. Holds the key of all secrets and the raw trees, so it is the user's alone who runs the process.
pub(crate) fn own_directory(data: &Path) -> Outcome<PathBuf> {
    let fault = |error: std::io::Error| Failure::host(format!("the data directory {} cannot be used", data.display()), error);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(fault)?;
    data.canonicalize().map_err(fault)
}
