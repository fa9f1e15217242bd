//! Tape libraries as inventories see them: what comes, moves and goes, and what is recorded of a cartridge.

use capstan_catalogue::{Catalogue, Formatted, NewReplica, Record};
use capstan_domain::cartridge::{Format, Medium, Reading};
use capstan_domain::entry::{EntryKind, NewEntry, Tree};
use capstan_domain::ids::LocationId;
use capstan_domain::job::{Job, NewJob, PathOutcome, PathState, Work};
use capstan_domain::library::{Inventory, Library, NewLibrary, SeenCartridge, SeenDrive, Shelf, place_name};
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::pool::{NewPool, Pool, PoolContent, PoolRole};
use capstan_domain::ports::ElementKind;
use capstan_domain::tape_drive::DriveState;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Kind};
use serde_json::json;

use crate::database::{Base, on_both};
use crate::nouns::{space, target};

on_both! {
    an_inventory_makes_moves_and_takes_out_cartridges => inventories,
    a_look_that_finds_nothing_new_changes_no_cartridge => unchanged,
    drives_come_with_the_inventory_and_keep_what_people_say => drives,
    a_library_is_due_for_one_host_alone => due,
    a_format_leaves_a_blank_tape_in_the_scratch_pool => formats,
    the_latest_statistics_of_a_tape_are_kept_and_nothing_told_changes_nothing => statistics,
    what_is_forgotten_for_a_format_is_on_no_tape => forgets,
    only_a_tape_that_is_gone_can_be_deleted => deletes,
    tapes_are_listed_by_what_the_inventory_saw => lists,
    a_copy_on_a_tape_is_told_from_others => holders,
}

pub(crate) async fn library(catalogue: &Catalogue, name: &str) -> Library {
    let target = target(catalogue, &format!("target of {name}")).await;
    let new = NewLibrary {
        target: target.id,
        name: name.to_owned(),
        serial: "LIB0001".to_owned(),
        vendor: "STK".to_owned(),
        product: "L700".to_owned(),
        attributes: json!({"nodeum": {"comment": "c"}}),
    };
    catalogue.create_library(&new, Some(Timestamp(1))).await.unwrap()
}

pub(crate) fn seen(barcode: &str, kind: ElementKind, address: u32) -> SeenCartridge {
    SeenCartridge {
        barcode: barcode.to_owned(),
        address,
        kind,
        place: place_name(kind, address),
        home: None,
        medium: Medium::Unknown,
        locked: false,
        doubtful: false,
    }
}

pub(crate) fn drive(serial: &str, cartridge: Option<&str>) -> SeenDrive {
    SeenDrive {
        serial: serial.to_owned(),
        vendor: "IBM".to_owned(),
        product: "ULT3580".to_owned(),
        revision: None,
        element: Some(1),
        state: DriveState::Ok,
        ready: cartridge.is_some(),
        cartridge: cartridge.map(str::to_owned),
    }
}

pub(crate) fn holding(cartridges: &[SeenCartridge]) -> Inventory {
    Inventory {
        vendor: "STK".to_owned(),
        product: "L700".to_owned(),
        revision: Some("0010".to_owned()),
        slots: Shelf { count: 10, first: Some(256) },
        mail_slots: Shelf { count: 2, first: Some(32) },
        cartridges: cartridges.to_vec(),
        drives: vec![drive("D1", None)],
    }
}

pub(crate) async fn put(catalogue: &Catalogue, library: &Library, barcode: &str) -> LocationId {
    catalogue.record_inventory(library, holding(&[seen(barcode, ElementKind::Slot, 256)])).await.unwrap();
    catalogue.cartridge(barcode).await.unwrap().location
}

pub(crate) async fn tape_pool(catalogue: &Catalogue, role: PoolRole, members: &[LocationId]) -> Pool {
    let new = NewPool {
        name: format!("{role:?}"),
        comment: None,
        content: PoolContent::Tape,
        role,
        protects_full: false,
        attributes: json!({}),
    };
    catalogue.create_pool(&new, members).await.unwrap()
}

pub(crate) async fn job(catalogue: &Catalogue) -> Job {
    let work = Work::EjectCartridges { cartridges: Vec::new() };
    catalogue.create_job(&NewJob { definition: None, name: "j".to_owned(), work }, None).await.unwrap()
}

fn done(job: &Job, barcode: &str) -> PathOutcome {
    let (path, finished) = (barcode.to_owned(), Timestamp::now());
    PathOutcome { job: job.id, path, state: PathState::Done, bytes: 0, failure: None, finished }
}

async fn inventories(catalogue: &Catalogue, _: &Base) {
    let library = library(catalogue, "l").await;
    assert!(!library.is_online());
    let first = [seen("A00001L9", ElementKind::Slot, 256), seen("CLN001CU", ElementKind::Slot, 257)];
    let tally = catalogue.record_inventory(&library, holding(&first)).await.unwrap();
    assert_eq!((tally.cartridges, tally.came, tally.moved, tally.gone), (2, 2, 0, 0));
    let shown = catalogue.library("l").await.unwrap();
    assert!(shown.is_online());
    assert_eq!((shown.slots, shown.revision.as_deref()), (Shelf { count: 10, first: Some(256) }, Some("0010")));
    let tape = catalogue.cartridge("A00001L9").await.unwrap();
    assert_eq!((tape.medium, tape.generation, tape.home, tape.format), (Medium::Data, Some(9), Some(256), Format::Unknown));
    assert_eq!((tape.place.as_deref(), tape.known, tape.library), (Some("Slot 256"), true, Some(library.id)));
    assert!(catalogue.cartridge("CLN001CU").await.unwrap().is_cleaning());

    // Into a drive, and the other one out of the library.
    let tally = catalogue.record_inventory(&library, holding(&[seen("A00001L9", ElementKind::Drive, 1)])).await.unwrap();
    assert_eq!((tally.came, tally.moved, tally.gone), (0, 1, 1));
    let moved = catalogue.cartridge(tape.number).await.unwrap();
    assert_eq!((moved.is_mounted(), moved.loads, moved.home), (true, 1, Some(256)));
    assert!(moved.moved > tape.moved && moved.came == tape.came);
    let gone = catalogue.cartridge("CLN001CU").await.unwrap();
    assert_eq!((gone.known, gone.ejected, gone.element, gone.place), (false, true, None, None));

    // Back through a mail slot: the same row.
    let back = [seen("A00001L9", ElementKind::Drive, 1), seen("CLN001CU", ElementKind::MailSlot, 32)];
    let tally = catalogue.record_inventory(&library, holding(&back)).await.unwrap();
    assert_eq!((tally.came, tally.moved, tally.gone), (1, 0, 0));
    let again = catalogue.cartridge("CLN001CU").await.unwrap();
    assert_eq!((again.number, again.known, again.ejected), (gone.number, true, false));
    assert!(again.came > gone.came);
    assert_eq!(catalogue.cartridge(tape.number).await.unwrap().loads, 1, "it stayed in the drive");

    catalogue.library_away(library.id, &Failure::new(Kind::Unavailable, "no route")).await.unwrap();
    let away = catalogue.library(library.id).await.unwrap();
    assert!(!away.is_online() && away.failure.is_some() && away.seen.is_some());
    catalogue.record_inventory(&library, holding(&back)).await.unwrap();
    assert!(catalogue.library(library.id).await.unwrap().is_online());
}

async fn unchanged(catalogue: &Catalogue, _: &Base) {
    let library = library(catalogue, "l").await;
    let location = put(catalogue, &library, "A00001L9").await;
    let before = catalogue.cartridge(location).await.unwrap();
    put(catalogue, &library, "A00001L9").await;
    let after = catalogue.cartridge(location).await.unwrap();
    assert_eq!((after.updated, after.moved, after.came), (before.updated, before.moved, before.came));
}

async fn drives(catalogue: &Catalogue, _: &Base) {
    let library = library(catalogue, "l").await;
    let with = |drives: Vec<SeenDrive>| Inventory { drives, ..holding(&[]) };
    catalogue.record_inventory(&library, with(vec![drive("D1", None), drive("D2", None)])).await.unwrap();
    let mut first = catalogue.tape_drive("D1").await.unwrap();
    assert_eq!((first.library, first.registered, first.loads), (library.id, true, 0));
    first.name = "left".to_owned();
    first.registered = false;
    first.attributes = json!({"nodeum": {"comment": "ours no more"}});
    catalogue.update_tape_drive(&first).await.unwrap();
    catalogue.record_inventory(&library, with(vec![drive("D1", Some("A00001L9"))])).await.unwrap();
    let first = catalogue.tape_drive("left").await.unwrap();
    assert_eq!((first.registered, first.loads, first.cartridge.as_deref()), (false, 1, Some("A00001L9")));
    let second = catalogue.tape_drive("D2").await.unwrap();
    assert_eq!((second.state, second.is_online()), (DriveState::Absent, false));
    let count = |field: &'static str, value: &'static str| {
        let listing = Listing::first(10).with(field, Operator::Equal, value);
        async move { catalogue.tape_drives(&listing).await.unwrap().count }
    };
    assert_eq!((count("status", "online").await, count("registered", "true").await, count("full", "1").await), (1, 1, 1));
    assert_eq!(count("attributes/nodeum/comment", "ours no more").await, 1);
    catalogue.delete_library(library.id).await.unwrap();
    assert_eq!(catalogue.tape_drive("D2").await.unwrap_err().kind, Kind::NotFound);
}

async fn due(catalogue: &Catalogue, _: &Base) {
    let library = library(catalogue, "l").await;
    let location = put(catalogue, &library, "A00001L9").await;
    let found = catalogue.due_libraries(Timestamp::now(), 10).await.unwrap();
    assert_eq!(found.len(), 1);
    let later = Timestamp::now().plus(std::time::Duration::from_secs(300));
    assert!(catalogue.advance_library(&found[0], later).await.unwrap());
    assert!(!catalogue.advance_library(&found[0], later).await.unwrap(), "another host was faster");
    assert!(catalogue.due_libraries(Timestamp::now(), 10).await.unwrap().is_empty());
    catalogue.ask_inventory(&[location]).await.unwrap();
    assert_eq!(catalogue.due_libraries(Timestamp::now(), 10).await.unwrap().len(), 1);
    catalogue.ask_inventory(&[LocationId::new()]).await.unwrap();
    let taken = NewLibrary {
        target: library.target,
        name: "other".to_owned(),
        serial: library.serial.clone(),
        vendor: String::new(),
        product: String::new(),
        attributes: json!({}),
    };
    assert_eq!(catalogue.create_library(&taken, None).await.unwrap_err().kind, Kind::AlreadyExists);
}

async fn formats(catalogue: &Catalogue, _: &Base) {
    let library = library(catalogue, "l").await;
    let location = put(catalogue, &library, "A00001L9").await;
    let archive = tape_pool(catalogue, PoolRole::OfflineArchive, &[location]).await;
    let scratch = tape_pool(catalogue, PoolRole::Scratch, &[]).await;
    let job = job(catalogue).await;
    let reading =
        Reading { capacity: Some(100), remaining: Some(90), loads: Some(7), write_protected: true, ..Reading::default() };
    let formatted = Formatted { format: Format::Blank, reading: Some(reading), scratch: Some(scratch.id) };
    catalogue.record_format(location, formatted, done(&job, "A00001L9")).await.unwrap();
    let tape = catalogue.cartridge(location).await.unwrap();
    assert_eq!((tape.format, tape.scratch, tape.pool), (Format::Blank, true, Some(scratch.id)));
    assert_eq!((tape.capacity, tape.remaining, tape.loads), (Some(100), Some(90), 7));
    assert_eq!(tape.write_protect, ["switch"]);
    assert!(tape.maintained.is_some() && tape.measured.is_some());
    assert!(catalogue.members(archive.id).await.unwrap().is_empty());
    assert_eq!(catalogue.tally(job.id).await.unwrap().done, 1);

    // What a later drive does not tell stays known.
    catalogue.record_reading(location, Reading { remaining: Some(80), loads: Some(3), ..Reading::default() }).await.unwrap();
    let tape = catalogue.cartridge(location).await.unwrap();
    assert_eq!((tape.capacity, tape.remaining, tape.loads), (Some(100), Some(80), 7));
    assert!(tape.write_protect.is_empty());
    catalogue.record_check(location, false).await.unwrap();
    assert!(catalogue.cartridge(location).await.unwrap().need_to_check);

    catalogue.record_ejection(location, 33, done(&job, "A00001L9")).await.unwrap();
    let tape = catalogue.cartridge(location).await.unwrap();
    assert_eq!((tape.ejected, tape.element, tape.element_kind), (true, Some(33), Some(ElementKind::MailSlot)));
    // The inventory finds it there, and it stays ejected until it lies in a slot.
    let there = holding(&[seen("A00001L9", ElementKind::MailSlot, 33)]);
    catalogue.record_inventory(&library, there).await.unwrap();
    let tape = catalogue.cartridge(location).await.unwrap();
    assert_eq!((tape.ejected, tape.place.as_deref()), (true, Some("Mail slot 33")));
    put(catalogue, &library, "A00001L9").await;
    assert!(!catalogue.cartridge(location).await.unwrap().ejected);
}

async fn statistics(catalogue: &Catalogue, _: &Base) {
    let library = library(catalogue, "l").await;
    let tapes = [put(catalogue, &library, "A00001L9").await, put(catalogue, &library, "A00002L9").await];
    assert_eq!(catalogue.statistics_of_tape(tapes[0]).await.unwrap(), None);
    assert_eq!(catalogue.tape_statistics(&Listing::first(10)).await.unwrap().count, 0);
    let told = |loads: u64| {
        let counters = [("loads".to_owned(), loads), ("write-errors".to_owned(), u64::MAX)].into_iter().collect();
        Reading { counters, ..Reading::default() }
    };
    for (tape, loads) in [(tapes[0], 3), (tapes[1], 5), (tapes[0], 4)] {
        catalogue.record_reading(tape, told(loads)).await.unwrap();
    }
    let first = catalogue.statistics_of_tape(tapes[0]).await.unwrap().unwrap();
    assert_eq!((first.barcode.as_str(), first.cartridge, &first.counters), ("A00001L9", tapes[0], &told(4).counters));
    // A drive that tells nothing takes nothing away.
    catalogue.record_reading(tapes[0], Reading::default()).await.unwrap();
    assert_eq!(catalogue.statistics_of_tape(tapes[0]).await.unwrap(), Some(first.clone()));

    let page = catalogue.tape_statistics(&Listing::first(1)).await.unwrap();
    assert_eq!((page.count, page.items), (2, vec![first]));
    let barcodes = async |listing: Listing| {
        let page = catalogue.tape_statistics(&listing).await.unwrap();
        page.items.into_iter().map(|one| one.barcode).collect::<Vec<_>>()
    };
    assert_eq!(barcodes(Listing::first(9).with("barcode", Operator::Equal, "A00002L9")).await, ["A00002L9"]);
    assert_eq!(barcodes(Listing::first(9).with("counters/loads", Operator::Equal, "4")).await, ["A00001L9"]);
    let job = job(catalogue).await;
    let reading = Some(told(6));
    let formatted = Formatted { format: Format::Blank, reading, scratch: None };
    catalogue.record_format(tapes[1], formatted, done(&job, "A00002L9")).await.unwrap();
    assert_eq!(catalogue.statistics_of_tape(tapes[1]).await.unwrap().unwrap().counters, told(6).counters);
}

async fn stored(catalogue: &Catalogue, location: LocationId) -> i64 {
    let space = space(catalogue, "s").await;
    let tree = Tree::Space(space.id);
    let entry = NewEntry {
        tree,
        path: "f".to_owned(),
        kind: EntryKind::File,
        size: 5,
        modified: Timestamp(1),
        changed: None,
        mode: None,
        uid: None,
        gid: None,
        inode: None,
        blake3: Some(vec![1; 32]),
    };
    let replica = NewReplica {
        path: "f".to_owned(),
        location,
        key: "f".to_owned(),
        size: 5,
        modified: Timestamp(1),
        etag: None,
        version: None,
        blake3: vec![1; 32],
        subtrees: Vec::new(),
        verified: Some(Timestamp(2)),
    };
    let record = Record { entries: vec![(tree, vec![entry])], replicas: vec![(tree, vec![replica])], ..Record::default() };
    catalogue.record(record).await.unwrap();
    catalogue.entry_at(tree, "f").await.unwrap().number
}

async fn forgets(catalogue: &Catalogue, _: &Base) {
    let library = library(catalogue, "l").await;
    let location = put(catalogue, &library, "A00001L9").await;
    let entry = stored(catalogue, location).await;
    assert_eq!(catalogue.cartridge(location).await.unwrap().file_count, 1);
    catalogue.forget_cartridge(location).await.unwrap();
    let tape = catalogue.cartridge(location).await.unwrap();
    assert_eq!((tape.file_count, tape.file_bytes), (0, 0));
    assert!(catalogue.replicas_of(entry).await.unwrap().is_empty());
}

async fn deletes(catalogue: &Catalogue, _: &Base) {
    let library = library(catalogue, "l").await;
    let location = put(catalogue, &library, "A00001L9").await;
    let in_use = |failure: Failure| assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Conflict, Some("in-use")));
    in_use(catalogue.delete_cartridge(location).await.unwrap_err());
    stored(catalogue, location).await;
    let pool = tape_pool(catalogue, PoolRole::OfflineArchive, &[location]).await;
    assert_eq!(catalogue.pooled_cartridges(library.id).await.unwrap(), 1);
    catalogue.record_inventory(&library, holding(&[])).await.unwrap();
    in_use(catalogue.delete_cartridge(location).await.unwrap_err());
    catalogue.delete_pool(pool.id).await.unwrap();
    in_use(catalogue.delete_cartridge(location).await.unwrap_err());
    catalogue.forget_cartridge(location).await.unwrap();
    catalogue.delete_cartridge(location).await.unwrap();
    assert_eq!(catalogue.cartridge(location).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(catalogue.location(location).await.unwrap_err().kind, Kind::NotFound);
}

async fn lists(catalogue: &Catalogue, _: &Base) {
    let library = library(catalogue, "l").await;
    let all = [
        seen("A00001L9", ElementKind::Slot, 256),
        seen("A00002LZ", ElementKind::Drive, 1),
        seen("CLN001CU", ElementKind::Slot, 258),
        SeenCartridge { locked: true, ..seen("NOLABEL", ElementKind::Slot, 259) },
    ];
    catalogue.record_inventory(&library, holding(&all)).await.unwrap();
    let count = |field: &'static str, operator, value: &'static str| {
        let listing = Listing::first(10).with(field, operator, value);
        async move { catalogue.cartridges(&listing).await.unwrap().count }
    };
    for (field, operator, value, matches) in [
        ("kind", Operator::Equal, "data_lto9", 2),
        ("kind", Operator::Equal, "cleaning", 1),
        ("kind", Operator::Equal, "unknown", 1),
        ("place", Operator::Like, "Slot%", 3),
        ("mounted", Operator::Equal, "1", 1),
        ("cleaning", Operator::Equal, "0", 3),
        ("locked", Operator::Equal, "1", 1),
        ("known", Operator::Equal, "1", 4),
        ("barcode", Operator::Like, "a0%", 2),
        ("remaining", Operator::Greater, "0", 0),
        ("pool_number", Operator::NotEqual, "1", 4),
        ("write_protect", Operator::Like, "%switch%", 0),
        ("format", Operator::Equal, "unknown", 4),
    ] {
        assert_eq!(count(field, operator, value).await, matches, "{field} {operator:?} {value}");
    }
    let by_number = Listing::first(10).with("library_number", Operator::Equal, library.number);
    assert_eq!(catalogue.cartridges(&by_number).await.unwrap().count, 4);
    let online =
        Listing::first(10).with("status", Operator::Equal, "online").with("attributes/nodeum/comment", Operator::Equal, "c");
    assert_eq!(catalogue.libraries(&online).await.unwrap().count, 1);
}

async fn holders(catalogue: &Catalogue, _: &Base) {
    let library = library(catalogue, "l").await;
    let location = put(catalogue, &library, "A00001L9").await;
    let entry = stored(catalogue, location).await;
    let held = catalogue.holders(&[entry]).await.unwrap();
    assert_eq!(held.iter().map(|one| (one.name.as_str(), one.is_cartridge)).collect::<Vec<_>>(), [("A00001L9", true)]);
    let of_entry = Listing::first(10).with("entry", Operator::Equal, entry);
    assert_eq!(catalogue.cartridges(&of_entry).await.unwrap().count, 1);
    let other = Listing::first(10).with("entry", Operator::Equal, entry + 1);
    assert_eq!(catalogue.cartridges(&other).await.unwrap().count, 0);
}
