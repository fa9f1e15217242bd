//! Files on tapes: found and recorded, checked, duplicated, erased, and what is left alone meanwhile.

use std::time::Duration;

use capstan_catalogue::Holder;
use capstan_domain::entry::Entry;
use capstan_domain::ids::PoolId;
use capstan_domain::job::{Job, JobState, NewJob, PathState, Place, TransferOptions, Verify, Work};
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::pool::{NewPool, Pool, PoolContent, PoolRole};
use capstan_domain::time::Timestamp;
use capstan_mover::digest;
use serde_json::json;

use crate::tape_world::World;

const FIRST: &str = "A00001L9";
const SECOND: &str = "A00002L9";

/// Three files on the first tape, which lie in another order than their names have.
async fn filled() -> World {
    let world = World::with(&[FIRST, SECOND]).await;
    for (path, content) in [("z", "zzz"), ("a/b", "bb"), ("a/c", "cccc")] {
        world.reels.lay(FIRST, path, content);
    }
    world
}

async fn whole(world: &World, barcode: &str) -> Place {
    Place::Location { location: world.tape(barcode).await.location, path: String::new() }
}

async fn index(world: &World, barcodes: &[&str]) -> Job {
    world.ended(Work::ReadIndexes { cartridges: world.tapes(barcodes).await, into: None }).await
}

async fn check(world: &World, barcodes: &[&str]) -> Job {
    world.ended(Work::CheckCartridges { cartridges: world.tapes(barcodes).await }).await
}

async fn duplicate(world: &World, from: &str, to: Place) -> Job {
    let work = Work::Transfer {
        sources: vec![whole(world, from).await],
        destinations: vec![to],
        remove_source: false,
        verify: Verify::ReadBack,
        options: TransferOptions { overwrite: true, ..TransferOptions::default() },
    };
    world.ended(work).await
}

async fn pool(world: &World, name: &str, tapes: &[&str], protects_full: bool) -> Pool {
    let new = NewPool {
        name: name.to_owned(),
        comment: None,
        content: PoolContent::Tape,
        role: PoolRole::OfflineArchive,
        protects_full,
        attributes: json!({}),
    };
    world.catalogue.create_pool(&new, &world.tapes(tapes).await).await.unwrap()
}

/// Files of a pool's tree, by path.
async fn files(world: &World, pool: PoolId) -> Vec<Entry> {
    let listing = Listing::first(100).with("pool", Operator::Equal, pool).with("kind", Operator::Equal, "file");
    let mut files = world.catalogue.entries(&listing).await.unwrap().items;
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}

/// The tapes that an entry is on.
async fn tapes_of(world: &World, entry: &Entry) -> Vec<String> {
    world.catalogue.holders(&[entry.number]).await.unwrap().into_iter().map(|holder| holder.name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_catalogue_learns_from_a_tape_what_is_on_it() {
    let world = filled().await;
    let job = index(&world, &[FIRST, SECOND]).await;
    assert_eq!(job.state, JobState::Done, "{:?}", job.failure);
    assert_eq!(world.reels.read(FIRST), Vec::<String>::new(), "no content is read");
    let tape = world.tape(FIRST).await;
    assert_eq!((tape.file_count, tape.file_bytes, tape.need_to_check), (3, 9, false));
    let found = world.catalogue.pool("l").await.unwrap();
    assert_eq!(
        (tape.pool, found.content),
        (Some(found.id), PoolContent::Tape),
        "it is in a pool that is called after its library"
    );
    assert_eq!(world.tape(SECOND).await.pool, None, "nothing is on the other one");
    let known = files(&world, found.id).await;
    let paths: Vec<(&str, u64, bool)> = known.iter().map(|file| (file.path.as_str(), file.size, file.resident)).collect();
    assert_eq!(paths, [("a/b", 2, false), ("a/c", 4, false), ("z", 3, false)]);
    assert_eq!(known[0].blake3.as_deref(), Some(&digest::of(b"bb")[..]));
    assert_eq!(tapes_of(&world, &known[0]).await, [FIRST]);
    // Once more: nothing is new.
    assert_eq!(index(&world, &[FIRST]).await.state, JobState::Done);
    assert_eq!((files(&world, found.id).await.len(), world.tape(FIRST).await.file_count), (3, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_tapes_of_a_pool_both_hold_what_both_show() {
    let world = filled().await;
    let vault = pool(&world, "vault", &[FIRST, SECOND], false).await;
    world.reels.lay(SECOND, "z", "zzz");
    world.reels.lay(SECOND, "y", "y");
    assert_eq!(index(&world, &[FIRST, SECOND]).await.state, JobState::Done);
    let known = files(&world, vault.id).await;
    assert_eq!(known.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["a/b", "a/c", "y", "z"]);
    assert_eq!(tapes_of(&world, &known[3]).await, [FIRST, SECOND]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_tells_of_files_that_are_gone_or_others_than_recorded() {
    let world = filled().await;
    index(&world, &[FIRST]).await;
    world.reels.lose(FIRST, "z");
    world.reels.lay(FIRST, "a/b", "another");
    let job = index(&world, &[FIRST]).await;
    assert_eq!(job.state, JobState::DoneWithWarnings);
    let mut outcomes = world.outcomes(job.id).await;
    outcomes.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(
        outcomes,
        [
            (FIRST.to_owned(), PathState::Done, None),
            (format!("{FIRST}/a/b"), PathState::Failed, Some("differs".to_owned())),
            (format!("{FIRST}/z"), PathState::Failed, Some("not-there".to_owned())),
        ]
    );
    let tape = world.tape(FIRST).await;
    assert_eq!((tape.need_to_check, tape.file_count), (true, 3), "what is recorded stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_reads_a_tape_along_once_and_verifies_what_agrees() {
    let world = filled().await;
    world.reels.forget_hash(FIRST, "a/c");
    index(&world, &[FIRST]).await;
    let vault = world.tape(FIRST).await.pool.unwrap();
    assert_eq!(files(&world, vault).await[1].blake3, None, "nobody knows it yet");
    let job = check(&world, &[FIRST]).await;
    assert_eq!(job.state, JobState::Done, "{:?}", job.failure);
    assert_eq!(world.reels.read(FIRST), ["z", "a/b", "a/c"]);
    let known = files(&world, vault).await;
    for file in &known {
        let replicas = world.catalogue.replicas_of(file.number).await.unwrap();
        assert!(replicas[0].verified.is_some_and(|at| at > job.created), "{}", file.path);
    }
    assert_eq!(known[1].blake3.as_deref(), Some(&digest::of(b"cccc")[..]), "now it is known");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_tells_of_each_file_that_is_wrong_and_warns_of_those_that_nobody_knows() {
    let world = filled().await;
    index(&world, &[FIRST]).await;
    world.reels.spoil(FIRST, "a/b");
    world.reels.lay(FIRST, "new", "n");
    let job = check(&world, &[FIRST]).await;
    assert_eq!(job.state, JobState::DoneWithWarnings);
    let mut outcomes = world.outcomes(job.id).await;
    outcomes.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(
        outcomes,
        [
            (FIRST.to_owned(), PathState::Done, None),
            (format!("{FIRST}/a/b"), PathState::Failed, Some("hash-mismatch".to_owned())),
            (format!("{FIRST}/new"), PathState::Skipped, Some("not-recorded".to_owned())),
        ]
    );
    assert!(world.tape(FIRST).await.need_to_check);
    let vault = world.tape(FIRST).await.pool.unwrap();
    let spoilt = world.catalogue.replicas_of(files(&world, vault).await[0].number).await.unwrap();
    assert_eq!((spoilt[0].verified, &spoilt[0].blake3[..]), (None, &digest::of(b"bb")[..]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_files_of_a_duplicated_tape_are_on_both() {
    let world = filled().await;
    index(&world, &[FIRST]).await;
    let job = duplicate(&world, FIRST, whole(&world, SECOND).await).await;
    assert_eq!((job.state, job.progress.files_finalized), (JobState::Done, 3), "{:?}", job.failure);
    assert_eq!(world.reels.paths(SECOND), ["a/b", "a/c", "z"]);
    assert_eq!(world.tape(SECOND).await.file_count, 3);
    let vault = world.tape(FIRST).await.pool.unwrap();
    for file in files(&world, vault).await {
        assert_eq!(tapes_of(&world, &file).await, [FIRST, SECOND], "{}", file.path);
        let replicas = world.catalogue.replicas_of(file.number).await.unwrap();
        assert!(replicas[1].verified.is_some() && replicas[1].blake3 == replicas[0].blake3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_erased_from_a_tape_is_on_it_no_more_and_an_entry_without_any_copy_goes() {
    let world = filled().await;
    index(&world, &[FIRST]).await;
    duplicate(&world, FIRST, whole(&world, SECOND).await).await;
    let vault = world.tape(FIRST).await.pool.unwrap();
    let of = |barcode: &'static str, path: &'static str| {
        let world = &world;
        async move {
            let place = Place::Location { location: world.tape(barcode).await.location, path: path.to_owned() };
            let job = world.ended(Work::Erase { places: vec![place] }).await;
            assert_eq!(job.state, JobState::Done, "{:?}", job.failure);
        }
    };
    of(FIRST, "a").await;
    assert_eq!((world.reels.paths(FIRST), world.tape(FIRST).await.file_count), (vec!["z".to_owned()], 1));
    let known = files(&world, vault).await;
    assert_eq!(tapes_of(&world, &known[0]).await, [SECOND], "the other copy is left");
    of(SECOND, "a/b").await;
    assert_eq!(files(&world, vault).await.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["a/c", "z"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tape_that_a_job_works_with_is_neither_formatted_nor_ejected_nor_erased() {
    let world = filled().await;
    let cartridges = world.tapes(&[FIRST]).await;
    let work = Work::CheckCartridges { cartridges: cartridges.clone() };
    let holder = Holder { worker: "another".to_owned(), until: Timestamp::now().plus(Duration::from_secs(600)) };
    let other = world.catalogue.create_job(&NewJob { definition: None, name: "j".to_owned(), work }, Some(holder)).await.unwrap();
    world.catalogue.hold_cartridges(other.id, &cartridges, false).await.unwrap();
    let format = Work::FormatCartridges { cartridges: cartridges.clone(), scratch: None, force: true };
    for work in [format.clone(), Work::EjectCartridges { cartridges: cartridges.clone() }] {
        let job = world.ended(work).await;
        let busy = (FIRST.to_owned(), PathState::Failed, Some("cartridge-busy".to_owned()));
        assert_eq!((job.state, world.outcomes(job.id).await), (JobState::Failed, vec![busy]));
    }
    let job = world.ended(Work::Erase { places: vec![whole(&world, FIRST).await] }).await;
    assert_eq!((job.state, job.failure.unwrap().code.as_deref()), (JobState::Failed, Some("cartridge-busy")));
    assert_eq!(world.did(), Vec::<String>::new());
    assert_eq!(index(&world, &[FIRST]).await.state, JobState::Done, "reading beside it is no harm");
    world.catalogue.let_go_of_cartridge(other.id, cartridges[0]).await.unwrap();
    assert_eq!(world.ended(format).await.state, JobState::Done);
    let tape = world.tape(FIRST).await;
    assert_eq!((tape.file_count, files(&world, tape.pool.unwrap()).await.len()), (0, 0), "what was only there is known no more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tape_that_was_found_full_is_kept_as_it_is_where_its_pool_says_so() {
    for protects in [false, true] {
        let world = filled().await;
        let vault = pool(&world, "vault", &[SECOND], protects).await;
        world.reels.has_room_for(SECOND, 4);
        let job = duplicate(&world, FIRST, Place::Pool { pool: vault.id, path: String::new() }).await;
        assert_eq!(job.state, JobState::DoneWithWarnings, "{:?}", job.failure);
        let reasons = world.tape(SECOND).await.write_protect;
        assert_eq!(reasons, if protects { vec!["full"] } else { Vec::new() });
        let format = Work::FormatCartridges { cartridges: world.tapes(&[SECOND]).await, scratch: None, force: true };
        assert_eq!(world.ended(format).await.state, JobState::Done);
        assert!(world.tape(SECOND).await.write_protect.is_empty(), "it may be written to again");
    }
}
