use std::collections::BTreeMap;

use super::*;

fn tree(paths: &[&str]) -> Tree {
    let mut tree = Tree::default();
    for path in paths {
        let (id, attributes) = (tree.new_id(), Attributes::default());
        if let Some(directory) = path.strip_suffix('/') {
            tree.put(directory, id, attributes, BTreeMap::new(), Kind::Directory(BTreeMap::new())).unwrap();
        } else {
            tree.make_parents(path, attributes).unwrap();
            let id = tree.new_id();
            tree.put(path, id, attributes, BTreeMap::new(), Kind::Link("x".into())).unwrap();
        }
    }
    tree
}

fn all(tree: &Tree) -> Vec<String> {
    let mut walk = Walk::default();
    std::iter::from_fn(|| walk.next(tree).map(|(path, _)| path)).collect()
}

#[test]
fn a_directory_comes_before_what_lies_in_it() {
    let tree = tree(&["b/c/d", "a", "b/a", "e/"]);
    assert_eq!(all(&tree), ["a", "b", "b/a", "b/c", "b/c/d", "e"]);
    assert_eq!(tree.len(), 6);
    let d = tree.lookup("b/c/d").unwrap();
    assert_eq!(tree.path(d.id).unwrap(), "b/c/d");
}

#[test]
fn a_directory_is_listed_by_pages() {
    let tree = tree(&["a/1", "a/2", "a/3", "b"]);
    let names = |page: &Page<'_>| page.nodes.iter().map(|node| node.name.to_string()).collect::<Vec<_>>();
    let first = tree.list("a", None, 2).unwrap();
    assert_eq!((names(&first), first.next.as_deref()), (vec!["1".to_owned(), "2".to_owned()], Some("2")));
    let rest = tree.list("a", Some("2"), 2).unwrap();
    assert_eq!((names(&rest), rest.next), (vec!["3".to_owned()], None));
    assert_eq!(tree.list("", Some("a"), 9).unwrap().nodes.len(), 1);
    assert_eq!(tree.list("b", None, 9).unwrap_err(), Refused::NotADirectory);
    assert_eq!(tree.list("c", None, 9).unwrap_err(), Refused::NotFound);
}

#[test]
fn a_node_keeps_what_it_is_called_when_it_moves() {
    let mut tree = tree(&["a/1", "b/2"]);
    let one = tree.id("a/1").unwrap();
    tree.rename("a", "b/a", false).unwrap();
    assert_eq!((tree.id("b/a/1"), tree.id("a/1")), (Ok(one), Err(Refused::NotFound)));
    assert_eq!(tree.rename("b", "b/a/b", true), Err(Refused::IntoItself));
    assert_eq!(tree.rename("b/2", "b/a", true), Err(Refused::IsADirectory));
    assert_eq!(tree.rename("b/a", "b/2", true), Err(Refused::NotADirectory));
    assert_eq!(tree.rename("b/2", "b/a/1", false), Err(Refused::Exists));
    assert_eq!(tree.rename("b/2", "b/2", false), Ok(()));
    assert_eq!(tree.rename("b/2", "c/2", true), Err(Refused::NotFound));
    tree.rename("b/2", "b/a/1", true).unwrap();
    assert_eq!(all(&tree), ["b", "b/a", "b/a/1"]);
    assert!(tree.node(one).is_none());
}

#[test]
fn only_what_is_empty_is_removed() {
    let mut tree = tree(&["a/1"]);
    assert_eq!(tree.remove("a"), Err(Refused::NotEmpty));
    assert_eq!(tree.remove(""), Err(Refused::NotEmpty));
    assert_eq!(tree.remove("a/1/2"), Err(Refused::NotADirectory));
    tree.remove("a/1").unwrap();
    tree.remove("a").unwrap();
    assert!(tree.is_empty() && tree.remove("a") == Err(Refused::NotFound));
}

#[test]
fn extended_attributes_have_a_bound() {
    let mut tree = tree(&["a"]);
    tree.set_xattr("a", "user.x", Some(&[1; 60_000])).unwrap();
    assert_eq!(tree.set_xattr("a", "user.y", Some(&[1; 60_000])), Err(Refused::TooMany("bytes of extended attributes")));
    tree.set_xattr("a", "user.x", Some(&[2; 60_000])).unwrap();
    tree.set_xattr("a", "user.x", None).unwrap();
    tree.set_xattr("a", "user.y", Some(&[1; 60_000])).unwrap();
    for wrong in ["", "a=b", "a\0"] {
        assert!(tree.set_xattr("a", wrong, Some(b"")).is_err());
    }
}
