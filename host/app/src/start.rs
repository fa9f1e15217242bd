//! From settings and a data directory to a running host, and back.
//!
//! Order matters: the catalogue first, then the key, then the plugins that it remembers, then its targets, then those that come with the
//! host, and only then the workers, which need all of them. No plugin and no target can make this fail.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use capstan_catalogue::Catalogue;
use capstan_domain::Outcome;
use capstan_domain::time::Timestamp;
use capstan_grants::Policy;
use capstan_jobs::WorkflowJobs as WorkflowEngine;

use crate::App;
use crate::attachments::Attachments;
use crate::buckets::Buckets;
use crate::cartridges::Cartridges;
use crate::definitions::Definitions;
use crate::drains;
use crate::drive_users::DriveUsers;
use crate::drives::Drives;
use crate::entries::Entries;
use crate::external_targets::ExternalTargets;
use crate::foundation::{Foundation, own_directory};
use crate::grants::Grants;
use crate::health::Health;
use crate::identity::Identity;
use crate::images::Images;
use crate::jobs::Jobs;
use crate::libraries::Libraries;
use crate::locations::Locations;
use crate::lookout;
use crate::machines::Machines;
use crate::managed_spaces::SpaceViews;
use crate::manifests::Manifests;
use crate::metrics::Metrics;
use crate::mounts::Mounts;
use crate::places::Grounds;
use crate::pools::Pools;
use crate::probes::UnsavedTargets;
use crate::profiles::Profiles;
use crate::scans::Scans;
use crate::sealing::Sealer;
use crate::servers::Servers;
use crate::settings::Settings;
use crate::sites::Sites;
use crate::snapshots::Snapshots;
use crate::space_files::SpaceFiles;
use crate::space_work::{OpenSpaces, Raw};
use crate::spaces::Spaces;
use crate::tags::Tags;
use crate::tape_drives::TapeDrives;
use crate::workflow_jobs::WorkflowJobs;
use crate::workflows::Workflows;

/// The catalogue's file in the data directory.
const CATALOGUE_FILE: &str = "catalogue.db";

/// What a start needs.
pub struct Start<'a> {
    pub settings: &'a Settings,
    /// Made if it is not there, for the host's user alone.
    pub data: PathBuf,
    pub listening: Listening,
}

/// Where the host itself answers, so that no plugin is let near it.
#[derive(Clone, Debug, Default)]
pub struct Listening {
    pub listeners: Vec<SocketAddr>,
    pub own_addresses: Vec<IpAddr>,
}

impl App {
    pub async fn start(start: Start<'_>) -> Outcome<Self> {
        let Start { settings, data, listening } = start;
        let data = own_directory(&data)?;
        let url = settings.catalogue.url.clone().unwrap_or_else(|| data.join(CATALOGUE_FILE).to_string_lossy().into_owned());
        let catalogue = Catalogue::open(&url, settings.catalogue_options()).await?;
        let sealer = Sealer::open(&data)?;
        let policy = Policy { listeners: listening.listeners, own_addresses: listening.own_addresses };
        let Foundation { catalogue, sealer, audit, runtime, plugins, targets } =
            Foundation::lay(settings, &data, catalogue, sealer, policy)?;
        let identity = Identity::new(catalogue.clone(), audit.clone(), sealer).await?;
        let events = tokio::spawn({
            let (plugins, events) = (plugins.clone(), runtime.events());
            async move { plugins.follow_events(events).await }
        });
        plugins.adopt_all().await?;
        targets.open_all().await?;
        plugins.install_bundled().await?;
        targets.make_first(&data).await;

        let grounds = Arc::new(Grounds { catalogue: catalogue.clone(), targets: targets.clone() });
        let unsaved = Arc::new(UnsavedTargets::new(Arc::clone(&runtime)));
        if !url.starts_with("postgres") {
            // No other host can hold a lease on a catalogue that lies in this data directory.
            catalogue.free_leases(None).await?;
        }
        let engine = capstan_jobs::Jobs::start(
            catalogue.clone(),
            Arc::<Grounds>::clone(&grounds),
            Arc::<UnsavedTargets>::clone(&unsaved),
            settings.job_limits(),
        );
        let tags = Tags::new(catalogue.clone(), audit.clone());
        let default_type = settings.drives.default_storage_type.clone();
        let drives = Drives::new(catalogue.clone(), audit.clone(), targets.clone(), engine.clone(), tags.clone(), default_type);
        tokio::spawn(drives.clone().warm());
        let tls = settings.drives_tls()?;
        let attachments = Attachments::new(catalogue.clone(), audit.clone(), targets.clone(), drives.clone(), &data, tls)?;
        attachments.clear_left().await?;
        let mounts =
            Mounts::new(catalogue.clone(), audit.clone(), targets.clone(), Arc::clone(&grounds), &data, settings.writing())?;
        tokio::spawn(mounts.clone().give_up_left(Timestamp::now()));
        let sites = Sites::new(catalogue.clone(), audit.clone());
        let site = sites.own(&settings.site.name).await?;
        let workflows = Workflows::new(catalogue.clone(), audit.clone());
        workflows.seed().await?;
        let open_spaces = OpenSpaces::new(catalogue.clone(), Arc::clone(&grounds), &site, Raw::Recorded, &settings.spaces);
        let views: Arc<dyn SpaceViews> = Arc::new(open_spaces.clone());
        let spaces = Spaces::new(catalogue.clone(), audit.clone(), &data, &settings.spaces.roots, Some(views))?;
        spaces.show_all().await?;
        let work = Arc::new(open_spaces.spaces().clone());
        let workflow_engine =
            WorkflowEngine::start(catalogue.clone(), work, &site, &settings.site.node(), &[], settings.workflow_limits()).await?;
        let buckets = Buckets::new(catalogue.clone(), audit.clone(), targets.clone());
        let drains = tokio::spawn(drains::watch(buckets.clone(), spaces.clone()));
        let purges = tokio::spawn(open_spaces.clone().purge_removed());
        let lookout = tokio::spawn(lookout::watch(targets.clone(), Arc::clone(&runtime)));
        Ok(Self {
            buckets,
            cartridges: Cartridges::new(catalogue.clone(), audit.clone()),
            definitions: Definitions::new(catalogue.clone(), audit.clone()),
            drive_users: DriveUsers::new(catalogue.clone(), audit.clone(), drives.clone()),
            entries: Entries::new(catalogue.clone()),
            external_targets: ExternalTargets::new(catalogue.clone(), audit.clone(), grounds),
            grants: Grants::new(catalogue.clone(), audit.clone(), targets.clone(), attachments.clone(), &data),
            health: Health::new(catalogue.clone()),
            identity,
            images: Images::new(catalogue.clone(), audit.clone(), targets.clone(), drives.clone()),
            attachments,
            libraries: Libraries::new(catalogue.clone(), audit.clone(), targets.clone(), engine.clone()),
            jobs: Jobs::new(catalogue.clone(), audit.clone(), targets.clone(), unsaved, settings.jobs.verify, engine),
            locations: Locations::new(catalogue.clone(), audit.clone()),
            machines: Machines::new(catalogue.clone(), audit.clone(), tags.clone()),
            manifests: Manifests::new(catalogue.clone(), audit.clone(), open_spaces.clone()),
            metrics: Metrics::new(&runtime, &catalogue),
            mounts,
            plugins,
            pools: Pools::new(catalogue.clone(), audit.clone()),
            profiles: Profiles::new(catalogue.clone(), audit.clone()),
            scans: Scans::new(catalogue.clone(), audit.clone()),
            servers: Servers::new(catalogue.clone(), audit.clone(), targets.clone()),
            space_files: SpaceFiles::new(catalogue.clone()),
            spaces,
            sites,
            snapshots: Snapshots::new(catalogue.clone(), audit.clone(), drives.clone(), tags.clone()),
            drives,
            tags,
            tape_drives: TapeDrives::new(catalogue.clone(), audit.clone()),
            targets,
            workflow_jobs: WorkflowJobs::new(catalogue.clone(), audit.clone(), Arc::new(workflow_engine.clone())),
            workflows,
            audit,
            catalogue,
            open_spaces,
            workflow_engine,
            drains,
            events,
            lookout,
            purges,
        })
    }

    /// Whether requests can be answered: the catalogue is asked.
    pub async fn ready(&self) -> Outcome<()> {
        self.catalogue.users(&capstan_domain::listing::Listing::first(1)).await.map(|_| ())
    }

    /// Gives running jobs back to the queue and lets go of mounts. What is cut here is taken up at the next start.
    pub async fn close(&self) {
        self.jobs.engine.close().await;
        self.workflow_engine.close().await;
        self.open_spaces.close_all().await;
        self.mounts.close().await;
        self.attachments.close().await;
        self.drains.abort();
        self.events.abort();
        self.lookout.abort();
        self.purges.abort();
    }
}
