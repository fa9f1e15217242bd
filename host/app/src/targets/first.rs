//! The target that a fresh host makes for itself, so that drives can be made from the first minute: the plugin `nvme` over a
//! directory of the data directory. It is made once; an administrator may change or remove it like any other.
//!
//! | dies after | the next start |
//! |---|---|
//! | the directory is made | makes the target |
//! | the target is recorded with its grant | finds it, and remembers that it was made |
//! | that is remembered | does nothing |

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use capstan_domain::audit::Verdict;
use capstan_domain::grant::{NewGrant, Power};
use capstan_domain::ids::TargetId;
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::plugin::{Facet, VersionState};
use capstan_domain::target::NewTarget;
use capstan_domain::{Failure, Outcome};
use capstan_grants::requested;
use serde_json::json;

use super::{Targets, detail};

/// The plugin and the name of its first target.
const NVME: &str = "nvme";
/// Its directory in the data directory.
const DIRECTORY: &str = "drives";
/// That it was made once.
const MADE: &str = "drives.first-target";
/// `GrantRecord::by` of what the host granted by itself: no edit of the configuration takes it away.
const BY: &str = "host";

impl Targets {
    /// Ids of the installed plugins that hold drives, ordered.
    pub(crate) fn drive_plugins(&self) -> Vec<String> {
        let versions = self.runtime.versions(None).into_iter();
        let active = versions.filter(|version| version.state == VersionState::Active && version.facets.contains(&Facet::Drives));
        let mut plugins: Vec<String> = active.map(|version| version.plugin).collect();
        plugins.sort_unstable();
        plugins.dedup();
        plugins
    }

    /// Nothing that goes wrong with it keeps the host from starting.
    pub(crate) async fn make_first(&self, data: &Path) {
        if let Err(failure) = self.first(data).await {
            tracing::error!(%failure, detail = failure.detail, "the host's own target for drives could not be made");
        }
    }

    async fn first(&self, data: &Path) -> Outcome<()> {
        if self.catalogue.setting(MADE).await?.is_some() {
            return Ok(());
        }
        let Ok(description) = self.description(NVME, None) else { return Ok(()) };
        let listing = Listing::first(1).with("plugin", Operator::Equal, NVME);
        if self.catalogue.targets(&listing).await?.items.is_empty() {
            let directory = data.join(DIRECTORY);
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&directory)
                .map_err(|error| Failure::host(format!("{} cannot be made", directory.display()), error))?;
            let path = directory.to_str().ok_or_else(|| Failure::invalid("the data directory's path has to be UTF-8"))?;
            let configuration = json!({ "path": path });
            let asked = requested(&description.grants, &configuration)?;
            let grants = asked.into_iter().filter(|one| matches!(one.power, Power::Directory { .. })).map(|one| NewGrant {
                power: one.power,
                by: BY.to_owned(),
                reason: Some("the host's own place for drives".to_owned()),
            });
            let new = NewTarget {
                name: NVME.to_owned(),
                plugin: NVME.to_owned(),
                pinned: None,
                configuration,
                attributes: json!({}),
                secrets: Vec::new(),
                owner: None,
            };
            let target = self.catalogue.create_target(TargetId::new(), &new, Vec::new(), grants.collect()).await?;
            self.open(&target).await?;
            self.audit.host("create", "target", &target.name, Verdict::Done, detail(&target)).await;
        }
        self.catalogue.put_setting(MADE, &json!(true)).await
    }
}
