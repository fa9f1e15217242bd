//! Files that somebody removed from a space: their copies stay for the recycle window (D6), and what nothing rests on goes after it.
//!
//! Only what was removed by somebody's word has a row here; an entry that is merely not found in its tree has none. Copies go in two
//! steps around their deletion in the store: first nobody counts on them any more, then they are forgotten. Who dies in between leaves
//! copies that count for nothing, and that the next purge finds again.

use capstan_domain::Outcome;
use capstan_domain::entry::{EntryKind, Tree};
use capstan_domain::ids::{LocationId, Number};
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::connection::Connection;
use crate::paths::{CHUNK, Memory, numbers};
use crate::query::{Value, sql};
use crate::replica::forget_replicas;
use crate::text_key::text_key;
use crate::tree::{hold_tree, tree_row};
use crate::upsert::{Totals, count};

/// What is in its tree again was not removed. `e` is the entry.
const IS_GONE: &str =
    "e.resident = 0 AND e.kind <> 'folder' AND NOT EXISTS (SELECT 1 FROM entry_states t WHERE t.entry = e.number)";

/// A file that is not in its tree any more, of which copies are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovedFile {
    pub entry: Number,
    pub path: String,
    pub removed: Timestamp,
}

impl Catalogue {
    /// Those of a tree that were removed before an instant, the earliest first, behind `after`.
    pub async fn removed_files(
        &self,
        tree: Tree,
        before: Timestamp,
        after: Option<&RemovedFile>,
        limit: u32,
    ) -> Outcome<Vec<RemovedFile>> {
        let mut connection = self.read().await?;
        let row = tree_row(&mut connection, tree).await?;
        let text = format!(
            "SELECT d.entry, e.path, d.removed FROM removed_files d JOIN entries e ON e.number = d.entry \
             WHERE d.tree = $1 AND d.removed < $2 AND (d.removed, d.entry) > ($3, $4) AND {IS_GONE} \
             ORDER BY d.removed, d.entry LIMIT {limit}"
        );
        let (removed, entry) = after.map_or((Timestamp(i64::MIN), 0), |after| (after.removed, after.entry));
        let rows = connection.all(sql(text).bind(row.number).bind(before).bind(removed).bind(entry)).await?;
        let read = |mut row: crate::query::Row| Ok(RemovedFile { entry: row.take()?, path: row.take()?, removed: row.take()? });
        rows.into_iter().map(read).collect()
    }

    /// Something still rests on copies of these: they are looked at again as if they had been removed at `at`.
    pub async fn keep_removed(&self, entries: Vec<Number>, at: Timestamp) -> Outcome<()> {
        self.write(move |connection| {
            Box::pin(async move {
                for chunk in entries.chunks(CHUNK) {
                    let text = format!("UPDATE removed_files SET removed = $1 WHERE entry IN ({})", marks(2, chunk.len()));
                    let query = sql(text).bind(at).bind_all(chunk.iter().map(|entry| Value::from(*entry)));
                    connection.run(query).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Of the copies under these keys of a location, those that only files have which were removed before an instant: from here on they
    /// are not verified, and nobody counts on them. Answers their keys.
    pub async fn release_copies(&self, location: LocationId, keys: Vec<String>, before: Timestamp) -> Outcome<Vec<String>> {
        self.write(move |connection| {
            Box::pin(async move {
                let mut released = Vec::new();
                for chunk in keys.chunks(CHUNK) {
                    released.extend(release(connection, location, chunk, before).await?);
                }
                Ok(released)
            })
        })
        .await
    }

    /// The copies under these keys of a location are deleted there: they are forgotten, and with them those of the files that were removed
    /// and have none left.
    pub async fn purge_removed(&self, tree: Tree, location: LocationId, keys: Vec<String>, files: Vec<Number>) -> Outcome<()> {
        self.write(move |connection| {
            Box::pin(async move {
                let row = hold_tree(connection, tree).await?;
                forget_replicas(connection, location, &keys).await?;
                let mut gone = Totals::default();
                for chunk in files.chunks(CHUNK) {
                    let text = format!(
                        "DELETE FROM entries WHERE number IN (SELECT e.number FROM entries e JOIN removed_files d ON d.entry = e.number \
                         WHERE e.tree = $1 AND e.number IN ({}) AND {IS_GONE} \
                         AND NOT EXISTS (SELECT 1 FROM replicas r WHERE r.entry = e.number)) RETURNING kind, size, resident",
                        marks(2, chunk.len())
                    );
                    let query = sql(text).bind(row.number).bind_all(chunk.iter().map(|entry| Value::from(*entry)));
                    for mut row in connection.all(query).await? {
                        let kind: EntryKind = row.word()?;
                        gone.add(kind, row.take()?, row.take()?);
                    }
                }
                let mut change = Totals::default();
                change.minus(&gone);
                count(connection, row, &change).await
            })
        })
        .await
    }
}

async fn release(connection: &mut Connection, location: LocationId, keys: &[String], before: Timestamp) -> Outcome<Vec<String>> {
    let text = format!(
        "SELECT DISTINCT r.name FROM replicas r JOIN entries e ON e.number = r.entry \
         LEFT JOIN removed_files d ON d.entry = r.entry WHERE r.location = $1 AND r.name_key IN ({}) \
         AND (d.entry IS NULL OR d.removed >= $2 OR NOT ({IS_GONE}))",
        marks(3, keys.len())
    );
    let names = || keys.iter().map(|key| text_key(&[key]));
    let mut held = Vec::new();
    for mut row in connection.all(sql(text).bind(location).bind(before).bind_all(names())).await? {
        held.push(row.take::<String>()?);
    }
    let free: Vec<String> = keys.iter().filter(|key| !held.contains(*key)).cloned().collect();
    if !free.is_empty() {
        let text = format!("UPDATE replicas SET verified = NULL WHERE location = $1 AND name_key IN ({})", marks(2, free.len()));
        connection.run(sql(text).bind(location).bind_all(free.iter().map(|key| text_key(&[key])))).await?;
    }
    Ok(free)
}

/// Somebody removed what stood at these paths; those that have copies are remembered as of now.
pub(crate) async fn put_removed(connection: &mut Connection, tree: Tree, paths: &[String]) -> Outcome<()> {
    let row = hold_tree(connection, tree).await?;
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let found: Vec<Number> = numbers(connection, row, &mut Memory::default(), &paths).await?.into_values().collect();
    for chunk in found.chunks(CHUNK) {
        let text = format!(
            "INSERT INTO removed_files (entry, tree, removed) SELECT e.number, e.tree, $1 FROM entries e \
             WHERE e.number IN ({}) AND {IS_GONE} AND EXISTS (SELECT 1 FROM replicas r WHERE r.entry = e.number) \
             ON CONFLICT (entry) DO UPDATE SET removed = excluded.removed",
            marks(2, chunk.len())
        );
        let query = sql(text).bind(Timestamp::now()).bind_all(chunk.iter().map(|entry| Value::from(*entry)));
        connection.run(query).await?;
    }
    Ok(())
}

/// `$from`, … for so many values.
fn marks(from: usize, values: usize) -> String {
    (from..from + values).map(|at| format!("${at}")).collect::<Vec<_>>().join(", ")
}
