//! Work on tapes: inventories that come by themselves, formats and ejections, and what they leave alone.

use capstan_domain::cartridge::Format;
use capstan_domain::ids::LocationId;
use capstan_domain::job::{JobState, PathState, Work};
use capstan_domain::library::FoundLibrary;
use capstan_domain::listing::Listing;
use capstan_domain::ports::ElementKind;

use crate::shelf::{DRIVES, LIBRARY, MAIL_SLOT, SLOTS, Shelf};
use crate::tape_world::World;
use crate::world::limits;

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

async fn read_errors(world: &World, barcode: &str) -> Option<u64> {
    let told = world.catalogue.statistics_of_tape(world.tape(barcode).await.location).await.unwrap();
    told.and_then(|told| told.counters.get("read-errors").copied())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statistics_of_a_tape_are_taken_before_it_leaves_its_drive() {
    let shelf = Shelf::with(&["A00001L9", "A00002L9", "A00003L9"]);
    for slot in [0, 1] {
        let mut state = shelf.state();
        let inside = state.full.remove(&SLOTS[slot]).unwrap();
        state.full.insert(DRIVES[slot].1, inside);
    }
    let world = World::that(shelf, limits()).await;
    world.until(async |world| read_errors(world, "A00002L9").await == Some(0)).await;
    assert_eq!(read_errors(&world, "A00003L9").await, None, "it was in no drive");

    world.shelf.state().read_errors = 7;
    let job = world.ended(Work::EjectCartridges { cartridges: world.tapes(&["A00001L9"]).await }).await;
    assert_eq!(job.state, JobState::Done, "{:?}", job.failure);
    assert_eq!(read_errors(&world, "A00001L9").await, Some(7));

    // Of one that stays in its drive when the job has ended.
    world.reels.lay("A00002L9", "a", "content");
    world.shelf.state().read_errors = 8;
    let job = world.ended(Work::ReadIndexes { cartridges: world.tapes(&["A00002L9"]).await, into: None }).await;
    assert_eq!(job.state, JobState::Done, "{:?}", job.failure);
    assert_eq!(read_errors(&world, "A00002L9").await, Some(8));

    world.shelf.state().read_errors = 9;
    world.ended(format(world.tapes(&["A00003L9"]).await)).await;
    let told = world.catalogue.statistics_of_tape(world.tape("A00003L9").await.location).await.unwrap().unwrap();
    let told: Vec<(&str, u64)> = told.counters.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(told, [("loads", 5), ("partition-0-capacity", 1000), ("partition-0-remaining", 900), ("read-errors", 9)]);
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
