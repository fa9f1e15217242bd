//! Tape drives that are given back and cleaned by themselves.

use std::time::Duration;

use capstan_catalogue::Holder;
use capstan_domain::job::{NewJob, Work};
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::tape_drive::DriveState;
use capstan_domain::time::Timestamp;
use capstan_jobs::Limits;

use crate::shelf::{DRIVES, Shelf};
use crate::tape_world::World;
use crate::world::limits;

fn impatient() -> Limits {
    Limits {
        idle_drive: Duration::from_millis(1_500),
        idle_dirty_drive: Duration::from_millis(300),
        cleaning_pause: Duration::from_millis(300),
        inventory: Duration::from_millis(100),
        ..limits()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cartridge_that_nobody_uses_goes_back_and_one_that_a_job_uses_stays() {
    let shelf = Shelf::with(&["A00001L9", "A00002L9"]);
    {
        let mut state = shelf.state();
        let (first, second) = (state.full.remove(&256).unwrap(), state.full.remove(&257).unwrap());
        state.full.insert(DRIVES[0].1, first);
        state.full.insert(DRIVES[1].1, second);
    }
    let world = World::that(shelf, impatient()).await;
    let used = world.tape("A00002L9").await.location;
    let work = Work::ReadIndexes { cartridges: vec![used], into: None };
    let holder = Holder { worker: "another".to_owned(), until: Timestamp::now().plus(Duration::from_secs(600)) };
    let job = world.catalogue.create_job(&NewJob { definition: None, name: "j".to_owned(), work }, Some(holder)).await.unwrap();
    world.catalogue.hold_cartridges(job.id, &[used], false).await.unwrap();
    world.until(async |world| world.did().iter().any(|did| did == "unload A00001L9")).await;
    world.until(async |world| !world.tape("A00001L9").await.is_mounted()).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(world.tape("A00002L9").await.is_mounted(), "{:?}", world.did());
    world.catalogue.let_go_of_cartridge(job.id, used).await.unwrap();
    world.until(async |world| world.did().iter().any(|did| did == "unload A00002L9")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drive_that_asks_to_be_cleaned_gives_its_cartridge_back_sooner() {
    let shelf = Shelf::with(&["A00001L9", "CLN001CU"]);
    {
        let mut state = shelf.state();
        let inside = state.full.remove(&256).unwrap();
        state.full.insert(DRIVES[0].1, inside);
        state.dirty.push(DRIVES[0].0.to_owned());
    }
    let world = World::that(shelf, Limits { idle_drive: Duration::from_secs(3600), ..impatient() }).await;
    world.until(async |world| world.shelf.state().dirty.is_empty()).await;
    assert_eq!(world.did().iter().filter(|did| did.starts_with("unload")).count(), 1, "{:?}", world.did());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drive_that_asks_for_it_is_cleaned_with_a_cartridge_that_is_not_used_up() {
    let shelf = Shelf::with(&["CLN001CU", "CLN002CU"]);
    shelf.state().dirty.push("D2".to_owned());
    shelf.state().used_up.push("CLN001CU".to_owned());
    let world = World::that(shelf, impatient()).await;
    world.until(async |world| world.shelf.state().dirty.is_empty()).await;
    assert_eq!(world.did(), ["clean D2 CLN001CU", "clean D2 CLN002CU"]);
    assert!(world.tape("CLN001CU").await.need_to_check, "it is not taken again");
    world.until(async |world| world.catalogue.tape_drive("D2").await.unwrap().state == DriveState::Ok).await;
    world.until(async |world| world.catalogue.tape_drive("D2").await.unwrap().cleaning_failure.is_none()).await;
    assert!(world.catalogue.tape_drive("D2").await.unwrap().cleaned.is_some());
    let told = Listing::first(10).with("action", Operator::Equal, "clean").with("subject", Operator::Equal, "D2");
    world.until(async |world| world.catalogue.audit(&told).await.unwrap().count == 2).await;
}
