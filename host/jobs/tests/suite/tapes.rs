//! Work on tapes: inventories that come by themselves, formats and ejections, and what they leave alone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use capstan_catalogue::Catalogue;
use capstan_domain::cartridge::{Cartridge, Format};
use capstan_domain::ids::{JobId, LocationId, TargetId};
use capstan_domain::job::{Job, JobState, NewJob, PathState, Place, Work};
use capstan_domain::library::{FoundLibrary, Library, NewLibrary};
use capstan_domain::listing::Listing;
use capstan_domain::ports::{Connection, ElementKind};
use capstan_domain::target::NewTarget;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use capstan_jobs::{Ground, Jobs, Limits, Places};
use serde_json::json;

use crate::shelf::{LIBRARY, MAIL_SLOT, SLOTS, Shelf};
use crate::world::{NoProbes, limits};

/// How long anything may take, on whatever machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct OneShelf(Shelf);

#[async_trait]
impl Places for OneShelf {
    async fn source(&self, _: &Place) -> Outcome<Ground> {
        Err(Failure::unsupported("this world has only tapes"))
    }

    async fn destination(&self, _: &Place) -> Outcome<Ground> {
        Err(Failure::unsupported("this world has only tapes"))
    }

    async fn connect(&self, _: TargetId) -> Outcome<Arc<dyn Connection>> {
        Ok(Arc::new(self.0.clone()))
    }
}

struct World {
    catalogue: Catalogue,
    jobs: Jobs,
    shelf: Shelf,
    library: Library,
    _kept: tempfile::TempDir,
}

impl World {
    /// Its library was seen once.
    async fn with(barcodes: &[&str]) -> Self {
        let kept = tempfile::tempdir().unwrap();
        let url = kept.path().join("catalogue.db");
        let catalogue = Catalogue::open(url.to_str().unwrap(), capstan_catalogue::Options::default()).await.unwrap();
        let shelf = Shelf::with(barcodes);
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
        let limits = Limits { mechanics_wait: Duration::ZERO, ..limits() };
        let (places, probes) = (Arc::new(OneShelf(shelf.clone())), Arc::new(NoProbes::default()));
        let jobs = Jobs::start(catalogue.clone(), places, probes, limits);
        let world = Self { catalogue, jobs, shelf, library, _kept: kept };
        world.until(async |world| world.catalogue.library("l").await.unwrap().is_online()).await;
        world
    }

    async fn until(&self, reached: impl AsyncFn(&Self) -> bool) {
        let start = Instant::now();
        while !reached(self).await {
            assert!(start.elapsed() < PATIENCE, "it did not come about");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn tape(&self, barcode: &str) -> Cartridge {
        self.catalogue.cartridge(barcode).await.unwrap()
    }

    async fn tapes(&self, barcodes: &[&str]) -> Vec<LocationId> {
        let mut locations = Vec::new();
        for barcode in barcodes {
            locations.push(self.tape(barcode).await.location);
        }
        locations
    }

    async fn ended(&self, work: Work) -> Job {
        let job = self.jobs.submit(&NewJob { definition: None, name: "j".to_owned(), work }).await.unwrap().id;
        self.until(async |world| world.catalogue.job(job).await.unwrap().state.is_final()).await;
        self.catalogue.job(job).await.unwrap()
    }

    async fn outcomes(&self, job: JobId) -> Vec<(String, PathState, Option<String>)> {
        let page = self.catalogue.outcomes(job, &Listing::first(10)).await.unwrap();
        page.items.into_iter().map(|one| (one.path, one.state, one.failure.and_then(|failure| failure.code))).collect()
    }

    fn did(&self) -> Vec<String> {
        self.shelf.state().did.clone()
    }
}

fn format(cartridges: Vec<LocationId>) -> Work {
    Work::FormatCartridges { cartridges, scratch: None, force: false }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_library_is_looked_at_when_it_is_made_and_after_something_was_carried() {
    let world = World::with(&["A00001L9", "A00002L9"]).await;
    let tape = world.tape("A00002L9").await;
    assert_eq!((tape.place.as_deref(), tape.element), (Some("Slot 2"), Some(SLOTS[1])));
    assert_eq!(world.catalogue.tape_drives(&Listing::first(9)).await.unwrap().count, 2);
    let job = world.ended(Work::EjectCartridges { cartridges: world.tapes(&["A00002L9"]).await }).await;
    assert_eq!(job.state, JobState::Done, "{:?}", job.failure);
    let tape = world.tape("A00002L9").await;
    assert_eq!((tape.ejected, tape.element, tape.element_kind), (true, Some(MAIL_SLOT), Some(ElementKind::MailSlot)));
    // Its place is the inventory's to say: one comes by itself.
    world.until(async |world| world.tape("A00002L9").await.place.as_deref() == Some("Mail slot 1")).await;
    // Somebody takes it out, and looks.
    world.shelf.state().full.remove(&MAIL_SLOT);
    let job = world.ended(Work::TakeInventory { library: world.library.id }).await;
    assert_eq!(job.answer.unwrap()["gone"], 1);
    let tape = world.tape("A00002L9").await;
    assert_eq!((tape.known, tape.ejected, tape.place), (false, true, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_library_that_is_away_is_offline_and_its_tapes_stay() {
    let world = World::with(&["A00001L9"]).await;
    world.shelf.state().away = true;
    let work = Work::TakeInventory { library: world.library.id };
    let job = world.ended(work.clone()).await;
    assert_eq!(job.state, JobState::Failed);
    let library = world.catalogue.library("l").await.unwrap();
    assert!(!library.is_online() && library.failure.is_some());
    assert!(world.tape("A00001L9").await.known, "nothing is inferred from silence");
    world.shelf.state().away = false;
    assert_eq!(world.ended(work).await.state, JobState::Done);
    assert!(world.catalogue.library("l").await.unwrap().is_online());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn libraries_are_found_with_their_shelves() {
    let world = World::with(&[]).await;
    let job = world.ended(Work::FindLibraries {}).await;
    let found: Vec<FoundLibrary> = serde_json::from_value(job.answer.unwrap()["libraries"].clone()).unwrap();
    let told: Vec<_> = found.iter().map(|one| (one.serial.as_str(), one.slots.count, one.mail_slots.first)).collect();
    assert_eq!(told, [(LIBRARY, 4, Some(MAIL_SLOT))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tapes_are_formatted_one_after_the_other_and_one_that_fails_keeps_no_other_from_it() {
    let world = World::with(&["A00001L9", "A00002L9", "CLN001CU"]).await;
    world.shelf.state().broken.push("A00001L9".to_owned());
    let job = world.ended(format(world.tapes(&["A00001L9", "A00002L9", "CLN001CU"]).await)).await;
    assert_eq!((job.state, job.progress.files_finalized, job.progress.files_failed), (JobState::DoneWithWarnings, 1, 2));
    let outcomes = world.outcomes(job.id).await;
    assert_eq!(
        outcomes.iter().map(|(path, state, _)| (path.as_str(), *state)).collect::<Vec<_>>(),
        [("A00001L9", PathState::Failed), ("A00002L9", PathState::Done), ("CLN001CU", PathState::Failed)]
    );
    assert_eq!(world.did(), ["load A00001L9 D1", "unload A00001L9", "load A00002L9 D1", "format A00002L9", "unload A00002L9"]);
    let tape = world.tape("A00002L9").await;
    assert_eq!((tape.format, tape.capacity, tape.remaining, tape.loads), (Format::Blank, Some(1000), Some(900), 5));
    assert_eq!(world.tape("A00001L9").await.format, Format::Unknown);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_loaded_into_a_drive_that_is_left_to_others() {
    let world = World::with(&["A00001L9"]).await;
    let mut drive = world.catalogue.tape_drive("D1").await.unwrap();
    drive.registered = false;
    world.catalogue.update_tape_drive(&drive).await.unwrap();
    let tapes = world.tapes(&["A00001L9"]).await;
    assert_eq!(world.ended(format(tapes.clone())).await.state, JobState::Done);
    assert_eq!(world.did()[0], "load A00001L9 D2");
    let mut drive = world.catalogue.tape_drive("D2").await.unwrap();
    drive.registered = false;
    world.catalogue.update_tape_drive(&drive).await.unwrap();
    let job = world.ended(format(tapes)).await;
    assert_eq!(world.outcomes(job.id).await, [("A00001L9".to_owned(), PathState::Failed, Some("drives-full".to_owned()))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ejection_that_finds_no_mail_slot_free_says_so() {
    let world = World::with(&["A00001L9", "A00002L9"]).await;
    let job = world.ended(Work::EjectCartridges { cartridges: world.tapes(&["A00001L9", "A00002L9"]).await }).await;
    assert_eq!(job.state, JobState::DoneWithWarnings);
    let outcomes = world.outcomes(job.id).await;
    assert_eq!(outcomes[1], ("A00002L9".to_owned(), PathState::Failed, Some("mail-slots-full".to_owned())));
    assert!(!world.tape("A00002L9").await.ejected);
}
