//! What the host changed since: versions of plugins, targets, and what these may reach.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use capstan_catalogue::Catalogue;
use capstan_domain::Outcome;
use capstan_domain::grant::Power;
use capstan_domain::ids::TargetId;
use capstan_domain::listing::Listing;
use capstan_domain::plugin::{PluginVersion, VersionState};
use capstan_domain::target::Target;
use capstan_domain::time::Timestamp;
use capstan_runtime::Runtime;

use crate::plugins::Plugins;
use crate::targets::Targets;

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(10);
/// Targets of one page.
const PAGE: u32 = capstan_catalogue::WINDOW;

pub(super) struct Known {
    catalogue: Catalogue,
    plugins: Plugins,
    targets: Targets,
    runtime: Arc<Runtime>,
    /// States of versions by digest.
    versions: HashMap<String, VersionState>,
    marks: HashMap<TargetId, Mark>,
}

/// What a target was opened with.
#[derive(Clone, Debug, PartialEq)]
struct Mark {
    updated: Timestamp,
    powers: Vec<Power>,
}

impl Known {
    /// As it is now, when all was adopted and opened.
    pub(super) async fn begin(catalogue: Catalogue, plugins: Plugins, targets: Targets, runtime: Arc<Runtime>) -> Outcome<Self> {
        let mut known = Self { catalogue, plugins, targets, runtime, versions: HashMap::new(), marks: HashMap::new() };
        known.versions = known.states().await?.into_iter().map(|version| (version.digest, version.state)).collect();
        for target in known.all_targets().await? {
            let mark = known.mark(&target).await?;
            known.marks.insert(target.id, mark);
        }
        Ok(known)
    }

    /// For as long as the worker runs.
    pub(super) async fn watch(mut self) {
        loop {
            tokio::time::sleep(PAUSE).await;
            for (what, followed) in [("plugins", self.follow_plugins().await), ("targets", self.follow_targets().await)] {
                if let Err(failure) = followed {
                    tracing::warn!(what, %failure, detail = failure.detail, "what was changed at the host cannot be looked at");
                }
            }
        }
    }

    async fn states(&self) -> Outcome<Vec<PluginVersion>> {
        let mut versions = self.catalogue.plugin_versions(None).await?;
        versions.retain(|version| !matches!(version.state, VersionState::Refused { .. }));
        // The one that serves last, so that at no time none does.
        versions.sort_by_key(|version| version.state == VersionState::Active);
        Ok(versions)
    }

    async fn follow_plugins(&mut self) -> Outcome<()> {
        let mut now = HashMap::new();
        let mut is_new = false;
        let states = self.states().await?;
        for version in &states {
            is_new |= !self.versions.contains_key(&version.digest);
            now.insert(version.digest.clone(), version.state.clone());
        }
        if is_new {
            self.plugins.supply_bundled().await?;
        }
        for version in states.iter().filter(|version| self.versions.get(&version.digest) != Some(&version.state)) {
            self.plugins.adopt(version).await;
        }
        self.versions = now;
        Ok(())
    }

    async fn follow_targets(&mut self) -> Outcome<()> {
        let mut now = HashMap::new();
        for target in self.all_targets().await? {
            let mark = self.mark(&target).await?;
            if self.marks.get(&target.id) != Some(&mark)
                && let Err(failure) = self.targets.reopen(&target).await
            {
                tracing::error!(target = target.name, %failure, "a target that was changed cannot be opened");
            }
            now.insert(target.id, mark);
        }
        for gone in self.marks.keys().filter(|id| !now.contains_key(*id)) {
            self.runtime.close_target(*gone);
        }
        self.marks = now;
        Ok(())
    }

    async fn all_targets(&self) -> Outcome<Vec<Target>> {
        let (mut targets, mut listing) = (Vec::new(), Listing::first(PAGE));
        loop {
            let page = self.targets.list(listing.clone()).await?;
            targets.extend(page.items);
            listing.offset += u64::from(PAGE);
            if listing.offset >= page.count {
                return Ok(targets);
            }
        }
    }

    async fn mark(&self, target: &Target) -> Outcome<Mark> {
        let grants = self.catalogue.grants_in_force(target.id).await?;
        Ok(Mark { updated: target.updated, powers: grants.into_iter().map(|grant| grant.power).collect() })
    }
}
