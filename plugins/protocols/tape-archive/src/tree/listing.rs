//! Directories by pages, and everything in an order in which what holds something comes before it.

use std::ops::Bound;
use std::sync::Arc;

use super::{Kind, Node, ROOT, Tree};
use crate::{Refused, path};

#[derive(Clone, Debug)]
pub struct Page<'a> {
    /// By name, in the order of bytes.
    pub nodes: Vec<&'a Node>,
    /// The last name, to go on from; none: that was all.
    pub next: Option<String>,
}

impl Tree {
    /// What lies in a directory, behind this name.
    pub fn list(&self, path: &str, after: Option<&str>, limit: usize) -> Result<Page<'_>, Refused> {
        let Kind::Directory(children) = &self.lookup(path)?.kind else { return Err(Refused::NotADirectory) };
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = children.range::<str, _>((from, Bound::Unbounded)).filter_map(|(_, id)| self.node(*id));
        let nodes: Vec<&Node> = rest.by_ref().take(limit).collect();
        let next = rest.next().and(nodes.last()).map(|node| node.name.to_string());
        Ok(Page { nodes, next })
    }
}

/// A way through a tree that stays as it is.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    /// The directories that were entered, with the last name in each that was seen, and their paths.
    entered: Vec<(u64, Option<Arc<str>>, String)>,
}

impl Default for Walk {
    fn default() -> Self {
        Self { entered: vec![(ROOT, None, String::new())] }
    }
}

impl Walk {
    /// The next node, with its path.
    pub(crate) fn next<'a>(&mut self, tree: &'a Tree) -> Option<(String, &'a Node)> {
        loop {
            let (directory, last, at) = self.entered.last_mut()?;
            let Some(Kind::Directory(children)) = tree.node(*directory).map(|node| &node.kind) else { return None };
            let from = last.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
            let Some((name, id)) = children.range::<str, _>((from, Bound::Unbounded)).next() else {
                self.entered.pop();
                continue;
            };
            *last = Some(Arc::clone(name));
            let path = path::join(at, name);
            let node = tree.node(*id)?;
            if node.is_directory() {
                self.entered.push((*id, None, path.clone()));
            }
            return Some((path, node));
        }
    }
}
