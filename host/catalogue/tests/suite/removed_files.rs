//! Files that somebody removed: their copies go once their time is over, if nothing rests on them.

use capstan_catalogue::{Catalogue, NewReplica, Record};
use capstan_domain::entry::{NewEntry, Tree};
use capstan_domain::file_state::{FileState, NewFileState};
use capstan_domain::ids::LocationId;
use capstan_domain::time::Timestamp;

use crate::database::{Base, on_both};
use crate::entries::file;
use crate::nouns::{info, space, target};

on_both! {
    only_what_was_removed_by_somebodys_word_is_told_and_not_what_is_back => told,
    a_copy_is_released_when_all_files_that_have_it_were_removed_long_ago => released,
}

const HASH: [u8; 32] = [7; 32];
const LATER: Timestamp = Timestamp(i64::MAX);

fn copy(path: &str, key: &str, location: LocationId) -> NewReplica {
    NewReplica {
        path: path.to_owned(),
        location,
        key: key.to_owned(),
        size: 10,
        modified: Timestamp(1),
        etag: None,
        version: None,
        blake3: HASH.to_vec(),
        subtrees: Vec::new(),
        verified: Some(Timestamp(2)),
    }
}

fn stub(path: &str) -> NewFileState {
    NewFileState { path: path.to_owned(), state: FileState::Migrated, replica: None, leading: 0, failure: None }
}

/// Stubs of ten bytes; `keys`: where the copy of each lies.
async fn stubs(catalogue: &Catalogue, keys: &[(&str, &str)]) -> (Tree, LocationId) {
    let tree = Tree::Space(space(catalogue, "s").await.id);
    let target = target(catalogue, "t").await;
    let location = catalogue.sync_locations(target.id, &[info("one")]).await.unwrap()[0].id;
    let hashed = |(path, _): &(&str, &str)| NewEntry { blake3: Some(HASH.to_vec()), ..file(tree, path, 10) };
    let record = Record {
        entries: vec![(tree, keys.iter().map(hashed).collect())],
        replicas: vec![(tree, keys.iter().map(|(path, key)| copy(path, key, location)).collect())],
        states: vec![(tree, keys.iter().map(|(path, _)| stub(path)).collect())],
        ..Record::default()
    };
    catalogue.record(record).await.unwrap();
    (tree, location)
}

async fn remove(catalogue: &Catalogue, tree: Tree, paths: &[&str]) {
    let paths: Vec<String> = paths.iter().map(|&path| path.to_owned()).collect();
    let record = Record { gone: vec![(tree, paths.clone())], removed: vec![(tree, paths)], ..Record::default() };
    catalogue.record(record).await.unwrap();
}

async fn paths(catalogue: &Catalogue, tree: Tree, before: Timestamp) -> Vec<String> {
    let (mut paths, mut last) = (Vec::new(), None);
    loop {
        let some = catalogue.removed_files(tree, before, last.as_ref(), 1).await.unwrap();
        let Some(one) = some.into_iter().next() else { break };
        paths.push(one.path.clone());
        last = Some(one);
    }
    paths.sort();
    paths
}

async fn told(catalogue: &Catalogue, _: &Base) {
    let (tree, location) = stubs(catalogue, &[("a", "a"), ("b", "b"), ("back", "back"), ("lost", "lost")]).await;
    let gone = Record { gone: vec![(tree, vec!["lost".to_owned()])], ..Record::default() };
    catalogue.record(gone).await.unwrap();
    remove(catalogue, tree, &["a", "b", "back", "nothing"]).await;
    assert!(paths(catalogue, tree, Timestamp(1)).await.is_empty());
    let back = Record { states: vec![(tree, vec![stub("back")])], ..Record::default() };
    catalogue.record(back).await.unwrap();
    assert_eq!(paths(catalogue, tree, LATER).await, ["a", "b"]);
    let b = catalogue.entry_at(tree, "b").await.unwrap().number;
    catalogue.keep_removed(vec![b], LATER).await.unwrap();
    assert_eq!(paths(catalogue, tree, LATER).await, ["a"]);
    let a = catalogue.entry_at(tree, "a").await.unwrap().number;
    catalogue.purge_removed(tree, location, vec!["a".to_owned()], vec![a, b]).await.unwrap();
    assert!(catalogue.entry_at(tree, "a").await.is_err());
    assert!(catalogue.entry_at(tree, "b").await.is_ok(), "it has its copy");
}

async fn released(catalogue: &Catalogue, _: &Base) {
    let (tree, location) = stubs(catalogue, &[("a", "shared"), ("b", "shared"), ("c", "own")]).await;
    let keys = || vec!["shared".to_owned(), "own".to_owned()];
    remove(catalogue, tree, &["a", "c"]).await;
    assert!(catalogue.release_copies(location, keys(), Timestamp(1)).await.unwrap().is_empty());
    assert_eq!(catalogue.release_copies(location, keys(), LATER).await.unwrap(), ["own"]);
    let verified = async |path: &str| {
        let held = catalogue.replicas_at(tree, &[path.to_owned()]).await.unwrap().remove(0);
        held.replica.verified.is_some()
    };
    assert!(verified("a").await && !verified("c").await);
    remove(catalogue, tree, &["b"]).await;
    assert_eq!(catalogue.release_copies(location, keys(), LATER).await.unwrap(), ["shared", "own"]);
    assert!(!verified("b").await);
}
