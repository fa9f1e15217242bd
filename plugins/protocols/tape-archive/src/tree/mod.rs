//! What a volume holds, in memory: directories, files, links, with the operations of a file system.

mod listing;
mod node;
mod operations;
mod restore;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use listing::Page;
pub(crate) use listing::Walk;
pub(crate) use node::check_xattr;
pub use node::{Attributes, DIRECTORY_MODE, File, Kind, Node, Setting, XATTR_BYTES};

use crate::Refused;
use crate::path::{self, names};

/// Nodes of a volume.
pub const ENTRIES: usize = 2_000_000;
/// What the root is called.
pub const ROOT: u64 = 1;

#[derive(Clone, Debug)]
pub struct Tree {
    nodes: BTreeMap<u64, Node>,
    /// What the next node is called: never what another one was.
    next: u64,
}

impl Default for Tree {
    fn default() -> Self {
        let attributes = Attributes { modified: 0, mode: DIRECTORY_MODE, uid: 0, gid: 0 };
        let root = Node {
            id: ROOT,
            parent: ROOT,
            name: Arc::from(""),
            attributes,
            xattrs: BTreeMap::new(),
            kind: Kind::Directory(BTreeMap::new()),
        };
        Self { nodes: BTreeMap::from([(ROOT, root)]), next: ROOT + 1 }
    }
}

impl Tree {
    /// Nodes, without the root.
    pub fn len(&self) -> usize {
        self.nodes.len().saturating_sub(1)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn next_id(&self) -> u64 {
        self.next
    }

    /// Nothing that comes is called less than this.
    pub(crate) fn reserve_ids(&mut self, next: u64) {
        self.next = self.next.max(next);
    }

    pub fn node(&self, id: u64) -> Option<&Node> {
        self.nodes.get(&id)
    }

    /// Refused: what is no path, or leads through something that is no directory.
    pub fn lookup(&self, path: &str) -> Result<&Node, Refused> {
        let mut node = self.nodes.get(&ROOT).ok_or(Refused::NotFound)?;
        for name in names(path)? {
            let Kind::Directory(children) = &node.kind else { return Err(Refused::NotADirectory) };
            let id = children.get(name).ok_or(Refused::NotFound)?;
            node = self.nodes.get(id).ok_or(Refused::NotFound)?;
        }
        Ok(node)
    }

    pub(crate) fn id(&self, path: &str) -> Result<u64, Refused> {
        self.lookup(path).map(|node| node.id)
    }

    /// Of the root: the empty path.
    pub fn path(&self, id: u64) -> Option<String> {
        let mut names = Vec::new();
        let mut node = self.node(id)?;
        while node.id != ROOT {
            names.push(Arc::clone(&node.name));
            node = self.node(node.parent)?;
        }
        Some(names.iter().rev().fold(String::new(), |path, name| path::join(&path, name)))
    }
}
