//! Crawls: what is found stays, what is not found goes, what has a copy stays without residence.

use capstan_catalogue::{Catalogue, Missing, NewReplica, Record};
use capstan_domain::Kind;
use capstan_domain::entry::{NewEntry, Tree};
use capstan_domain::listing::Listing;
use capstan_domain::time::Timestamp;
use capstan_domain::unread::UNREAD_MAX;

use crate::database::{Base, on_both};
use crate::entries::{file, folder};
use crate::nouns::{info, space, target};

on_both! {
    a_sweep_removes_what_was_not_seen_and_empty_folders => sweeps,
    an_entry_with_a_copy_is_not_swept => kept,
    a_sweep_under_a_folder_leaves_the_rest => under,
    large_batches_are_written_and_swept => large,
    what_could_not_be_read_is_neither_counted_nor_swept => unread,
    what_could_not_be_read_in_a_folder_that_was_stays => unread_in,
    many_paths_that_could_not_be_read_are_kept_apart_and_too_many_keep_everything => unread_many,
}

async fn crawl(catalogue: &Catalogue, tree: Tree, entries: Vec<NewEntry>, under: &str) -> (Missing, u64) {
    let mut crawl = catalogue.begin_crawl(tree).await.unwrap();
    crawl.found(entries).await.unwrap();
    let missing = crawl.missing(under).await.unwrap();
    (missing, crawl.sweep(under).await.unwrap())
}

async fn paths(catalogue: &Catalogue) -> Vec<String> {
    catalogue.entries(&Listing::first(100)).await.unwrap().items.into_iter().map(|entry| entry.path).collect()
}

async fn sweeps(catalogue: &Catalogue, _: &Base) {
    let s = space(catalogue, "s").await;
    let tree = Tree::Space(s.id);
    crawl(catalogue, tree, vec![file(tree, "a/b/c/f", 5), file(tree, "a/g", 6), folder(tree, "empty")], "").await;
    let (missing, gone) = crawl(catalogue, tree, vec![file(tree, "a/g", 6)], "").await;
    assert_eq!((missing, gone), (Missing { missing: 1, known: 2 }, 4));
    assert_eq!(paths(catalogue).await, ["", "a", "a/g"]);
    let now = catalogue.space(s.id).await.unwrap();
    assert_eq!((now.file_count, now.file_bytes), (1, 6));
    assert_eq!(catalogue.entries(&Listing::first(1)).await.unwrap().count, 3);
}

async fn kept(catalogue: &Catalogue, _: &Base) {
    let s = space(catalogue, "s").await;
    let t = target(catalogue, "t").await;
    let location = catalogue.sync_locations(t.id, &[info("l")]).await.unwrap()[0].id;
    let tree = Tree::Space(s.id);
    let replica = |path: &str| NewReplica {
        path: path.to_owned(),
        location,
        key: path.to_owned(),
        size: 5,
        modified: Timestamp(1),
        etag: None,
        version: None,
        blake3: vec![1; 32],
        subtrees: Vec::new(),
        verified: Some(Timestamp(2)),
    };
    let record = Record {
        entries: vec![(tree, vec![file(tree, "d/kept", 5), file(tree, "d/gone", 5)])],
        replicas: vec![(tree, vec![replica("d/kept")])],
        ..Record::default()
    };
    catalogue.record(record).await.unwrap();
    assert_eq!(catalogue.location(location).await.unwrap().file_bytes, 5);
    assert_eq!(catalogue.delete_target(t.id).await.unwrap_err().kind, Kind::Conflict);
    let (missing, _) = crawl(catalogue, tree, vec![], "").await;
    assert_eq!(missing, Missing { missing: 2, known: 2 });
    assert_eq!(paths(catalogue).await, ["", "d", "d/kept"]);
    let entry = catalogue.entry_at(tree, "d/kept").await.unwrap();
    assert!(!entry.resident);
    assert_eq!(catalogue.replicas_of(entry.number).await.unwrap().len(), 1);
    let (missing, gone) = crawl(catalogue, tree, vec![], "").await;
    assert_eq!((missing, gone), (Missing { missing: 0, known: 0 }, 0));
    crawl(catalogue, tree, vec![file(tree, "d/kept", 5)], "").await;
    assert!(catalogue.entry_at(tree, "d/kept").await.unwrap().resident);
}

async fn under(catalogue: &Catalogue, _: &Base) {
    let s = space(catalogue, "s").await;
    let tree = Tree::Space(s.id);
    let all = vec![file(tree, "a/x", 1), file(tree, "a/y", 1), file(tree, "a!/z", 1), file(tree, "ab", 1), file(tree, "b/x", 1)];
    crawl(catalogue, tree, all, "").await;
    let (missing, gone) = crawl(catalogue, tree, vec![file(tree, "a/x", 1)], "a").await;
    assert_eq!((missing, gone), (Missing { missing: 1, known: 2 }, 1));
    assert_eq!(catalogue.space(s.id).await.unwrap().file_count, 4);
}

async fn large(catalogue: &Catalogue, _: &Base) {
    let s = space(catalogue, "s").await;
    let tree = Tree::Space(s.id);
    let many: Vec<_> = (0..6_000).map(|at| file(tree, &format!("d{}/s{}/f{at}", at % 11, at % 101), 1)).collect();
    crawl(catalogue, tree, many.clone(), "").await;
    assert_eq!(catalogue.space(s.id).await.unwrap().file_count, 6_000);
    let (_, gone) = crawl(catalogue, tree, many.into_iter().take(10).collect(), "").await;
    assert!(gone >= 5_990);
    assert_eq!(catalogue.space(s.id).await.unwrap().file_count, 10);
}

async fn unread(catalogue: &Catalogue, _: &Base) {
    let s = space(catalogue, "s").await;
    let tree = Tree::Space(s.id);
    let all = ["a/x", "a/y", "b/c/f", "b/g", "b!/h", "bc/h", "file"].map(|path| file(tree, path, 1));
    crawl(catalogue, tree, all.to_vec(), "").await;
    let mut crawl = catalogue.begin_crawl(tree).await.unwrap();
    crawl.found(vec![file(tree, "a/x", 1)]).await.unwrap();
    crawl.could_not_read("b".to_owned());
    crawl.could_not_read("file".to_owned());
    assert_eq!(crawl.missing("").await.unwrap(), Missing { missing: 3, known: 4 });
    assert_eq!(crawl.missing("b").await.unwrap(), Missing::default());
    // With the two folders that are empty then.
    assert_eq!(crawl.sweep("").await.unwrap(), 5);
    let mut left = paths(catalogue).await;
    left.sort();
    assert_eq!(left, ["", "a", "a/x", "b", "b/c", "b/c/f", "b/g", "file"]);
    assert_eq!(catalogue.space(s.id).await.unwrap().file_count, 4);
}

async fn unread_in(catalogue: &Catalogue, _: &Base) {
    let s = space(catalogue, "s").await;
    let tree = Tree::Space(s.id);
    crawl(catalogue, tree, ["d/kept", "d/gone", "e/f"].map(|path| file(tree, path, 1)).to_vec(), "").await;
    let folder = catalogue.entry_at(tree, "d").await.unwrap().number;
    let mut crawl = catalogue.begin_crawl(tree).await.unwrap();
    crawl.could_not_read("d/kept".to_owned());
    assert_eq!(crawl.missing_in(&[folder]).await.unwrap(), Missing { missing: 1, known: 2 });
    assert_eq!(crawl.sweep_in(&[folder]).await.unwrap(), 1);
    assert!(catalogue.entry_at(tree, "d/kept").await.is_ok());
    assert_eq!(catalogue.entry_at(tree, "d/gone").await.unwrap_err().kind, Kind::NotFound);
}

async fn unread_many(catalogue: &Catalogue, _: &Base) {
    let s = space(catalogue, "s").await;
    let tree = Tree::Space(s.id);
    let files = |range: std::ops::Range<usize>| range.map(|at| file(tree, &format!("d{at}/f"), 1)).collect::<Vec<_>>();
    crawl(catalogue, tree, files(0..UNREAD_MAX + 3), "").await;
    let mut crawl = catalogue.begin_crawl(tree).await.unwrap();
    (0..UNREAD_MAX).for_each(|at| crawl.could_not_read(format!("d{at}")));
    assert_eq!(crawl.missing("").await.unwrap(), Missing { missing: 3, known: 3 });
    let folder = catalogue.entry_at(tree, "d0").await.unwrap().number;
    assert_eq!(crawl.missing_in(&[folder]).await.unwrap(), Missing { missing: 0, known: 3 });
    crawl.could_not_read("one more".to_owned());
    assert_eq!(crawl.missing("").await.unwrap(), Missing::default());
    assert_eq!((crawl.sweep("").await.unwrap(), crawl.sweep_in(&[folder]).await.unwrap()), (0, 0));
    assert_eq!(catalogue.space(s.id).await.unwrap().file_count, u64::try_from(UNREAD_MAX).unwrap() + 3);
}
