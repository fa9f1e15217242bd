//! Cartridges that jobs work with: what was found on them, what was read back, and who waits for whom.

use std::time::Duration;

use capstan_catalogue::{Adopted, CARTRIDGE_BUSY, Catalogue, CopiedFrom, Holder, NewReplica, ReadBack, Recorded, Release};
use capstan_domain::Failure;
use capstan_domain::cartridge::FULL;
use capstan_domain::entry::{Entry, EntryKind, NewEntry, Tree};
use capstan_domain::ids::LocationId;
use capstan_domain::job::{Job, JobState, NewJob, Progress, Work};
use capstan_domain::library::Inventory;
use capstan_domain::pool::{PoolContent, PoolRole};
use capstan_domain::ports::ElementKind;
use capstan_domain::tape_drive::DriveState;
use capstan_domain::time::Timestamp;

use crate::database::{Base, on_both};
use crate::nouns::space;
use crate::tapes::{drive, holding, library, put, seen, tape_pool};

on_both! {
    what_is_adopted_lies_elsewhere_and_is_counted => adopts,
    what_is_in_a_tree_is_not_changed_by_what_is_adopted => leaves,
    of_two_copies_the_newer_file_is_shown => newer,
    an_entry_of_a_pool_goes_with_its_last_copy => forgets,
    copies_of_a_location_are_listed_each_once => pages,
    a_path_is_on_the_tapes_that_hold_something_at_or_below_it => places,
    what_was_read_back_is_verified_and_a_hash_is_learned => read_back,
    a_tape_in_no_pool_comes_into_one_that_is_made => pooled,
    who_needs_a_cartridge_alone_waits_for_others_and_they_for_it => uses,
    a_job_that_does_not_run_holds_nothing => ends,
    a_full_tape_is_kept_where_its_pool_says_so => full,
    a_cartridge_is_idle_when_nobody_uses_it => idle,
    one_host_cleans_a_drive => cleans,
}

const HELD_FOR: Duration = Duration::from_secs(600);

fn found(tree: Tree, location: LocationId, path: &str, content: &[u8], modified: i64) -> Adopted {
    let (size, blake3) = (content.len() as u64, blake3::hash(content).as_bytes().to_vec());
    let entry = NewEntry {
        tree,
        path: path.to_owned(),
        kind: EntryKind::File,
        size,
        modified: Timestamp(modified),
        changed: None,
        mode: Some(0o640),
        uid: None,
        gid: None,
        inode: None,
        blake3: Some(blake3.clone()),
    };
    let replica = NewReplica {
        path: path.to_owned(),
        location,
        key: path.to_owned(),
        size,
        modified: Timestamp(modified),
        etag: None,
        version: None,
        blake3,
        subtrees: Vec::new(),
        verified: None,
    };
    Adopted { entry, replica: Some(replica) }
}

/// A pool with one tape, and its tree.
async fn vault(catalogue: &Catalogue) -> (Tree, LocationId) {
    let library = library(catalogue, "l").await;
    let location = put(catalogue, &library, "A00001L9").await;
    let pool = tape_pool(catalogue, PoolRole::OfflineArchive, &[location]).await;
    assert_eq!(pool.root, None);
    let tree = catalogue.pool_tree(pool.id).await.unwrap();
    assert_eq!(catalogue.pool_tree(pool.id).await.unwrap(), tree, "it is made once");
    assert!(catalogue.pool(pool.id).await.unwrap().root.is_some());
    (tree, location)
}

async fn at(catalogue: &Catalogue, tree: Tree, path: &str) -> Entry {
    catalogue.entry_at(tree, path).await.unwrap()
}

async fn running(catalogue: &Catalogue, worker: &str) -> Job {
    let work = Work::EjectCartridges { cartridges: Vec::new() };
    let holder = Holder { worker: worker.to_owned(), until: Timestamp::now().plus(HELD_FOR) };
    catalogue.create_job(&NewJob { definition: None, name: "j".to_owned(), work }, Some(holder)).await.unwrap()
}

fn busy(held: capstan_domain::Outcome<()>) {
    let failure = held.unwrap_err();
    assert_eq!((failure.code.as_deref(), failure.may_retry()), (Some(CARTRIDGE_BUSY), true), "{failure}");
}

async fn adopts(catalogue: &Catalogue, _: &Base) {
    let (tree, location) = vault(catalogue).await;
    let one = || vec![found(tree, location, "a/b", b"bb", 7), found(tree, location, "c", b"ccc", 8)];
    for _ in 0..2 {
        assert_eq!(catalogue.adopt(tree, one()).await.unwrap(), Vec::<String>::new());
        let file = at(catalogue, tree, "a/b").await;
        assert_eq!((file.size, file.resident, file.modified, file.mode), (2, false, Timestamp(7), Some(0o640)));
        assert_eq!(file.blake3.as_deref(), Some(&blake3::hash(b"bb").as_bytes()[..]));
        let tape = catalogue.cartridge(location).await.unwrap();
        assert_eq!((tape.file_count, tape.file_bytes), (2, 5));
        assert_eq!(catalogue.holders(&[file.number]).await.unwrap().len(), 1);
    }
}

async fn leaves(catalogue: &Catalogue, _: &Base) {
    let (_, location) = vault(catalogue).await;
    let tree = Tree::Space(space(catalogue, "s").await.id);
    let kept = found(tree, location, "a", b"on the disk", 5).entry;
    let folder = NewEntry { kind: EntryKind::Folder, path: "b".to_owned(), ..kept.clone() };
    catalogue.upsert_entries(tree, vec![kept, folder]).await.unwrap();
    let new = vec![found(tree, location, "a", b"on the tape", 9), found(tree, location, "b", b"no folder", 9)];
    assert_eq!(catalogue.adopt(tree, new).await.unwrap(), ["b"]);
    let file = at(catalogue, tree, "a").await;
    assert_eq!((file.resident, file.modified), (true, Timestamp(5)));
    let copies = catalogue.replicas_of(file.number).await.unwrap();
    assert_eq!(copies[0].blake3, blake3::hash(b"on the tape").as_bytes());
    assert_eq!(at(catalogue, tree, "b").await.kind, EntryKind::Folder);
}

async fn newer(catalogue: &Catalogue, _: &Base) {
    let (tree, first) = vault(catalogue).await;
    let library = catalogue.library("l").await.unwrap();
    let both = [seen("A00001L9", ElementKind::Slot, 256), seen("A00002L9", ElementKind::Slot, 257)];
    catalogue.record_inventory(&library, holding(&both)).await.unwrap();
    let second = catalogue.cartridge("A00002L9").await.unwrap().location;
    for (location, content, modified) in [(first, b"new", 9), (second, b"old", 5)] {
        catalogue.adopt(tree, vec![found(tree, location, "a", content, modified)]).await.unwrap();
        let file = at(catalogue, tree, "a").await;
        assert_eq!((file.modified, file.blake3.as_deref()), (Timestamp(9), Some(&blake3::hash(b"new").as_bytes()[..])));
    }
    catalogue.adopt(tree, vec![found(tree, second, "a", b"newest", 12)]).await.unwrap();
    let file = at(catalogue, tree, "a").await;
    assert_eq!((file.size, file.resident, catalogue.replicas_of(file.number).await.unwrap().len()), (6, false, 2));
}

async fn forgets(catalogue: &Catalogue, _: &Base) {
    let (tree, location) = vault(catalogue).await;
    let inside = |tree| vec![found(tree, location, "a/b", b"bb", 7), found(tree, location, "c", b"c", 7)];
    catalogue.adopt(tree, inside(tree)).await.unwrap();
    let kept = Tree::Space(space(catalogue, "s").await.id);
    catalogue.adopt(kept, inside(kept)).await.unwrap();
    let forgotten = vec![(location, vec!["a/b".to_owned()])];
    let record = capstan_catalogue::Record { forgotten, ..capstan_catalogue::Record::default() };
    catalogue.record(record).await.unwrap();
    assert!(catalogue.entry_at(tree, "a/b").await.is_err());
    assert!(catalogue.entry_at(tree, "c").await.is_ok());
    catalogue.forget_cartridge(location).await.unwrap();
    assert!(catalogue.entry_at(tree, "c").await.is_err());
    assert!(!at(catalogue, kept, "c").await.resident, "a space shows what was lost");
}

async fn pages(catalogue: &Catalogue, _: &Base) {
    let (tree, location) = vault(catalogue).await;
    let kept = Tree::Space(space(catalogue, "s").await.id);
    for tree in [tree, kept] {
        let files = (0..5).map(|number| found(tree, location, &format!("f{number}"), b"x", 7)).collect();
        catalogue.adopt(tree, files).await.unwrap();
    }
    let (mut all, mut after): (Vec<Recorded>, Option<Recorded>) = (Vec::new(), None);
    loop {
        let page = catalogue.recorded(location, after.as_ref(), 3).await.unwrap();
        let Some(last) = page.last().cloned() else { break };
        all.extend(page);
        after = Some(last);
    }
    let mut ids: Vec<_> = all.iter().map(|one| one.replica.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((all.len(), ids.len()), (10, 10));
    let mut from = catalogue.copied_from(location, &["f3".to_owned(), "nothing".to_owned()]).await.unwrap();
    from.sort_by_key(|one| one.tree != kept);
    let of = |tree| CopiedFrom { key: "f3".to_owned(), tree, path: "f3".to_owned() };
    assert_eq!(from, [of(kept), of(tree)]);
}

async fn places(catalogue: &Catalogue, _: &Base) {
    let (tree, location) = vault(catalogue).await;
    let files = ["a/b", "a/c", "ab"].map(|path| found(tree, location, path, b"x", 7));
    catalogue.adopt(tree, files.into()).await.unwrap();
    for (path, holds) in [("a", true), ("a/b", true), ("ab", true), ("", true), ("a/", false), ("b", false)] {
        let held = catalogue.holding_under(tree, path).await.unwrap();
        assert_eq!(held, if holds { vec![location] } else { Vec::new() }, "{path:?}");
    }
}

async fn read_back(catalogue: &Catalogue, _: &Base) {
    let (tree, location) = vault(catalogue).await;
    let mut foreign = found(tree, location, "b", b"others wrote it", 7);
    foreign.entry.blake3 = None;
    foreign.replica.as_mut().unwrap().blake3 = Vec::new();
    catalogue.adopt(tree, vec![found(tree, location, "a", b"a", 7), foreign]).await.unwrap();
    let copy = async |path: &str| catalogue.replicas_of(at(catalogue, tree, path).await.number).await.unwrap().remove(0);
    assert_eq!(copy("b").await.blake3, Vec::<u8>::new());
    let hash = blake3::hash(b"others wrote it").as_bytes().to_vec();
    let read = vec![
        ReadBack { replica: copy("a").await.id, learned: None },
        ReadBack { replica: copy("b").await.id, learned: Some((hash.clone(), Vec::new())) },
    ];
    catalogue.record_read_back(read, Timestamp(99)).await.unwrap();
    assert_eq!((copy("a").await.verified, copy("b").await.verified), (Some(Timestamp(99)), Some(Timestamp(99))));
    assert_eq!((copy("b").await.blake3, at(catalogue, tree, "b").await.blake3), (hash.clone(), Some(hash)));
    assert_eq!(copy("a").await.blake3, blake3::hash(b"a").as_bytes());
}

async fn pooled(catalogue: &Catalogue, _: &Base) {
    let library = library(catalogue, "l").await;
    let location = put(catalogue, &library, "A00001L9").await;
    let pool = catalogue.pool_found_tape("l", location).await.unwrap();
    assert_eq!(catalogue.pool_found_tape("l", location).await.unwrap(), pool);
    let made = catalogue.pool(pool).await.unwrap();
    assert_eq!((made.name.as_str(), made.content, made.role), ("l", PoolContent::Tape, PoolRole::OfflineArchive));
    assert_eq!(catalogue.cartridge(location).await.unwrap().pool, Some(pool));
    let scratch = tape_pool(catalogue, PoolRole::Scratch, &[]).await;
    let taken = catalogue.pool_found_tape(&scratch.name, location).await.unwrap_err();
    assert_eq!(taken.code.as_deref(), Some("taken"), "blank tapes are kept apart");
}

async fn uses(catalogue: &Catalogue, _: &Base) {
    let (_, location) = vault(catalogue).await;
    let (one, other) = (running(catalogue, "w").await.id, running(catalogue, "w").await.id);
    let cartridge = [location];
    catalogue.hold_cartridges(one, &cartridge, false).await.unwrap();
    catalogue.hold_cartridges(other, &cartridge, false).await.unwrap();
    busy(catalogue.hold_cartridges(one, &cartridge, true).await);
    catalogue.let_go_of_cartridge(other, location).await.unwrap();
    catalogue.hold_cartridges(one, &cartridge, true).await.unwrap();
    busy(catalogue.hold_cartridges(other, &cartridge, false).await);
    catalogue.let_go_of_cartridge(one, location).await.unwrap();
    catalogue.hold_cartridges(other, &cartridge, true).await.unwrap();
    // What is no cartridge is nobody's.
    catalogue.hold_cartridges(one, &[LocationId::new()], true).await.unwrap();
    catalogue.hold_cartridges(one, &[], true).await.unwrap();
}

async fn ends(catalogue: &Catalogue, _: &Base) {
    let (_, location) = vault(catalogue).await;
    let other = running(catalogue, "w").await.id;
    let failure = Failure::invalid("no");
    let releases = [
        Release::Finished { state: JobState::Failed, failure: Some(failure), answer: None },
        Release::Paused,
        Release::Again { ready: Timestamp::now().plus(HELD_FOR), failure: None },
    ];
    for release in releases {
        let job = running(catalogue, "w").await.id;
        catalogue.hold_cartridges(job, &[location], true).await.unwrap();
        busy(catalogue.hold_cartridges(other, &[location], false).await);
        catalogue.release_job(job, "w", &Progress::default(), release).await.unwrap();
        catalogue.hold_cartridges(other, &[location], true).await.unwrap();
        catalogue.let_go_of_cartridge(other, location).await.unwrap();
    }
}

async fn full(catalogue: &Catalogue, _: &Base) {
    let (tree, location) = vault(catalogue).await;
    assert!(!catalogue.record_full(location).await.unwrap());
    let pool = catalogue.cartridge(location).await.unwrap().pool.unwrap();
    assert_eq!(tree, Tree::Pool(pool));
    let mut pool = catalogue.pool(pool).await.unwrap();
    pool.protects_full = true;
    assert!(catalogue.update_pool(&pool, None).await.unwrap().protects_full);
    assert!(catalogue.record_full(location).await.unwrap());
    assert!(catalogue.record_full(location).await.unwrap());
    assert_eq!(catalogue.cartridge(location).await.unwrap().write_protect, [FULL]);
}

async fn idle(catalogue: &Catalogue, _: &Base) {
    let library = library(catalogue, "l").await;
    let inside = [seen("A00001L9", ElementKind::Drive, 1)];
    let inventory = Inventory { drives: vec![drive("D1", Some("A00001L9"))], ..holding(&inside) };
    catalogue.record_inventory(&library, inventory).await.unwrap();
    let location = catalogue.cartridge("A00001L9").await.unwrap().location;
    let soon = || Timestamp::now().plus(HELD_FOR);
    let found = async |before| {
        catalogue
            .idle_tape_drives(before, Timestamp(1), 10)
            .await
            .unwrap()
            .into_iter()
            .map(|(drive, at)| (drive.serial, at))
            .collect::<Vec<_>>()
    };
    assert!(found(Timestamp(1)).await.is_empty(), "it came a moment ago");
    assert_eq!(found(soon()).await, [("D1".to_owned(), location)]);
    let job = running(catalogue, "w").await.id;
    catalogue.hold_cartridges(job, &[location], false).await.unwrap();
    assert!(found(soon()).await.is_empty());
    assert!(!catalogue.take_idle_cartridge(location, soon()).await.unwrap());
    let held = Timestamp::now();
    catalogue.let_go_of_cartridge(job, location).await.unwrap();
    assert!(!catalogue.take_idle_cartridge(location, held).await.unwrap(), "it was used since");
    let before = Timestamp::now();
    assert!(catalogue.take_idle_cartridge(location, before).await.unwrap());
    assert!(!catalogue.take_idle_cartridge(location, before).await.unwrap(), "one of two hosts");
    let dirty = capstan_domain::library::SeenDrive { state: DriveState::CleaningNeeded, ..drive("D1", Some("A00001L9")) };
    catalogue.record_inventory(&library, Inventory { drives: vec![dirty], ..holding(&inside) }).await.unwrap();
    assert_eq!(catalogue.idle_tape_drives(Timestamp(1), soon(), 10).await.unwrap().len(), 1, "it waits to be cleaned");
}

async fn cleans(catalogue: &Catalogue, _: &Base) {
    let library = library(catalogue, "l").await;
    let dirty = capstan_domain::library::SeenDrive { state: DriveState::CleaningNeeded, ..drive("D1", None) };
    let inventory = Inventory { drives: vec![dirty, drive("D2", None)], ..holding(&[]) };
    catalogue.record_inventory(&library, inventory).await.unwrap();
    let before = Timestamp::now();
    let found = catalogue.dirty_tape_drives(before, 10).await.unwrap();
    assert_eq!(found.iter().map(|drive| drive.serial.as_str()).collect::<Vec<_>>(), ["D1"]);
    assert!(found[0].is_online());
    assert!(catalogue.begin_cleaning(&found[0]).await.unwrap());
    assert!(!catalogue.begin_cleaning(&found[0]).await.unwrap(), "one of two hosts");
    assert!(catalogue.dirty_tape_drives(before, 10).await.unwrap().is_empty(), "it was tried a moment ago");
    catalogue.record_cleaning(found[0].id, Some(&Failure::invalid("used up"))).await.unwrap();
    let drive = catalogue.tape_drive("D1").await.unwrap();
    assert_eq!((drive.state, drive.cleaning_failure.is_some()), (DriveState::CleaningNeeded, true));
    catalogue.record_cleaning(found[0].id, None).await.unwrap();
    let drive = catalogue.tape_drive("D1").await.unwrap();
    assert_eq!((drive.state, drive.cleaning_failure.is_some()), (DriveState::Ok, false));
}
