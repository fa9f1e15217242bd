//! What the kernel knows: by which number, and under which names it stands.
//!
//! The number of something is that of its inode in the raw tree, so it stays through renames, and names of one file share it. A name
//! that somebody changed around the view is found to be wrong when it is used, and forgotten: the kernel is told to look anew.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use capstan_domain::names;

/// The root's number, by the protocol.
pub(crate) const ROOT: u64 = 1;
/// Names of one file that are remembered; others are found by the names that are.
const MOST_NAMES: usize = 16;
/// Names on the way from the root.
pub(crate) const DEEPEST: usize = 4096;

/// The folder's number, and the name in it.
pub(crate) type Name = (u64, OsString);

#[derive(Default)]
pub(crate) struct Table {
    nodes: Mutex<HashMap<u64, Node>>,
}

#[derive(Default)]
struct Node {
    /// How often the kernel holds it.
    held: u64,
    /// Names below it that are known: as long as there are any, it is.
    below: u64,
    names: Vec<Name>,
    /// Tells it from one that had the number before.
    birth: i64,
    /// When it had been changed last when its record was found to say nothing of its time.
    settled: Option<(i64, u32)>,
    /// When it had been changed last when it was opened for reading last; none since it was opened for writing.
    read: Option<(i64, u32)>,
}

impl Table {
    /// The kernel holds it once more.
    pub(crate) fn hold(&self, number: u64, birth: i64, folder: u64, name: &OsStr, is_folder: bool) {
        let mut nodes = self.lock();
        let node = nodes.entry(number).or_default();
        node.held += 1;
        let outdated = if node.birth != birth || is_folder {
            if node.birth != birth {
                (node.settled, node.read) = (None, None);
            }
            node.birth = birth;
            node.names.iter().filter(|(of, known)| (*of, known.as_os_str()) != (folder, name)).cloned().collect()
        } else {
            Vec::new()
        };
        for (of, known) in outdated {
            unname(&mut nodes, number, of, &known);
        }
        add_name(&mut nodes, number, folder, name);
    }

    pub(crate) fn forget(&self, number: u64, times: u64) {
        let mut nodes = self.lock();
        if let Some(node) = nodes.get_mut(&number) {
            node.held = node.held.saturating_sub(times);
        }
        drop_unheld(&mut nodes, number);
    }

    /// Its record, if it has one, says nothing of its time for as long as nothing of it changes; `changed`: when something did last.
    pub(crate) fn settle(&self, number: u64, changed: (i64, u32)) {
        if let Some(node) = self.lock().get_mut(&number) {
            node.settled = Some(changed);
        }
    }

    pub(crate) fn is_settled(&self, number: u64, changed: (i64, u32)) -> bool {
        self.lock().get(&number).is_some_and(|node| node.settled == Some(changed))
    }

    /// It is opened for reading; `changed`: when it was changed last. Answers whether nothing became of it since it was opened before.
    pub(crate) fn read(&self, number: u64, changed: (i64, u32)) -> bool {
        self.lock().get_mut(&number).is_some_and(|node| node.read.replace(changed) == Some(changed))
    }

    /// What was read of it may be that no more.
    pub(crate) fn unread(&self, number: u64) {
        if let Some(node) = self.lock().get_mut(&number) {
            node.read = None;
        }
    }

    pub(crate) fn names(&self, number: u64) -> Vec<Name> {
        self.lock().get(&number).map(|node| node.names.clone()).unwrap_or_default()
    }

    /// It no longer stands there.
    pub(crate) fn unnamed(&self, number: u64, folder: u64, name: &OsStr) {
        unname(&mut self.lock(), number, folder, name);
    }

    pub(crate) fn renamed(&self, number: u64, from: (u64, &OsStr), to: (u64, &OsStr)) {
        let mut nodes = self.lock();
        if nodes.contains_key(&number) {
            add_name(&mut nodes, number, to.0, to.1);
            unname(&mut nodes, number, from.0, from.1);
        }
    }

    /// Where it stands, as the catalogue spells paths; empty for the root. None: it has no name that is known.
    pub(crate) fn path(&self, number: u64) -> Option<String> {
        let nodes = self.lock();
        let mut parts = Vec::new();
        let mut at = number;
        while at != ROOT {
            let (folder, name) = nodes.get(&at)?.names.last()?;
            parts.push(spelled(name));
            at = *folder;
            if parts.len() > DEEPEST {
                return None;
            }
        }
        parts.reverse();
        Some(parts.join("/"))
    }

    /// The path of a name in a folder.
    pub(crate) fn path_in(&self, folder: u64, name: &OsStr) -> Option<String> {
        let above = self.path(folder)?;
        Some(if above.is_empty() { spelled(name) } else { format!("{above}/{}", spelled(name)) })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Node>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn spelled(name: &OsStr) -> String {
    names::escape(name.as_bytes(), |_| false)
}

fn add_name(nodes: &mut HashMap<u64, Node>, number: u64, folder: u64, name: &OsStr) {
    let Some(node) = nodes.get_mut(&number) else { return };
    if node.names.iter().any(|(of, known)| *of == folder && known == name) {
        return;
    }
    if node.names.len() >= MOST_NAMES {
        let (of, oldest) = node.names.remove(0);
        lower(nodes, of);
        drop(oldest);
    }
    if let Some(node) = nodes.get_mut(&number) {
        node.names.push((folder, name.to_owned()));
    }
    nodes.entry(folder).or_default().below += 1;
}

fn unname(nodes: &mut HashMap<u64, Node>, number: u64, folder: u64, name: &OsStr) {
    let Some(node) = nodes.get_mut(&number) else { return };
    let before = node.names.len();
    node.names.retain(|(of, known)| *of != folder || known != name);
    if node.names.len() < before {
        lower(nodes, folder);
    }
}

fn lower(nodes: &mut HashMap<u64, Node>, folder: u64) {
    if let Some(node) = nodes.get_mut(&folder) {
        node.below = node.below.saturating_sub(1);
    }
    drop_unheld(nodes, folder);
}

/// What nobody holds goes, and may let go what is above it.
fn drop_unheld(nodes: &mut HashMap<u64, Node>, number: u64) {
    let mut left = vec![number];
    while let Some(number) = left.pop() {
        if !nodes.get(&number).is_some_and(|node| node.held == 0 && node.below == 0) {
            continue;
        }
        for (folder, _) in nodes.remove(&number).map(|node| node.names).unwrap_or_default() {
            if let Some(above) = nodes.get_mut(&folder) {
                above.below = above.below.saturating_sub(1);
                left.push(folder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(table: &Table, number: u64, folder: u64, name: &str) {
        table.hold(number, 7, folder, OsStr::new(name), number < 20);
    }

    #[test]
    fn a_path_follows_the_folders_above_it() {
        let table = Table::default();
        hold(&table, 10, ROOT, "a");
        hold(&table, 11, 10, "b");
        hold(&table, 20, 11, "file");
        assert_eq!(table.path(20).as_deref(), Some("a/b/file"));
        table.renamed(11, (10, OsStr::new("b")), (ROOT, OsStr::new("c")));
        assert_eq!(table.path(20).as_deref(), Some("c/file"));
        table.unnamed(20, 11, OsStr::new("file"));
        assert_eq!((table.path(20), table.path(ROOT).as_deref()), (None, Some("")));
    }

    #[test]
    fn a_folder_is_known_as_long_as_something_below_it_is() {
        let table = Table::default();
        hold(&table, 10, ROOT, "a");
        hold(&table, 20, 10, "file");
        table.forget(10, 1);
        assert_eq!(table.path(20).as_deref(), Some("a/file"));
        table.forget(20, 1);
        assert!(table.lock().keys().all(|number| *number == ROOT), "nothing is left");
    }

    #[test]
    fn a_file_has_many_names_and_a_folder_one() {
        let table = Table::default();
        hold(&table, 20, ROOT, "one");
        hold(&table, 20, ROOT, "two");
        assert_eq!(table.names(20).len(), 2);
        hold(&table, 10, ROOT, "a");
        hold(&table, 10, ROOT, "b");
        assert_eq!(table.names(10), [(ROOT, OsString::from("b"))]);
        (0..100).for_each(|number| hold(&table, 20, ROOT, &number.to_string()));
        assert_eq!(table.names(20).len(), MOST_NAMES);
    }

    #[test]
    fn what_was_found_of_a_file_counts_for_as_long_as_it_did_not_change() {
        let table = Table::default();
        hold(&table, 20, ROOT, "file");
        assert_eq!((table.read(20, (1, 1)), table.read(20, (1, 1)), table.read(20, (1, 2))), (false, true, false));
        table.unread(20);
        assert!(!table.read(20, (1, 2)));
        table.settle(20, (1, 2));
        assert_eq!((table.is_settled(20, (1, 2)), table.is_settled(20, (1, 3))), (true, false));
        table.hold(20, 8, ROOT, OsStr::new("file"), false);
        assert_eq!((table.is_settled(20, (1, 2)), table.read(20, (1, 2))), (false, false), "it is another file");
    }

    #[test]
    fn a_number_that_is_given_anew_has_the_names_of_the_new_one_only() {
        let table = Table::default();
        hold(&table, 20, ROOT, "old");
        table.hold(20, 8, ROOT, OsStr::new("new"), false);
        assert_eq!(table.names(20), [(ROOT, OsString::from("new"))]);
    }
}
