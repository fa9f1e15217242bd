//! What every file of the space must hold, as those know who write them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::content::Content;
use super::random::Random;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Sure,
    /// Somebody is at it.
    Changing,
    /// A job deletes it: it is whole or gone.
    Leaving,
}

#[derive(Clone, Debug)]
struct Entry {
    content: Content,
    standing: Standing,
    /// Another after every change.
    version: u64,
}

/// By path within the space.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    files: BTreeMap<String, Entry>,
    version: u64,
}

/// A file as it was known at one moment.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) path: String,
    pub(super) content: Content,
    pub(super) may_go: bool,
    version: u64,
}

impl Known {
    pub(super) fn put(&self, path: &str, content: Content) {
        self.table().set(path, content, Standing::Sure);
    }

    /// From here on until `put` or `forget` nobody can say what it holds.
    pub(super) fn change(&self, path: &str) {
        let mut table = self.table();
        if let Some(content) = table.files.get(path).map(|entry| entry.content.clone()) {
            table.set(path, content, Standing::Changing);
        }
    }

    pub(super) fn forget(&self, path: &str) {
        self.table().files.remove(path);
    }

    /// What stands below a folder is deleted from here on.
    pub(super) fn leave(&self, folder: &str) {
        let mut table = self.table();
        for seen in table.below(folder) {
            table.set(&seen.path, seen.content, Standing::Leaving);
        }
    }

    pub(super) fn below(&self, folder: &str) -> Vec<Seen> {
        self.table().below(folder)
    }

    /// Any that nobody is at, of those that `fits` says.
    pub(super) fn any(&self, random: &mut Random, fits: impl Fn(&str, &Content) -> bool) -> Option<Seen> {
        let table = self.table();
        let good =
            || table.files.iter().filter(|(path, entry)| entry.standing != Standing::Changing && fits(path, &entry.content));
        let at = random.below(good().count() as u64);
        good().nth(usize::try_from(at).ok()?).map(|(path, entry)| seen(path, entry))
    }

    /// Whether nobody was at it since.
    pub(super) fn is_still(&self, seen: &Seen) -> bool {
        self.table().files.get(&seen.path).is_some_and(|entry| entry.version == seen.version)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn set(&mut self, path: &str, content: Content, standing: Standing) {
        self.version += 1;
        self.files.insert(path.to_owned(), Entry { content, standing, version: self.version });
    }

    fn below(&self, folder: &str) -> Vec<Seen> {
        let start = format!("{folder}/");
        self.files.iter().filter(|(path, _)| path.starts_with(&start)).map(|(path, entry)| seen(path, entry)).collect()
    }
}

fn seen(path: &str, entry: &Entry) -> Seen {
    let may_go = entry.standing == Standing::Leaving;
    Seen { path: path.to_owned(), content: entry.content.clone(), may_go, version: entry.version }
}
