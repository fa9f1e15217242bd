//! What changes a tree: as a file system does, or not at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Attributes, ENTRIES, Kind, Node, ROOT, Setting, Tree, check_xattr};
use crate::Refused;
use crate::path::{check_target, names, split};

impl Tree {
    /// Directories on the way to this path that are not there yet, the outermost first.
    pub(crate) fn missing(&self, path: &str) -> Result<Vec<String>, Refused> {
        names(path)?;
        let mut missing = Vec::new();
        let mut at = path;
        while let Some((parent, _)) = split(at) {
            match self.lookup(parent) {
                Ok(node) if node.is_directory() => break,
                Ok(_) => return Err(Refused::NotADirectory),
                Err(Refused::NotFound) => missing.push(parent.to_owned()),
                Err(refused) => return Err(refused),
            }
            at = parent;
        }
        missing.reverse();
        Ok(missing)
    }

    /// Whether a file or a link may be put there, in place of another one if there is one.
    pub(crate) fn may_put(&self, path: &str) -> Result<(), Refused> {
        if path.is_empty() {
            return Err(Refused::IsADirectory);
        }
        let more = self.missing(path)?.len();
        match self.lookup(path) {
            Ok(node) if node.is_directory() => Err(Refused::IsADirectory),
            Ok(_) | Err(Refused::NotFound) => self.has_room(more.saturating_add(1)),
            Err(refused) => Err(refused),
        }
    }

    pub(crate) fn has_room(&self, more: usize) -> Result<(), Refused> {
        if self.len().saturating_add(more) > ENTRIES { Err(Refused::TooMany("files and directories")) } else { Ok(()) }
    }

    /// What the next node shall be called.
    pub(crate) fn new_id(&mut self) -> u64 {
        let id = self.next;
        self.next = self.next.saturating_add(1);
        id
    }

    /// Into a directory that is there; a file or a link of the same name goes.
    pub(crate) fn put(
        &mut self,
        path: &str,
        id: u64,
        attributes: Attributes,
        xattrs: BTreeMap<String, Vec<u8>>,
        kind: Kind,
    ) -> Result<(), Refused> {
        names(path)?;
        let (parent, name) = split(path).ok_or(Refused::IsADirectory)?;
        let parent = self.id(parent)?;
        if self.nodes.contains_key(&id) || id <= ROOT {
            return Err(Refused::Exists);
        }
        if let Kind::Link(target) = &kind {
            check_target(target)?;
        }
        match self.lookup(path) {
            Ok(node) if node.is_directory() => return Err(Refused::IsADirectory),
            Ok(_) if matches!(kind, Kind::Directory(_)) => return Err(Refused::Exists),
            Ok(node) => {
                let old = node.id;
                self.nodes.remove(&old);
            }
            Err(Refused::NotFound) => self.has_room(1)?,
            Err(refused) => return Err(refused),
        }
        let name: Arc<str> = Arc::from(name);
        self.children(parent)?.insert(Arc::clone(&name), id);
        let attributes = Attributes { mode: attributes.mode & 0o7777, ..attributes };
        self.nodes.insert(id, Node { id, parent, name, attributes, xattrs, kind });
        self.reserve_ids(id.saturating_add(1));
        Ok(())
    }

    pub(crate) fn children(&mut self, id: u64) -> Result<&mut BTreeMap<Arc<str>, u64>, Refused> {
        match self.nodes.get_mut(&id).map(|node| &mut node.kind) {
            Some(Kind::Directory(children)) => Ok(children),
            Some(_) => Err(Refused::NotADirectory),
            None => Err(Refused::NotFound),
        }
    }

    /// A file, a link or an empty directory.
    pub(crate) fn remove(&mut self, path: &str) -> Result<(), Refused> {
        let node = self.lookup(path)?;
        if matches!(&node.kind, Kind::Directory(children) if !children.is_empty()) || node.id == ROOT {
            return Err(Refused::NotEmpty);
        }
        let (id, parent, name) = (node.id, node.parent, Arc::clone(&node.name));
        self.children(parent)?.remove(&name);
        self.nodes.remove(&id);
        Ok(())
    }

    /// Into a directory that is there. `replace`: what lies there goes, a directory only if it is empty and makes room for one.
    pub(crate) fn rename(&mut self, from: &str, to: &str, replace: bool) -> Result<(), Refused> {
        names(to)?;
        let node = self.lookup(from)?;
        let (id, old, name, directory) = (node.id, node.parent, Arc::clone(&node.name), node.is_directory());
        let (into, new) = split(to).ok_or(Refused::IntoItself)?;
        let parent = self.lookup(into)?;
        if !parent.is_directory() {
            return Err(Refused::NotADirectory);
        }
        let parent = parent.id;
        if id == ROOT || self.holds(id, parent) {
            return Err(Refused::IntoItself);
        }
        match self.lookup(to) {
            Ok(there) if there.id == id => return Ok(()),
            Ok(_) if !replace => return Err(Refused::Exists),
            Ok(there) => match (directory, there.is_directory()) {
                (false, true) => return Err(Refused::IsADirectory),
                (true, false) => return Err(Refused::NotADirectory),
                _ => self.remove(to)?,
            },
            Err(Refused::NotFound) => {}
            Err(refused) => return Err(refused),
        }
        let new: Arc<str> = Arc::from(new);
        self.children(old)?.remove(&name);
        self.children(parent)?.insert(Arc::clone(&new), id);
        if let Some(node) = self.nodes.get_mut(&id) {
            (node.parent, node.name) = (parent, new);
        }
        Ok(())
    }

    /// Whether the one is the other, or lies above it.
    fn holds(&self, outer: u64, inner: u64) -> bool {
        let mut at = inner;
        while at != outer {
            match self.node(at) {
                Some(node) if node.id != ROOT => at = node.parent,
                _ => return false,
            }
        }
        true
    }

    pub(crate) fn set(&mut self, path: &str, setting: &Setting) -> Result<(), Refused> {
        let id = self.id(path)?;
        if let Some(node) = self.nodes.get_mut(&id) {
            setting.apply(&mut node.attributes);
        }
        Ok(())
    }

    /// No value removes it.
    pub(crate) fn set_xattr(&mut self, path: &str, name: &str, value: Option<&[u8]>) -> Result<(), Refused> {
        let id = self.id(path)?;
        let node = self.nodes.get_mut(&id).ok_or(Refused::NotFound)?;
        match value {
            Some(value) => {
                check_xattr(&node.xattrs, name, value)?;
                node.xattrs.insert(name.to_owned(), value.to_vec());
            }
            None => {
                node.xattrs.remove(name);
            }
        }
        Ok(())
    }

    /// The directories above it that are not there, with these attributes.
    pub(crate) fn make_parents(&mut self, path: &str, attributes: Attributes) -> Result<Vec<String>, Refused> {
        let missing = self.missing(path)?;
        self.has_room(missing.len())?;
        for directory in &missing {
            let id = self.new_id();
            self.put(directory, id, attributes, BTreeMap::new(), Kind::Directory(BTreeMap::new()))?;
        }
        Ok(missing)
    }
}
