//! Applies differences in the order that the module says leads to the new tree.

use capstan_domain::entry::EntryKind;

use super::model::{Tree, is_in};
use crate::snapdiff::{Difference, Node};

enum Leaving<'d> {
    Deleted,
    Moved { to: &'d Node },
}

/// Panics where a filesystem would refuse.
pub(super) fn applied(old: &Tree, differences: &[Difference]) -> Tree {
    let mut tree = old.clone();
    let mut aside = Vec::new();
    let mut leaving: Vec<_> = differences
        .iter()
        .filter_map(|difference| match difference {
            Difference::Deleted(node) => Some((&node.path, Leaving::Deleted)),
            Difference::Moved { from, to } => Some((from, Leaving::Moved { to })),
            _ => None,
        })
        .collect();
    leaving.sort_by_key(|(path, _)| std::cmp::Reverse(*path));
    for (path, leaving) in leaving {
        assert!(tree.nodes.contains_key(path), "{path} is not there to leave");
        let removed = tree.remove(path);
        match leaving {
            Leaving::Deleted => assert_eq!(removed.len(), 1, "{path} was not empty"),
            Leaving::Moved { to } => aside.push((to, path, removed)),
        }
    }
    let mut coming: Vec<(&Node, Option<(&String, Vec<Node>)>)> =
        aside.into_iter().map(|(to, from, nodes)| (to, Some((from, nodes)))).collect();
    coming.extend(differences.iter().filter_map(|difference| match difference {
        Difference::Created(node) | Difference::Updated { after: node, .. } => Some((node, None)),
        _ => None,
    }));
    coming.sort_by_key(|(node, _)| &node.path);
    for (node, moved) in coming {
        let updates =
            differences.iter().any(|difference| matches!(difference, Difference::Updated { after, .. } if after == node));
        assert_eq!(tree.nodes.contains_key(&node.path), updates, "{}", node.path);
        assert_parent(&tree, &node.path);
        match moved {
            None => _ = tree.nodes.insert(node.path.clone(), node.clone()),
            Some((from, nodes)) => {
                for moved in nodes {
                    assert!(is_in(&moved.path, from));
                    let path = format!("{}{}", node.path, &moved.path[from.len()..]);
                    tree.nodes.insert(path.clone(), Node { path, ..moved });
                }
            }
        }
    }
    tree
}

fn assert_parent(tree: &Tree, path: &str) {
    if let Some((parent, _)) = path.rsplit_once('/') {
        assert_eq!(tree.nodes.get(parent).map(|node| node.kind), Some(EntryKind::Folder), "around {path}");
    }
}
