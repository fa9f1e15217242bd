//! A tree in memory that does what a filesystem does.

use std::collections::BTreeMap;

use capstan_domain::Outcome;
use capstan_domain::entry::EntryKind;
use capstan_domain::time::Timestamp;

use crate::snapdiff::{Difference, Differences, Inodes, Node, Options};

#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    pub(super) nodes: BTreeMap<String, Node>,
    pub(super) clock: i64,
    next_inode: u64,
    free: Vec<u64>,
}

impl Tree {
    fn tick(&mut self) -> Timestamp {
        self.clock += 1;
        Timestamp(self.clock)
    }

    /// Takes the number of what was deleted last, if there is one.
    fn inode(&mut self) -> u64 {
        self.free.pop().unwrap_or_else(|| {
            self.next_inode += 1;
            self.next_inode
        })
    }

    pub(super) fn make(&mut self, path: &str, kind: EntryKind) {
        let (inode, now) = (self.inode(), self.tick());
        let (path, blake3) = (path.to_owned(), (kind == EntryKind::File).then(|| hash(now)));
        self.nodes.insert(path.clone(), Node { path, inode, kind, size: 1, modified: now, changed: now, blake3 });
    }

    /// All its names get the new content.
    pub(super) fn write(&mut self, path: &str) {
        let (inode, now) = (self.nodes[path].inode, self.tick());
        for node in self.nodes.values_mut().filter(|node| node.inode == inode) {
            (node.modified, node.changed, node.size, node.blake3) = (now, now, node.size + 1, Some(hash(now)));
        }
    }

    pub(super) fn link(&mut self, path: &str, name: &str) {
        let node = Node { path: name.to_owned(), ..self.nodes[path].clone() };
        self.nodes.insert(name.to_owned(), node);
    }

    /// A path with all in it.
    pub(super) fn remove(&mut self, path: &str) -> Vec<Node> {
        let paths: Vec<_> = self.nodes.keys().filter(|other| is_in(other, path)).cloned().collect();
        let removed: Vec<_> = paths.iter().map(|path| self.nodes.remove(path).unwrap()).collect();
        for node in &removed {
            if !self.nodes.values().any(|other| other.inode == node.inode) && !self.free.contains(&node.inode) {
                self.free.push(node.inode);
            }
        }
        removed
    }

    /// Over what is there.
    pub(super) fn rename(&mut self, from: &str, to: &str) {
        let moved = self.remove(from);
        self.remove(to);
        let now = self.tick();
        for node in moved {
            let path = format!("{to}{}", &node.path[from.len()..]);
            let changed = if node.path == from { now } else { node.changed };
            self.free.retain(|inode| *inode != node.inode);
            self.nodes.insert(path.clone(), Node { path, changed, ..node });
        }
    }

    pub(super) fn without_hashes(&self) -> Self {
        let mut tree = self.clone();
        tree.nodes.values_mut().for_each(|node| node.blake3 = None);
        tree
    }

    /// What must be the same for two trees to be.
    pub(super) fn contents(&self) -> BTreeMap<&str, (EntryKind, u64, Timestamp)> {
        let content = |node: &Node| match node.kind {
            EntryKind::Folder => (node.kind, 0, Timestamp(0)),
            _ => (node.kind, node.size, node.modified),
        };
        self.nodes.iter().map(|(path, node)| (path.as_str(), content(node))).collect()
    }
}

pub(super) fn is_in(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn hash(time: Timestamp) -> [u8; 32] {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&time.0.to_le_bytes());
    hash
}

struct Both<'t>(&'t Tree, &'t Tree);

impl Inodes for Both<'_> {
    fn before(&self, inode: u64) -> Outcome<Vec<Node>> {
        Ok(self.0.nodes.values().filter(|node| node.inode == inode).cloned().collect())
    }

    fn after(&self, inode: u64) -> Outcome<Vec<Node>> {
        Ok(self.1.nodes.values().filter(|node| node.inode == inode).cloned().collect())
    }
}

pub(super) const CONDENSED: Options = Options { condense_moves: true, skip_changed_before: None };

/// "created a", or "moved a b" for a move from a to b.
pub(super) fn lines(differences: &[Difference]) -> Vec<String> {
    let line = |difference: &Difference| match difference {
        Difference::Moved { from, to } => format!("moved {from} {}", to.path),
        other => format!("{} {}", other.state(), other.node().path),
    };
    differences.iter().map(line).collect()
}

pub(super) fn differences(old: &Tree, new: &Tree, options: Options) -> Vec<Difference> {
    let nodes = |tree: &Tree| tree.nodes.values().cloned().map(Ok).collect::<Vec<_>>().into_iter();
    Differences::new(nodes(old), nodes(new), Both(old, new), options).collect::<Outcome<_>>().unwrap()
}
