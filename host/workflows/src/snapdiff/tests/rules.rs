//! Single rules, by example.

use capstan_domain::entry::EntryKind::{File, Folder};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};

use super::model::{CONDENSED, Tree, differences, lines};
use crate::limits::MOST_LINKS;
use crate::snapdiff::{Differences, Inodes, Node, Options};

fn tree(folders: &[&str], files: &[&str]) -> Tree {
    let mut tree = Tree::default();
    folders.iter().for_each(|path| tree.make(path, Folder));
    files.iter().for_each(|path| tree.make(path, File));
    tree
}

fn told(old: &Tree, change: impl FnOnce(&mut Tree), options: Options) -> Vec<String> {
    let mut new = old.clone();
    change(&mut new);
    lines(&differences(old, &new, options))
}

#[test]
fn each_kind_of_change_is_told_as_such() {
    let old = tree(&["d"], &["a", "b", "d/c"]);
    assert_eq!(told(&old, |tree| tree.make("n", File), CONDENSED), ["created n"]);
    assert_eq!(told(&old, |tree| tree.write("a"), CONDENSED), ["updated a"]);
    assert_eq!(told(&old, |tree| tree.rename("a", "d/a"), CONDENSED), ["moved a d/a"]);
    assert_eq!(told(&old, |tree| drop(tree.remove("d")), CONDENSED), ["deleted d", "deleted d/c"]);
}

#[test]
fn a_record_written_beside_a_file_is_no_change_of_it() {
    let old = tree(&[], &["a"]);
    let touch = |tree: &mut Tree| tree.nodes.get_mut("a").unwrap().changed = Timestamp(99);
    assert!(told(&old, touch, CONDENSED).is_empty(), "the hash says that it holds what it held");
    assert_eq!(told(&old.without_hashes(), touch, CONDENSED), ["updated a"], "nobody knows what it holds");
    let other = |tree: &mut Tree| {
        let node = tree.nodes.get_mut("a").unwrap();
        (node.changed, node.blake3) = (Timestamp(99), Some([7; 32]));
    };
    assert_eq!(told(&old, other, CONDENSED), ["updated a"], "size and mtime are as before, the content is not");
}

#[test]
fn a_moved_folder_is_one_move() {
    let old = tree(&["d", "d/e"], &["d/c", "d/e/f"]);
    assert_eq!(told(&old, |tree| tree.rename("d", "x"), CONDENSED), ["moved d x"]);
    let each = Options { condense_moves: false, ..CONDENSED };
    assert_eq!(
        told(&old, |tree| tree.rename("d", "x"), each),
        ["moved d x", "moved d/c x/c", "moved d/e x/e", "moved d/e/f x/e/f"]
    );
}

#[test]
fn what_moves_another_way_than_its_folder_is_told() {
    let old = tree(&["d"], &["d/a", "d/b", "d/c"]);
    let change = |tree: &mut Tree| {
        tree.rename("d", "x");
        tree.rename("x/a", "x/z");
        tree.rename("x/b", "b");
    };
    assert_eq!(told(&old, change, CONDENSED), ["moved d/b b", "moved d x", "moved d/a x/z"]);
}

#[test]
fn files_that_change_places_are_two_moves() {
    let old = tree(&[], &["a", "b"]);
    let swap = |tree: &mut Tree| {
        tree.rename("a", "t");
        tree.rename("b", "a");
        tree.rename("t", "b");
    };
    assert_eq!(told(&old, swap, CONDENSED), ["moved b a", "moved a b"]);
}

#[test]
fn a_file_written_anew_and_renamed_to_its_old_name_is_updated() {
    let old = tree(&[], &["a"]);
    let save = |tree: &mut Tree| {
        tree.make("a.new", File);
        tree.rename("a.new", "a");
    };
    assert_eq!(told(&old, save, CONDENSED), ["updated a"]);
}

#[test]
fn an_inode_that_came_back_is_no_move() {
    let old = tree(&[], &["a"]);
    let reuse = |tree: &mut Tree| {
        tree.remove("a");
        tree.make("b", File);
        assert_eq!(tree.nodes["b"].inode, old.nodes["a"].inode);
    };
    assert_eq!(told(&old, reuse, CONDENSED), ["deleted a", "created b"]);
}

#[test]
fn a_file_that_was_moved_and_written_is_deleted_and_created() {
    let old = tree(&[], &["a"]);
    let change = |tree: &mut Tree| {
        tree.rename("a", "b");
        tree.write("b");
    };
    assert_eq!(told(&old, change, CONDENSED), ["deleted a", "created b"]);
}

#[test]
fn what_becomes_another_kind_is_deleted_and_created() {
    let old = tree(&[], &["a"]);
    let change = |tree: &mut Tree| {
        tree.remove("a");
        tree.make("a", Folder);
    };
    assert_eq!(told(&old, change, CONDENSED), ["deleted a", "created a"]);
}

#[test]
fn a_new_name_of_an_old_file_is_created() {
    let old = tree(&[], &["a"]);
    assert_eq!(told(&old, |tree| tree.link("a", "b"), CONDENSED), ["created b"]);
    let change = |tree: &mut Tree| {
        tree.link("a", "b");
        tree.link("a", "c");
        tree.remove("a");
    };
    assert_eq!(told(&old, change, CONDENSED), ["moved a b", "created c"]);
}

#[test]
fn a_path_that_stays_where_its_folder_goes_is_a_move_to_itself() {
    let old = tree(&["d", "q"], &["d/c"]);
    let change = |tree: &mut Tree| {
        tree.rename("d/c", "q/c");
        tree.remove("d");
        tree.rename("q", "d");
    };
    assert_eq!(told(&old, change, CONDENSED), ["deleted d", "moved q d", "moved d/c d/c"]);
}

#[test]
fn what_changed_before_the_older_look_can_be_passed_over() {
    let old = tree(&[], &["a", "b"]);
    let change = |tree: &mut Tree| {
        tree.write("a");
        tree.rename("b", "c");
        tree.make("n", File);
    };
    let since = |time| Options { skip_changed_before: Some(Timestamp(time)), ..CONDENSED };
    assert_eq!(told(&old, change, since(old.clock)), ["updated a", "moved b c", "created n"]);
    assert_eq!(told(&old, change, since(old.clock + 2)), ["moved b c", "created n"]);
    assert_eq!(told(&old, change, since(old.clock + 100)), ["moved b c"]);
}

#[test]
fn a_file_with_too_many_names_is_never_taken_as_moved() {
    let mut old = tree(&["d"], &["a"]);
    (0..MOST_LINKS).for_each(|index| old.link("a", &format!("d/{index:03}")));
    let found = told(&old, |tree| tree.rename("a", "z"), CONDENSED);
    assert_eq!(found[..1], ["deleted a"]);
    assert_eq!(found.last().map(String::as_str), Some("created z"));
}

struct Nowhere;

impl Inodes for Nowhere {
    fn before(&self, _: u64) -> Outcome<Vec<Node>> {
        Ok(Vec::new())
    }

    fn after(&self, _: u64) -> Outcome<Vec<Node>> {
        Ok(Vec::new())
    }
}

#[test]
fn a_listing_out_of_order_or_a_failure_ends_it() {
    let whole = tree(&[], &["a", "b"]);
    let (a, b) = (whole.nodes["a"].clone(), whole.nodes["b"].clone());
    for old in
        [vec![Ok(b.clone()), Ok(a.clone())], vec![Ok(a.clone()), Ok(a.clone())], vec![Ok(a), Err(Failure::invalid("gone"))]]
    {
        let mut found = Differences::new(old.into_iter(), std::iter::empty(), Nowhere, CONDENSED);
        assert!(found.next().unwrap().is_ok());
        assert!(found.next().unwrap().is_err());
        assert!(found.next().is_none());
    }
}
