//! Entries: found or made by path, with their folders and counts.

use capstan_catalogue::Catalogue;
use capstan_domain::Kind;
use capstan_domain::entry::{EntryKind, NewEntry, Tree};
use capstan_domain::listing::{Listing, Operator, Sort};
use capstan_domain::time::Timestamp;

use crate::database::{Base, on_both};
use crate::nouns::{pool, space};

pub(crate) fn file(tree: Tree, path: &str, size: u64) -> NewEntry {
    NewEntry {
        tree,
        path: path.to_owned(),
        kind: EntryKind::File,
        size,
        modified: Timestamp(100),
        changed: None,
        mode: Some(0o644),
        uid: Some(0),
        gid: Some(u32::MAX),
        inode: Some(u64::from(u32::MAX) + 7),
        blake3: None,
    }
}

pub(crate) fn folder(tree: Tree, path: &str) -> NewEntry {
    NewEntry { kind: EntryKind::Folder, size: 0, ..file(tree, path, 0) }
}

on_both! {
    folders_above_are_made_and_keep_their_numbers => folders,
    the_counts_of_a_tree_follow_every_write => counts,
    a_digest_holds_only_for_the_content_it_was_read_from => digests,
    lists_come_by_name_in_a_folder_and_by_number_in_a_tree => order,
    long_and_odd_names_are_kept => odd,
    two_writers_of_the_same_paths_do_not_lose_or_lock => concurrent,
    an_entry_of_a_tree_that_is_not_there_is_not_found => nowhere,
    deep_windows_of_a_folder_neither_repeat_nor_leave_out_and_follow_every_change => deep,
}

async fn deep(catalogue: &Catalogue, _: &Base) {
    const FILES: u64 = 5_000;
    let s = space(catalogue, "s").await;
    let tree = Tree::Space(s.id);
    let name = |index: u64| format!("f/{index:05}");
    catalogue.upsert_entries(tree, (0..FILES).map(|index| file(tree, &name(index), 1)).collect()).await.unwrap();
    let folder = catalogue.entry_at(tree, "f").await.unwrap().number;
    let page = |offset: u64, limit: u32| {
        let listing = Listing { offset, ..Listing::first(limit) }.with("parent_number", Operator::Equal, folder);
        async move { catalogue.entries(&listing).await.unwrap() }
    };
    let mut seen = Vec::new();
    for offset in [4_900_u64, 0, 2_048, 4_095, 4_096, 2_047] {
        let found = page(offset, 100).await;
        assert_eq!(found.count, FILES, "{offset}");
        let first = found.items[0].path.clone();
        assert_eq!((first, found.items.len()), (name(offset), 100.min(usize::try_from(FILES - offset).unwrap())));
        seen.push(found.items[0].number);
    }
    assert!(page(FILES, 10).await.items.is_empty());
    assert_eq!(page(u64::MAX, 10).await.count, FILES);
    // A name before all others moves every window by one.
    catalogue.upsert_entries(tree, vec![file(tree, "f/0", 1)]).await.unwrap();
    let found = page(4_096, 10).await;
    assert_eq!((found.count, found.items[0].path.as_str()), (FILES + 1, name(4_095).as_str()));
    // And one that goes moves them back.
    let gone = capstan_catalogue::Record { gone: vec![(tree, vec!["f/0".to_owned()])], ..capstan_catalogue::Record::default() };
    catalogue.record(gone).await.unwrap();
    let found = page(4_096, 10).await;
    assert_eq!((found.count, found.items[0].path.as_str()), (FILES, name(4_096).as_str()));
    let sorted = Listing { offset: 10, ..Listing::first(1) }.with("parent_number", Operator::Equal, folder);
    let sorted = Listing { sort: vec![Sort { field: "name".into(), descending: true }], ..sorted };
    assert_eq!(catalogue.entries(&sorted).await.unwrap().items[0].path, name(FILES - 11));
}

async fn folders(catalogue: &Catalogue, _: &Base) {
    let s = space(catalogue, "s").await;
    let tree = Tree::Space(s.id);
    catalogue.upsert_entries(tree, vec![file(tree, "a/b/c/one", 1), file(tree, "top", 2)]).await.unwrap();
    let b = catalogue.entry_at(tree, "a/b").await.unwrap();
    assert_eq!((b.kind, b.name.as_str()), (EntryKind::Folder, "b"));
    catalogue
        .upsert_entries(tree, vec![folder(tree, "a/b"), file(tree, "a/b/two", 3), file(tree, "a/z/three", 3)])
        .await
        .unwrap();
    let again = catalogue.entry_at(tree, "a/b").await.unwrap();
    assert_eq!((again.number, again.id, again.mode), (b.number, b.id, Some(0o644)));
    let two = catalogue.entry_at(tree, "a/b/two").await.unwrap();
    assert_eq!((two.parent_number, two.parent), (Some(b.number), Some(b.id)));
    assert_eq!((two.gid, two.inode), (Some(u32::MAX), Some(u64::from(u32::MAX) + 7)));
    assert_eq!(catalogue.entry_at(tree, "top").await.unwrap().parent, Some(s.root));
    assert_eq!(catalogue.entry_at(tree, "a").await.unwrap().parent, Some(s.root));
}

async fn counts(catalogue: &Catalogue, _: &Base) {
    let s = space(catalogue, "s").await;
    let tree = Tree::Space(s.id);
    let many: Vec<_> = (0..1_000).map(|at| file(tree, &format!("d{}/f{at}", at % 7), 10)).collect();
    catalogue.upsert_entries(tree, many.clone()).await.unwrap();
    let now = catalogue.space(s.id).await.unwrap();
    assert_eq!((now.file_count, now.file_bytes), (1_000, 10_000));
    catalogue.upsert_entries(tree, many).await.unwrap();
    catalogue.upsert_entries(tree, vec![file(tree, "d0/f0", 25), file(tree, "new", 1), file(tree, "new", 2)]).await.unwrap();
    let now = catalogue.space(s.id).await.unwrap();
    assert_eq!((now.file_count, now.file_bytes), (1_001, 10_017));
    let page = catalogue.entries(&Listing::first(10).with("space_number", Operator::Equal, s.number)).await.unwrap();
    assert_eq!(page.count, 1_001 + 7 + 1);
    assert_eq!(catalogue.entries(&Listing::first(10)).await.unwrap().count, 1_001 + 7 + 1);
    let files = Listing::first(10).with("space_number", Operator::Equal, s.number).with("kind", Operator::Equal, "file");
    assert_eq!(catalogue.entries(&files).await.unwrap().count, 1_001);
}

async fn digests(catalogue: &Catalogue, _: &Base) {
    let s = space(catalogue, "s").await;
    let tree = Tree::Space(s.id);
    let known = NewEntry { blake3: Some(vec![7; 32]), ..file(tree, "f", 1) };
    catalogue.upsert_entries(tree, vec![known.clone()]).await.unwrap();
    catalogue.upsert_entries(tree, vec![file(tree, "f", 1)]).await.unwrap();
    assert_eq!(catalogue.entry_at(tree, "f").await.unwrap().blake3, Some(vec![7; 32]));
    catalogue.upsert_entries(tree, vec![NewEntry { modified: Timestamp(101), ..file(tree, "f", 1) }]).await.unwrap();
    assert_eq!(catalogue.entry_at(tree, "f").await.unwrap().blake3, None);
}

async fn order(catalogue: &Catalogue, _: &Base) {
    let p = pool(catalogue, "p", capstan_domain::pool::PoolRole::Primary).await;
    let tree = Tree::Pool(p.id);
    catalogue
        .upsert_entries(tree, vec![file(tree, "b/y", 1), file(tree, "a", 5), file(tree, "b/x", 2), file(tree, "c", 3)])
        .await
        .unwrap();
    let paths = async |listing: &Listing| -> Vec<String> {
        catalogue.entries(listing).await.unwrap().items.into_iter().map(|entry| entry.path).collect()
    };
    let of_pool = Listing::first(10).with("pool_number", Operator::Equal, p.number);
    assert_eq!(paths(&of_pool).await, ["", "b", "a", "b/x", "b/y", "c"]);
    let of_root = Listing::first(10).with("parent_number", Operator::Equal, p.root_number.unwrap());
    assert_eq!(paths(&of_root).await, ["a", "b", "c"]);
    let mut by_size = Listing::first(2).with("pool_number", Operator::Equal, p.number).with("kind", Operator::Equal, "file");
    by_size.sort.push(Sort { field: "size".to_owned(), descending: true });
    assert_eq!(paths(&by_size).await, ["a", "c"]);
    assert_eq!(paths(&Listing::first(10).with("pool_number", Operator::Equal, 999)).await, Vec::<String>::new());
    assert_eq!(paths(&Listing::first(10).with("space_number", Operator::Equal, p.number)).await, Vec::<String>::new());
}

async fn odd(catalogue: &Catalogue, _: &Base) {
    let s = space(catalogue, "s").await;
    let tree = Tree::Space(s.id);
    // PostgreSQL's index pages hold a row of at most 2,704 bytes after compression, which even letters without pattern pass.
    let mut seed = 1_u64;
    let mut letters = |count: usize| -> String {
        (0..count)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                char::from(b'a' + u8::try_from((seed >> 33) % 26).unwrap())
            })
            .collect()
    };
    let deep: Vec<String> = (0..16).map(|_| letters(255)).collect();
    let deep = deep.join("/");
    assert_eq!(deep.len(), 4_095);
    for path in [deep.as_str(), "new\nline\ttab\u{7f}", "'; DROP TABLE entries; --", "%!FF%_", " ", "..", "ünï/çødé", "\\"] {
        catalogue.upsert_entries(tree, vec![file(tree, path, 1)]).await.unwrap();
        assert_eq!(catalogue.entry_at(tree, path).await.unwrap().path, path);
    }
}

async fn concurrent(catalogue: &Catalogue, _: &Base) {
    let s = space(catalogue, "s").await;
    let tree = Tree::Space(s.id);
    let mut tasks = Vec::new();
    for writer in 0..4_u64 {
        let catalogue = catalogue.clone();
        tasks.push(tokio::spawn(async move {
            for _ in 0..5 {
                let many = (0..200).map(|at| file(tree, &format!("d{}/f{}", at % 5, (at + writer * 50) % 300), 1)).collect();
                catalogue.upsert_entries(tree, many).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let files = Listing::first(0).with("kind", Operator::Equal, "file");
    let count = catalogue.entries(&files).await.unwrap().count;
    let now = catalogue.space(s.id).await.unwrap();
    assert_eq!((now.file_count, now.file_bytes), (count, count));
}

async fn nowhere(catalogue: &Catalogue, _: &Base) {
    let secondary = pool(catalogue, "p", capstan_domain::pool::PoolRole::ActiveArchive).await;
    let tree = Tree::Pool(secondary.id);
    assert_eq!(catalogue.upsert_entries(tree, vec![file(tree, "f", 1)]).await.unwrap_err().kind, Kind::NotFound);
    assert!(catalogue.begin_crawl(tree).await.is_err());
}
