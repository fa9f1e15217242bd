//! A worker: a process without doors that works for a site, on the catalogue of a host that has them.
//!
//! It opens the site's spaces, with raw trees and views of its own, and takes up the tasks that wait in the site's queues. What it knows
//! of plugins and targets it reads from the catalogue, again and again (`follow`); it changes neither.
//!
//! One process works for a site. A raw tree has its recalls, its locks and its view in the process that has it open, and two that each
//! hold a tree of the same site would each have a part of its files. So a worker does not start while another node of its site is
//! online, a data directory is one worker's (`Alone`), and a raw tree that another process of the machine has open is not opened.

mod alone;
mod follow;
mod spaces;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use capstan_catalogue::Catalogue;
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::site::Site;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Kind, Outcome};
use capstan_grants::Policy;
use capstan_jobs::WorkflowJobs;
use tokio::task::JoinHandle;

use self::alone::Alone;
use crate::foundation::{Foundation, own_directory};
use crate::lookout;
use crate::places::Grounds;
use crate::sealing::Sealer;
use crate::settings::Settings;
use crate::sites::Sites;
use crate::space_work::{OpenSpaces, Raw};

/// Raw trees in the data directory, where the settings name no root.
const SPACES: &str = "spaces";
/// Nodes of the site that are looked at.
const NODES_MAX: u32 = capstan_catalogue::WINDOW;

/// What a start needs.
pub struct WorkerStart<'a> {
    pub settings: &'a Settings,
    /// The worker's own, with the key of the host in it.
    pub data: PathBuf,
    /// Name of the site.
    pub site: String,
}

pub struct Worker {
    spaces: OpenSpaces,
    engine: WorkflowJobs,
    watches: Vec<JoinHandle<()>>,
    _alone: Alone,
}

impl Worker {
    /// `Invalid` "not-shared" where the catalogue is one that a single process uses, `NotFound` for a site that is not there, `Conflict`
    /// "worked-for" while somebody else works for it.
    pub async fn start(start: WorkerStart<'_>) -> Outcome<Self> {
        let WorkerStart { settings, data, site } = start;
        let url = shared(settings)?;
        let data = own_directory(&data)?;
        let alone = Alone::in_directory(&data)?;
        let sealer = Sealer::given(&data)?;
        let catalogue = Catalogue::open(url, settings.catalogue_options()).await?;
        // It listens nowhere.
        let policy = Policy { listeners: Vec::new(), own_addresses: Vec::new() };
        let Foundation { catalogue, audit, runtime, plugins, targets, .. } =
            Foundation::lay(settings, &data, catalogue, sealer, policy)?;
        let site = Sites::new(catalogue.clone(), audit)
            .named(&site)
            .await
            .map_err(|failure| failure.with_next_step("Make the site on the host first: POST /api/sites/."))?;
        let node = node(settings, &data);
        nobody_else(&catalogue, &site, &node).await?;

        plugins.supply_bundled().await?;
        plugins.adopt_all().await?;
        targets.open_all().await?;
        let grounds = Arc::new(Grounds { catalogue: catalogue.clone(), targets: targets.clone() });
        let root = settings.spaces.roots.first().cloned().unwrap_or_else(|| data.join(SPACES));
        let spaces = OpenSpaces::new(catalogue.clone(), grounds, &site, Raw::Under(root), &settings.spaces);
        let mut shown = spaces::Shown::new(catalogue.clone(), spaces.clone(), site.number);
        shown.look().await?;
        let work = Arc::new(spaces.spaces().clone());
        let engine = WorkflowJobs::start(catalogue.clone(), work, &site, &node, &[], settings.workflow_limits()).await?;
        let known = follow::Known::begin(catalogue, plugins, targets.clone(), Arc::clone(&runtime)).await?;
        let watches =
            vec![tokio::spawn(shown.watch()), tokio::spawn(known.watch()), tokio::spawn(lookout::watch(targets, runtime))];
        tracing::info!(site = site.name, node, "works for the site {}", site.name);
        Ok(Self { spaces, engine, watches, _alone: alone })
    }

    /// Gives running tasks back to their queues and takes the views away. What is cut here is taken up at the next start.
    pub async fn close(&self) {
        self.watches.iter().for_each(JoinHandle::abort);
        self.engine.close().await;
        self.spaces.close_all().await;
    }
}

/// Where the catalogue is, if other processes may be at it too.
fn shared(settings: &Settings) -> Outcome<&str> {
    settings.catalogue.url.as_deref().filter(|url| url.starts_with("postgres")).ok_or_else(|| {
        Failure::invalid("a worker shares the catalogue of its host, which has to be PostgreSQL: SQLite is for one process alone")
            .with_code("not-shared")
            .with_next_step("Run the host with `--database postgres://…`, and the worker with the same.")
    })
}

/// What the worker is called at its site. By itself, of another name for each place that it could keep raw trees in.
fn node(settings: &Settings, data: &Path) -> String {
    if settings.site.node.is_empty() { format!("{}:{}", settings.site.node(), data.display()) } else { settings.site.node() }
}

/// One of the same name is this one's former life.
async fn nobody_else(catalogue: &Catalogue, site: &Site, own: &str) -> Outcome<()> {
    let nodes = catalogue.nodes(&Listing::first(NODES_MAX).with("site_number", Operator::Equal, site.number)).await?.items;
    let now = Timestamp::now();
    match nodes.iter().find(|node| node.name != own && node.is_online(now)) {
        None => Ok(()),
        Some(other) => {
            let message = format!("{} works for the site {} already, and one process does", other.name, site.name);
            let next = format!(
                "Stop that one; if it is gone without a word, wait {} seconds.",
                capstan_domain::node::HEARTBEAT_HOLDS.as_secs()
            );
            Err(Failure::new(Kind::Conflict, message).with_code("worked-for").with_next_step(next))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::CatalogueSettings;

    fn settings(url: Option<&str>) -> Settings {
        Settings {
            catalogue: CatalogueSettings { url: url.map(str::to_owned), ..CatalogueSettings::default() },
            ..Settings::default()
        }
    }

    #[test]
    fn a_catalogue_of_one_process_is_refused() {
        for url in [None, Some("sqlite:///srv/catalogue.db"), Some("/srv/catalogue.db")] {
            let refused = shared(&settings(url)).unwrap_err();
            assert_eq!(refused.code.as_deref(), Some("not-shared"), "{url:?}");
            assert!(refused.message.contains("PostgreSQL"), "{refused}");
        }
        assert!(shared(&settings(Some("postgres://db/capstan"))).is_ok());
    }

    #[test]
    fn workers_of_other_places_have_other_names_unless_they_are_given_one() {
        let mut given = settings(None);
        assert_ne!(node(&given, "/srv/a".as_ref()), node(&given, "/srv/b".as_ref()));
        given.site.node = "cellar".to_owned();
        assert_eq!(node(&given, "/srv/a".as_ref()), "cellar");
    }
}
