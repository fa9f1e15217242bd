//! The spaces of this host put together with those who work on them: the engine of workflows hands steps to them, the doors open and close
//! their views, and they find their buckets among the targets.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use capstan_catalogue::Catalogue;
use capstan_domain::Outcome;
use capstan_domain::ids::{JobId, LocationId, Number, Reference, SpaceId};
use capstan_domain::site::Site;
use capstan_domain::space_profile::ManagedSpace;
use capstan_domain::time::Timestamp;
use capstan_domain::workflow::{JobEvent, WorkflowJob};
use capstan_jobs::{AskedDiscovery, Refusal, Submission};
use capstan_mover::Tree;
use capstan_spaces::{Settings, Spaces};
use capstan_workflows::DiscoveryKind;
use serde_json::Value;

use crate::managed_spaces::SpaceViews;
use crate::places::Grounds;
use crate::refused::Refused;
use crate::settings::SpaceSettings;
use crate::workflow_jobs::{Run, WorkflowEngine};

/// Between two purges: each walks the whole tree of a space that has something to purge.
const PURGE_PAUSE: Duration = Duration::from_secs(60 * 60);

#[async_trait]
impl capstan_spaces::Buckets for Grounds {
    async fn tree(&self, location: LocationId) -> Outcome<Arc<dyn Tree>> {
        self.bucket(location).await
    }
}

/// Spaces, as the engine of workflows and the doors want them. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct OpenSpaces {
    spaces: Spaces,
    /// Number of the site that this process works for.
    site: Number,
    raw: Arc<Raw>,
}

/// Where the raw trees of this process lie.
#[derive(Debug)]
pub(crate) enum Raw {
    /// In the directories that the catalogue names: those of the host that makes spaces.
    Recorded,
    /// In a directory of its own each, by the space's number, which stays when it is renamed.
    Under(PathBuf),
}

impl OpenSpaces {
    pub(crate) fn new(catalogue: Catalogue, grounds: Arc<Grounds>, site: &Site, raw: Raw, given: &SpaceSettings) -> Self {
        // Only root may show a file system to others without being asked.
        let for_all = rustix::process::geteuid().is_root();
        let (recycle, mounted_under) = (given.recycle(), given.mounted_under.clone());
        let settings = Settings { site: site.number, recycle, for_all, mounted_under, ..Settings::default() };
        Self { spaces: Spaces::new(catalogue, grounds, settings), site: site.number, raw: Arc::new(raw) }
    }

    /// Of a space's raw tree.
    pub(crate) fn directory(&self, space: &ManagedSpace) -> PathBuf {
        match self.raw.as_ref() {
            Raw::Recorded => PathBuf::from(&space.space.directory),
            Raw::Under(root) => root.join(format!("space-{}", space.space.number)),
        }
    }

    /// Lets the copies of removed files go once their time is over, for as long as the host runs.
    pub(crate) async fn purge_removed(self) {
        loop {
            tokio::time::sleep(PURGE_PAUSE).await;
            match self.spaces.purge(Timestamp::now()).await {
                Ok(0) => {}
                Ok(copies) => tracing::info!(copies, "{copies} copies of removed files are gone"),
                Err(failure) => {
                    tracing::warn!(%failure, detail = failure.detail, "copies of removed files stay until the next purge");
                }
            }
        }
    }

    pub(crate) fn spaces(&self) -> &Spaces {
        &self.spaces
    }

    pub(crate) async fn close_all(&self) {
        self.spaces.close_all().await;
    }
}

#[async_trait]
impl SpaceViews for OpenSpaces {
    /// One that is on other sites alone is theirs to show.
    async fn open(&self, space: &ManagedSpace) -> Outcome<()> {
        if !space.sites.contains(&self.site) {
            return Ok(());
        }
        self.spaces.open(space, &self.directory(space)).await
    }

    async fn close(&self, space: SpaceId) -> Outcome<()> {
        self.spaces.close(space).await;
        Ok(())
    }
}

#[async_trait]
impl WorkflowEngine for capstan_jobs::WorkflowJobs {
    async fn submit(&self, run: Run) -> Result<WorkflowJob, Refused> {
        let discovery = match run.discovery {
            None => AskedDiscovery::AsDefined,
            Some(None) => AskedDiscovery::Nothing,
            Some(Some(name)) => AskedDiscovery::Kind(
                DiscoveryKind::named(&name)
                    .ok_or_else(|| Refused::member("discovery", format!("There is no discovery {name:?}.")))?,
            ),
        };
        let submission = Submission {
            name: None,
            workflow: Reference::Id(run.workflow.id),
            site: Some(Reference::Id(run.site.id)),
            queue: run.queue,
            space: Some(run.space.space.id),
            paths: run.paths,
            discovery,
            fields: Value::Object(run.fields),
            include: run.include,
            exclude: run.exclude,
            ignore_site_includes: run.ignore_site_includes,
            ignore_site_excludes: run.ignore_site_excludes,
            parent: run.parent,
            owner: run.owner,
            client_key: run.client_key,
            schedule: None,
        };
        Self::submit(self, &submission).await.map_err(|refusal| match refusal {
            Refusal::Fields(errors) => Refused::Members(errors),
            Refusal::Failure(failure) => Refused::Whole(failure),
        })
    }

    async fn request(&self, job: JobId, request: JobEvent) -> Outcome<WorkflowJob> {
        Self::request(self, job, request).await
    }
}
