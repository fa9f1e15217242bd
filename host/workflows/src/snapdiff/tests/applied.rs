//! Applies differences in the order that the module says leads to the new tree.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use capstan_domain::entry::EntryKind;

use super::model::{Tree, is_in};
use crate::snapdiff::{Difference, Node};

/// Panics where a filesystem would refuse.
pub(super) fn applied(old: &Tree, differences: &[Difference]) -> Tree {
    let mut tree = old.clone();
    let mut aside: BTreeMap<&str, Vec<Node>> = BTreeMap::new();
    let mut clearing: Vec<_> = differences.iter().filter_map(|difference| Some((difference.clears()?, difference))).collect();
    clearing.sort_by_key(|(path, _)| Reverse(*path));
    for (path, difference) in clearing {
        assert!(tree.nodes.contains_key(path), "{path} is not there");
        let cleared = tree.remove(path);
        match difference {
            Difference::Moved { .. } => _ = aside.insert(path, cleared),
            _ => assert_eq!(cleared.len(), 1, "{path} was not empty"),
        }
    }
    let mut filling: Vec<_> = differences.iter().filter_map(|difference| Some((difference.fills()?, difference))).collect();
    filling.sort_by_key(|(path, _)| *path);
    for (path, difference) in filling {
        let is_update = matches!(difference, Difference::Updated { .. });
        assert_eq!(tree.nodes.contains_key(path), is_update, "{path}");
        assert_parent(&tree, path);
        match difference {
            Difference::Moved { from, .. } => {
                for moved in aside.remove(from.as_str()).unwrap() {
                    assert!(is_in(&moved.path, from));
                    let path = format!("{path}{}", &moved.path[from.len()..]);
                    tree.nodes.insert(path.clone(), Node { path, ..moved });
                }
            }
            made => _ = tree.nodes.insert(path.to_owned(), made.node().clone()),
        }
    }
    tree
}

fn assert_parent(tree: &Tree, path: &str) {
    if let Some((parent, _)) = path.rsplit_once('/') {
        assert_eq!(tree.nodes.get(parent).map(|node| node.kind), Some(EntryKind::Folder), "around {path}");
    }
}
