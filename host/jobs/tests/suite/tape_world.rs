//! A host with one tape library in small: what the robot does is the shelf's, what is on the tapes the reels'.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use capstan_catalogue::Catalogue;
use capstan_domain::cartridge::Cartridge;
use capstan_domain::ids::{JobId, LocationId, TargetId};
use capstan_domain::job::{Job, NewJob, PathState, Place, Work};
use capstan_domain::library::{Library, NewLibrary};
use capstan_domain::listing::Listing;
use capstan_domain::location::Location;
use capstan_domain::ports::Connection;
use capstan_domain::target::NewTarget;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use capstan_jobs::{Ground, Jobs, Limits, Places, Plot};
use serde_json::json;

use crate::reels::Reels;
use crate::shelf::{LIBRARY, Shelf};
use crate::world::{NoProbes, limits};

/// How long anything may take, on whatever machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct OneShelf {
    shelf: Shelf,
    reels: Reels,
    catalogue: Catalogue,
}

impl OneShelf {
    async fn ground(&self, place: &Place) -> Outcome<Ground> {
        let (members, path) = match place {
            Place::Location { location, path } => (vec![self.catalogue.location(*location).await?], path),
            Place::Pool { pool, path } => (self.catalogue.members(*pool).await?, path),
            Place::Space { .. } => return Err(Failure::unsupported("this world has only tapes")),
        };
        let plot = |location: Location| {
            let tree = self.reels.tree(location.id, &location.name);
            Plot { tree, path: path.clone(), shown_under: String::new() }
        };
        Ok(Ground { plots: members.into_iter().map(plot).collect(), catalogued: None })
    }
}

#[async_trait]
impl Places for OneShelf {
    async fn source(&self, place: &Place) -> Outcome<Ground> {
        self.ground(place).await
    }

    async fn destination(&self, place: &Place) -> Outcome<Ground> {
        self.ground(place).await
    }

    async fn connect(&self, _: TargetId) -> Outcome<Arc<dyn Connection>> {
        Ok(Arc::new(self.shelf.clone()))
    }
}

pub(crate) struct World {
    pub(crate) catalogue: Catalogue,
    pub(crate) jobs: Jobs,
    pub(crate) shelf: Shelf,
    pub(crate) reels: Reels,
    pub(crate) library: Library,
    _kept: tempfile::TempDir,
}

impl World {
    /// Its library was seen once.
    pub(crate) async fn with(barcodes: &[&str]) -> Self {
        Self::that(Shelf::with(barcodes), limits()).await
    }

    pub(crate) async fn that(shelf: Shelf, limits: Limits) -> Self {
        let kept = tempfile::tempdir().unwrap();
        let url = kept.path().join("catalogue.db");
        let catalogue = Catalogue::open(url.to_str().unwrap(), capstan_catalogue::Options::default()).await.unwrap();
        let target = NewTarget {
            name: "t".to_owned(),
            plugin: "tape".to_owned(),
            pinned: None,
            configuration: json!({}),
            attributes: json!({}),
            secrets: Vec::new(),
            owner: None,
        };
        let target = catalogue.create_target(TargetId::new(), &target, Vec::new(), Vec::new()).await.unwrap();
        let new = NewLibrary {
            target: target.id,
            name: "l".to_owned(),
            serial: LIBRARY.to_owned(),
            vendor: String::new(),
            product: String::new(),
            attributes: json!({}),
        };
        let library = catalogue.create_library(&new, Some(Timestamp::now())).await.unwrap();
        let limits = Limits { mechanics_wait: Duration::ZERO, ..limits };
        let reels = Reels::default();
        let places = OneShelf { shelf: shelf.clone(), reels: reels.clone(), catalogue: catalogue.clone() };
        let jobs = Jobs::start(catalogue.clone(), Arc::new(places), Arc::new(NoProbes::default()), limits);
        let world = Self { catalogue, jobs, shelf, reels, library, _kept: kept };
        world.until(async |world| world.catalogue.library("l").await.unwrap().is_online()).await;
        world
    }

    pub(crate) async fn until(&self, reached: impl AsyncFn(&Self) -> bool) {
        let start = Instant::now();
        while !reached(self).await {
            assert!(start.elapsed() < PATIENCE, "it did not come about");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn tape(&self, barcode: &str) -> Cartridge {
        self.catalogue.cartridge(barcode).await.unwrap()
    }

    pub(crate) async fn tapes(&self, barcodes: &[&str]) -> Vec<LocationId> {
        let mut locations = Vec::new();
        for barcode in barcodes {
            locations.push(self.tape(barcode).await.location);
        }
        locations
    }

    pub(crate) async fn ended(&self, work: Work) -> Job {
        let job = self.jobs.submit(&NewJob { definition: None, name: "j".to_owned(), work }).await.unwrap().id;
        self.until(async |world| world.catalogue.job(job).await.unwrap().state.is_final()).await;
        self.catalogue.job(job).await.unwrap()
    }

    pub(crate) async fn outcomes(&self, job: JobId) -> Vec<(String, PathState, Option<String>)> {
        let page = self.catalogue.outcomes(job, &Listing::first(10)).await.unwrap();
        page.items.into_iter().map(|one| (one.path, one.state, one.failure.and_then(|failure| failure.code))).collect()
    }

    pub(crate) fn did(&self) -> Vec<String> {
        self.shelf.state().did.clone()
    }
}
