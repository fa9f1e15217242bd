//! Paths of a tree as the numbers of their entries: level by level from the root, since an entry is found by its parent and name.

use std::collections::{BTreeSet, HashMap};

use capstan_domain::Outcome;
use capstan_domain::ids::Number;

use crate::connection::Connection;
use crate::query::{Value, sql, tuples};
use crate::tree::TreeRow;

/// Rows or pairs of one statement: a full one stays far below either database's limit of placeholders.
pub(crate) const CHUNK: usize = 400;

/// Folders whose numbers are remembered.
const FOLDERS: usize = 100_000;

/// What a run of batches over one tree remembers. A remembered folder may go meanwhile: the reference of its new child fails then,
/// and the batch is written again without memory.
#[derive(Default)]
pub(crate) struct Memory {
    folders: HashMap<String, Number>,
    /// Whether the last rows were new to the tree.
    pub(crate) fresh: bool,
}

impl Memory {
    pub(crate) fn remember(&mut self, path: String, number: Number) {
        if self.folders.len() >= FOLDERS {
            self.folders.clear();
        }
        self.folders.insert(path, number);
    }

    pub(crate) fn folder(&self, tree: TreeRow, path: &str) -> Option<Number> {
        if path.is_empty() { Some(tree.root) } else { self.folders.get(path).copied() }
    }
}

/// The path above, empty for what stands in the root.
pub(crate) fn above(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(above, _)| above)
}

pub(crate) fn name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// The folders that these paths stand in and that are not remembered, by depth, each level after the ones above it.
pub(crate) fn unknown_folders<'p>(tree: TreeRow, memory: &Memory, paths: impl Iterator<Item = &'p str>) -> Vec<Vec<&'p str>> {
    let mut wanted: BTreeSet<(usize, &str)> = BTreeSet::new();
    for path in paths {
        let mut folder = above(path);
        while memory.folder(tree, folder).is_none() && wanted.insert((folder.matches('/').count(), folder)) {
            folder = above(folder);
        }
    }
    let mut levels: Vec<Vec<&str>> = Vec::new();
    let mut depth = None;
    for (at, folder) in wanted {
        if depth != Some(at) {
            levels.push(Vec::new());
            depth = Some(at);
        }
        if let Some(level) = levels.last_mut() {
            level.push(folder);
        }
    }
    levels
}

/// Numbers of the entries at these paths; what is not there is not in the answer. `path` empty is the root.
pub(crate) async fn numbers(
    connection: &mut Connection,
    tree: TreeRow,
    memory: &mut Memory,
    paths: &[&str],
) -> Outcome<HashMap<String, Number>> {
    for level in unknown_folders(tree, memory, paths.iter().copied()) {
        for (path, number) in level_numbers(connection, tree, memory, &level).await? {
            memory.remember(path, number);
        }
    }
    level_numbers(connection, tree, memory, paths).await
}

/// Of paths whose folders are remembered.
pub(crate) async fn level_numbers(
    connection: &mut Connection,
    tree: TreeRow,
    memory: &Memory,
    paths: &[&str],
) -> Outcome<HashMap<String, Number>> {
    let mut found = HashMap::with_capacity(paths.len());
    for chunk in paths.chunks(CHUNK) {
        let mut at: HashMap<(Number, &str), &str> = HashMap::with_capacity(chunk.len());
        for path in chunk {
            if path.is_empty() {
                found.insert(String::new(), tree.root);
            } else if let Some(parent) = memory.folder(tree, above(path)) {
                at.insert((parent, name(path)), path);
            }
        }
        if at.is_empty() {
            continue;
        }
        let text = format!("SELECT e.parent, e.name, e.number FROM {}", joined(at.len()));
        let pairs = at.keys().flat_map(|(parent, name)| [Value::from(*parent), Value::from(*name)]);
        for mut row in connection.all(sql(text).bind_all(pairs)).await? {
            let (parent, name): (Number, String) = (row.take()?, row.take()?);
            if let Some(path) = at.get(&(parent, name.as_str())) {
                found.insert((*path).to_owned(), row.take()?);
            }
        }
    }
    Ok(found)
}

/// The entries `e` of so many pairs of parent and name. The order of the join is said, not guessed: each pair is one look into the
/// index.
pub(crate) fn joined(pairs: usize) -> String {
    format!("(VALUES {}) AS v CROSS JOIN entries e WHERE e.parent = v.column1 AND e.name = v.column2", tuples(pairs, 2))
}
