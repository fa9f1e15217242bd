//! Deep windows of a large folder: where each stretch of its children begins, so that a page costs a seek and not a walk from the start.
//!
//! The marks of a folder are its child names at every `STRETCH`th place, learnt as far as somebody asked, with the count of all
//! children once it was needed. They hold while the tree does not change (`trees.changes`, which every change of an entry raises in
//! its own transaction), on both databases and whoever changes it. The first page far into a folder walks its index once, without
//! reading a row; the pages after it do not.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use capstan_domain::Outcome;
use capstan_domain::ids::Number;

use crate::connection::Connection;
use crate::query::sql;

/// Children between two marks: what a page may walk over.
const STRETCH: u64 = 2_048;
/// Folders whose marks are kept, and marks in all; beyond, all are forgotten and learnt again.
const FOLDERS: usize = 1_024;
const MARKS: usize = 200_000;

#[derive(Default)]
pub(crate) struct Seeks {
    folders: Mutex<HashMap<Number, Marks>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Marks {
    /// `trees.changes` when these were learnt.
    changes: i64,
    /// `names[i]` is the name of child `(i + 1) * STRETCH`, counted from 0.
    names: Vec<String>,
    count: Option<u64>,
}

/// Where a window begins: after skipping so many children from this name on; none: from the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) from: Option<String>,
    pub(crate) skip: u64,
}

impl Seeks {
    /// The start of a window `offset` children into a folder.
    pub(crate) async fn start(&self, connection: &mut Connection, folder: Number, offset: u64) -> Outcome<Start> {
        let wanted = offset / STRETCH;
        if wanted == 0 {
            return Ok(Start { from: None, skip: offset });
        }
        let mut marks = self.marks(connection, folder).await?;
        let had = marks.names.len();
        while (marks.names.len() as u64) < wanted {
            let Some(next) = learn(connection, folder, marks.names.last()).await? else { break };
            marks.names.push(next);
        }
        if marks.names.len() > had {
            self.keep(folder, &marks);
        }
        // A folder that ends before the window: the last mark, and more to skip than there is.
        let known = wanted.min(marks.names.len() as u64);
        let from = usize::try_from(known).ok().and_then(|known| marks.names.get(known.checked_sub(1)?)).cloned();
        Ok(Start { from, skip: offset - known * STRETCH })
    }

    pub(crate) async fn count(&self, connection: &mut Connection, folder: Number) -> Outcome<u64> {
        let mut marks = self.marks(connection, folder).await?;
        if let Some(count) = marks.count {
            return Ok(count);
        }
        let count = connection.value(sql("SELECT count(*) FROM entries WHERE parent = $1").bind(folder)).await?;
        marks.count = Some(count);
        self.keep(folder, &marks);
        Ok(count)
    }

    /// What is known and still holds.
    async fn marks(&self, connection: &mut Connection, folder: Number) -> Outcome<Marks> {
        let query = sql("SELECT f.changes FROM entries e JOIN trees f ON f.number = e.tree WHERE e.number = $1");
        let changes = match connection.one(query.bind(folder)).await? {
            Some(mut row) => row.take()?,
            None => 0,
        };
        let known = self.folders.lock().unwrap_or_else(PoisonError::into_inner).get(&folder).cloned();
        Ok(known.filter(|known| known.changes == changes).unwrap_or(Marks { changes, ..Marks::default() }))
    }

    fn keep(&self, folder: Number, marks: &Marks) {
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        let others: usize = folders.values().map(|marks| marks.names.len()).sum();
        if folders.len() >= FOLDERS || others + marks.names.len() > MARKS {
            folders.clear();
        }
        folders.insert(folder, marks.clone());
    }
}

/// The mark after `last`, over the index of names alone; none: the folder ends before it.
async fn learn(connection: &mut Connection, folder: Number, last: Option<&String>) -> Outcome<Option<String>> {
    let from = last.map_or("", String::as_str);
    let next = sql("SELECT name FROM entries WHERE parent = $1 AND name >= $2 ORDER BY name LIMIT 1 OFFSET $3");
    let found = connection.one(next.bind(folder).bind(from).bind(STRETCH)).await?;
    found.map(|mut row| row.take()).transpose()
}
