//! States of files: what they rest on, what they count for, and what becomes of them when copies go.

use capstan_catalogue::{CONTENT_LOST, Catalogue, NewReplica, Record};
use capstan_domain::entry::{NewEntry, Tree};
use capstan_domain::file_state::{FileState, NewFileState, StateCount};
use capstan_domain::ids::LocationId;
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Kind};

use crate::database::{Base, on_both};
use crate::entries::file;
use crate::nouns::{info, space, target};
use crate::sites::default_site;

on_both! {
    a_file_is_no_stub_without_a_verified_copy_of_its_content => unproved,
    a_stub_does_not_count_as_resident_and_counts_again_when_it_is_back => residence,
    what_is_not_resident_is_found_by_state_and_by_what_went_wrong => listed,
    a_stub_that_a_scan_sees_stays_a_stub => scanned,
    when_a_copy_goes_the_state_passes_to_another_or_the_content_is_lost => lost,
    the_last_copy_of_a_stub_is_told_before_it_is_deleted => last,
}

const HASH: [u8; 32] = [7; 32];

fn hashed(tree: Tree, path: &str, size: u64) -> NewEntry {
    NewEntry { blake3: Some(HASH.to_vec()), ..file(tree, path, size) }
}

fn copy(path: &str, location: LocationId, verified: bool) -> NewReplica {
    NewReplica {
        path: path.to_owned(),
        location,
        key: format!("k/{path}"),
        size: 10,
        modified: Timestamp(1),
        etag: None,
        version: None,
        blake3: HASH.to_vec(),
        subtrees: Vec::new(),
        verified: verified.then_some(Timestamp(2)),
    }
}

fn state(path: &str, state: FileState) -> NewFileState {
    NewFileState { path: path.to_owned(), state, replica: None, leading: 0, failure: None }
}

/// Two files of ten bytes, with verified copies in the first of two locations.
async fn copied(catalogue: &Catalogue) -> (Tree, [LocationId; 2]) {
    let tree = Tree::Space(space(catalogue, "s").await.id);
    let target = target(catalogue, "t").await;
    let locations = catalogue.sync_locations(target.id, &[info("one"), info("two")]).await.unwrap();
    let locations = [locations[0].id, locations[1].id];
    let record = Record {
        entries: vec![(tree, vec![hashed(tree, "d/a", 10), hashed(tree, "d/b", 10)])],
        replicas: vec![(tree, vec![copy("d/a", locations[0], true), copy("d/b", locations[0], true)])],
        ..Record::default()
    };
    catalogue.record(record).await.unwrap();
    (tree, locations)
}

async fn unproved(catalogue: &Catalogue, _: &Base) {
    let (tree, [_, other]) = copied(catalogue).await;
    let refused = async |states: Vec<NewFileState>| {
        let failure = catalogue.set_file_states(tree, states).await.unwrap_err();
        assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Conflict, Some("unproved")));
    };
    let changed = NewEntry { blake3: Some(vec![8; 32]), ..file(tree, "changed", 10) };
    let record = Record {
        entries: vec![(tree, vec![hashed(tree, "claimed", 10), hashed(tree, "bare", 10), changed])],
        replicas: vec![(tree, vec![copy("claimed", other, false), copy("changed", other, true)])],
        ..Record::default()
    };
    catalogue.record(record).await.unwrap();
    for path in ["claimed", "bare", "changed"] {
        for wanted in [FileState::Premigrated, FileState::Migrated, FileState::Recalling] {
            refused(vec![state("d/a", FileState::Migrated), state(path, wanted)]).await;
        }
    }
    let named = NewFileState { replica: Some(capstan_domain::ids::ReplicaId::new()), ..state("d/a", FileState::Migrated) };
    refused(vec![named]).await;
    assert!(catalogue.file_states(tree, &["d/a".to_owned()]).await.unwrap().is_empty(), "all or nothing");
    let missing = catalogue.set_file_states(tree, vec![state("d/none", FileState::Migrated)]).await.unwrap();
    assert_eq!(missing, ["d/none"]);
}

async fn residence(catalogue: &Catalogue, _: &Base) {
    let site = default_site(catalogue).await;
    let (tree, _) = copied(catalogue).await;
    let id = catalogue.space("s").await.unwrap().id;
    let resident = async || catalogue.space(id).await.unwrap().resident_bytes;
    let set = async |path: &str, wanted| catalogue.set_file_states(tree, vec![state(path, wanted)]).await.unwrap();
    set("d/a", FileState::Premigrated).await;
    assert_eq!(resident().await, 20);
    set("d/a", FileState::Migrated).await;
    assert_eq!(resident().await, 10);
    set("d/a", FileState::Migrated).await;
    assert_eq!(resident().await, 10, "once is enough");
    let counts = catalogue.state_counts(tree).await.unwrap();
    let one = StateCount { files: 1, bytes: 10 };
    assert_eq!((counts.resident, counts.migrated, counts.premigrated), (one, one, StateCount::default()));
    let on_site = catalogue.site_counts().await.unwrap()[0];
    assert_eq!((on_site.0, on_site.1.files, on_site.1.stubbed, on_site.1.hydrated()), (site.number, 2, 1, 1));
    set("d/a", FileState::Recalling).await;
    assert_eq!(resident().await, 10, "not before it is whole");
    set("d/a", FileState::Premigrated).await;
    assert_eq!(resident().await, 20);
    assert!(catalogue.entry_at(tree, "d/a").await.unwrap().resident);
    set("d/a", FileState::Resident).await;
    assert!(catalogue.file_states(tree, &["d/a".to_owned()]).await.unwrap().is_empty());
    let counts = catalogue.state_counts(tree).await.unwrap();
    assert_eq!(counts.resident, StateCount { files: 2, bytes: 20 });
}

async fn listed(catalogue: &Catalogue, _: &Base) {
    let (tree, [location, _]) = copied(catalogue).await;
    let id = catalogue.space("s").await.unwrap().id;
    let failed = NewFileState { failure: Some(Failure::new(Kind::NoSpace, "full")), ..state("d/a", FileState::Migrated) };
    let wrong = NewFileState { failure: Some(Failure::invalid("in use")), ..state("d/b", FileState::Resident) };
    catalogue.set_file_states(tree, vec![NewFileState { leading: 4, ..failed }, wrong]).await.unwrap();
    let of = |field: &str, value: &str| Listing::first(10).with("space", Operator::Equal, id).with(field, Operator::Equal, value);
    let stubs = catalogue.stateful_files(&of("state", "migrated")).await.unwrap();
    let stub = &stubs.items[0];
    assert_eq!((stubs.count, stub.path.as_str(), stub.leading, stub.space), (1, "d/a", 4, Some(id)));
    let replica = catalogue.replicas_of(stub.entry_number).await.unwrap().remove(0);
    assert_eq!((stub.replica, replica.location), (Some(replica.id), location));
    assert_eq!(stub.failure.as_ref().unwrap().kind, Kind::NoSpace);
    let resident = catalogue.stateful_files(&of("state", "resident")).await.unwrap();
    assert_eq!((resident.count, resident.items[0].replica), (1, None));
    let counts = catalogue.state_counts(tree).await.unwrap();
    assert_eq!((counts.failed.files, counts.resident.files), (2, 1));
    catalogue.set_file_states(tree, vec![state("d/b", FileState::Resident)]).await.unwrap();
    assert_eq!(catalogue.state_counts(tree).await.unwrap().failed.files, 1);
}

async fn scanned(catalogue: &Catalogue, _: &Base) {
    let (tree, [location, _]) = copied(catalogue).await;
    let id = catalogue.space("s").await.unwrap().id;
    let second = Record {
        entries: vec![(tree, vec![hashed(tree, "d/e", 10)])],
        replicas: vec![(tree, vec![copy("d/e", location, true)])],
        ..Record::default()
    };
    catalogue.record(second).await.unwrap();
    let states = vec![state("d/a", FileState::Migrated), state("d/e", FileState::Premigrated)];
    catalogue.set_file_states(tree, states).await.unwrap();
    let mut crawl = catalogue.begin_crawl(tree).await.unwrap();
    crawl.found(vec![file(tree, "d/a", 10), file(tree, "d/b", 10), file(tree, "d/c", 5)]).await.unwrap();
    crawl.sweep("").await.unwrap();
    let stub = catalogue.entry_at(tree, "d/a").await.unwrap();
    assert_eq!((stub.resident, stub.blake3), (false, Some(HASH.to_vec())));
    let space = catalogue.space(id).await.unwrap();
    assert_eq!((space.file_count, space.file_bytes, space.resident_bytes), (4, 35, 15));
    let gone = catalogue.file_states(tree, &["d/e".to_owned()]).await.unwrap();
    assert!(gone.is_empty(), "a premigrated file that is not found is in no state");
    let gone = Record { gone: vec![(tree, vec!["d/a".to_owned()])], ..Record::default() };
    catalogue.record(gone).await.unwrap();
    assert!(catalogue.file_states(tree, &["d/a".to_owned()]).await.unwrap().is_empty(), "what is gone is no stub");
}

async fn lost(catalogue: &Catalogue, _: &Base) {
    let (tree, [one, two]) = copied(catalogue).await;
    let second = Record { replicas: vec![(tree, vec![copy("d/a", two, true)])], ..Record::default() };
    catalogue.record(second).await.unwrap();
    let states = vec![state("d/a", FileState::Migrated), state("d/b", FileState::Premigrated)];
    catalogue.set_file_states(tree, states).await.unwrap();
    let keys = vec!["k/d/a".to_owned(), "k/d/b".to_owned()];
    catalogue.record(Record { forgotten: vec![(one, keys.clone())], ..Record::default() }).await.unwrap();
    let paths = ["d/a".to_owned(), "d/b".to_owned()];
    let left = catalogue.file_states(tree, &paths).await.unwrap();
    assert_eq!(
        (left.len(), left[0].path.as_str(), left[0].failure.is_none()),
        (1, "d/a", true),
        "a premigrated file is resident"
    );
    let replica = catalogue.replicas_of(left[0].entry_number).await.unwrap().remove(0);
    assert_eq!((left[0].replica, replica.location), (Some(replica.id), two));
    catalogue.record(Record { forgotten: vec![(two, keys)], ..Record::default() }).await.unwrap();
    let left = catalogue.file_states(tree, &paths).await.unwrap().remove(0);
    assert_eq!((left.state, left.replica), (FileState::Migrated, None));
    assert_eq!(left.failure.unwrap().code.as_deref(), Some(CONTENT_LOST));
}

async fn last(catalogue: &Catalogue, _: &Base) {
    let (tree, [one, two]) = copied(catalogue).await;
    let second = Record { replicas: vec![(tree, vec![copy("d/b", two, true)])], ..Record::default() };
    catalogue.record(second).await.unwrap();
    let keys = ["k/d/a".to_owned(), "k/d/b".to_owned()];
    assert!(catalogue.last_copies(one, &keys).await.unwrap().is_empty(), "both are here");
    let states = vec![state("d/a", FileState::Migrated), state("d/b", FileState::Migrated)];
    catalogue.set_file_states(tree, states).await.unwrap();
    assert_eq!(catalogue.last_copies(one, &keys).await.unwrap(), ["k/d/a"]);
}
