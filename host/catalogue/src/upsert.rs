//! Entries, found or made by tree and path, many in one statement; the folders above them are made where they are missing.
//!
//! A row keeps the digest of its content only while size, modification time and inode are those it was read with. The counts of the
//! tree follow in the same transaction: rows that are all new, as in a first scan, are counted without a look at what was there.

use std::collections::BTreeMap;

use capstan_domain::Outcome;
use capstan_domain::entry::{EntryKind, NewEntry};
use capstan_domain::ids::{EntryId, Number};
use capstan_domain::time::Timestamp;

use crate::connection::Connection;
use crate::paths::{CHUNK, Memory, above, joined, level_numbers, name, unknown_folders};
use crate::query::{Query, Value, sql, tuples};
use crate::tree::TreeRow;

const COLUMNS: usize = 16;

const INSERT: &str = "INSERT INTO entries (id, tree, parent, name, path, kind, size, modified, changed, mode, uid, gid, inode, blake3, resident, seen) VALUES ";

const LEAVE: &str = " ON CONFLICT (parent, name) DO NOTHING";

const RENEW: &str = " ON CONFLICT (parent, name) DO UPDATE SET kind = excluded.kind, size = excluded.size, modified = excluded.modified, \
     changed = excluded.changed, mode = excluded.mode, uid = excluded.uid, gid = excluded.gid, inode = excluded.inode, \
     blake3 = CASE WHEN excluded.blake3 IS NOT NULL THEN excluded.blake3 WHEN entries.size = excluded.size \
     AND entries.modified = excluded.modified AND entries.inode IS NOT DISTINCT FROM excluded.inode THEN entries.blake3 END, \
     resident = CASE WHEN EXISTS (SELECT 1 FROM entry_states s WHERE s.entry = entries.number \
     AND s.state IN ('migrated', 'recalling')) THEN 0 ELSE 1 END, seen = CASE WHEN entries.seen > excluded.seen THEN entries.seen ELSE excluded.seen END";

pub(crate) fn kind_word(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::File => "file",
        EntryKind::Folder => "folder",
        EntryKind::Link => "link",
    }
}

/// Writes `entries`, all of one tree, which the caller holds; of two with the same path the last counts.
pub(crate) async fn upsert(
    connection: &mut Connection,
    tree: TreeRow,
    memory: &mut Memory,
    entries: &[NewEntry],
    seen: Timestamp,
) -> Outcome<()> {
    let rows: BTreeMap<&str, &NewEntry> =
        entries.iter().filter(|entry| !entry.path.is_empty()).map(|entry| (entry.path.as_str(), entry)).collect();
    let mut change = Totals::default();
    for level in unknown_folders(tree, memory, rows.keys().copied()) {
        for chunk in level.chunks(CHUNK) {
            change.entries += make_folders(connection, tree, memory, chunk, seen).await?;
        }
    }
    let rows: Vec<&NewEntry> = rows.into_values().collect();
    for chunk in rows.chunks(CHUNK) {
        let parents: Vec<Number> =
            chunk.iter().map(|entry| memory.folder(tree, above(&entry.path)).unwrap_or(tree.root)).collect();
        write(connection, tree, memory, chunk, &parents, seen, &mut change).await?;
    }
    count(connection, tree, &change).await
}

/// One chunk; adds to `change` what the tree's counts change by.
async fn write(
    connection: &mut Connection,
    tree: TreeRow,
    memory: &mut Memory,
    chunk: &[&NewEntry],
    parents: &[Number],
    seen: Timestamp,
    change: &mut Totals,
) -> Outcome<()> {
    let mut after = Totals::default();
    for entry in chunk {
        after.add(entry.kind, entry.size, true);
    }
    let rows = || chunk.iter().zip(parents).flat_map(|(entry, parent)| columns(tree, *parent, entry, seen));
    let mut made = Totals::default();
    if memory.fresh {
        let last: Option<Number> = connection.value(sql("SELECT max(number) FROM entries")).await?;
        let new = connection.run(statement(chunk.len(), LEAVE, rows())).await?;
        if usize::try_from(new).is_ok_and(|new| new == chunk.len()) {
            change.plus(&after);
            return Ok(());
        }
        memory.fresh = false;
        made = made_since(connection, tree, last.unwrap_or_default()).await?;
    }
    // What was made just now is in these totals too.
    let before = totals(connection, chunk, parents).await?;
    connection.run(statement(chunk.len(), RENEW, rows())).await?;
    memory.fresh = before.entries == 0;
    if !memory.fresh && has_stubs(connection, tree).await? {
        after = totals(connection, chunk, parents).await?;
    }
    change.plus(&after);
    change.minus(&before);
    change.plus(&made);
    Ok(())
}

/// Files that are found where a stub is known are that stub: what is in the tree says nothing of where the content lies.
async fn has_stubs(connection: &mut Connection, tree: TreeRow) -> Outcome<bool> {
    let query =
        sql("SELECT 1 FROM entry_states WHERE tree = $1 AND state IN ('migrated', 'recalling') LIMIT 1").bind(tree.number);
    Ok(connection.one(query).await?.is_some())
}

fn statement(rows: usize, tail: &str, values: impl Iterator<Item = Value>) -> Query {
    let mut text = String::with_capacity(INSERT.len() + rows * COLUMNS * 7 + tail.len());
    text.push_str(INSERT);
    text.push_str(&tuples(rows, COLUMNS));
    text.push_str(tail);
    sql(text).bind_all(values)
}

fn columns(tree: TreeRow, parent: Number, entry: &NewEntry, seen: Timestamp) -> [Value; COLUMNS] {
    [
        EntryId::new().into(),
        tree.number.into(),
        parent.into(),
        name(&entry.path).into(),
        (&entry.path).into(),
        kind_word(entry.kind).into(),
        entry.size.into(),
        entry.modified.into(),
        entry.changed.into(),
        entry.mode.into(),
        entry.uid.into(),
        entry.gid.into(),
        entry.inode.into(),
        entry.blake3.clone().into(),
        true.into(),
        seen.into(),
    ]
}

/// Folders of one level, found or made, and remembered. Answers how many were made.
async fn make_folders(
    connection: &mut Connection,
    tree: TreeRow,
    memory: &mut Memory,
    paths: &[&str],
    seen: Timestamp,
) -> Outcome<i64> {
    let known = level_numbers(connection, tree, memory, paths).await?;
    let missing: Vec<&str> = paths.iter().copied().filter(|path| !known.contains_key(*path)).collect();
    for (path, number) in known {
        memory.remember(path, number);
    }
    if missing.is_empty() {
        return Ok(0);
    }
    let mut values = Vec::with_capacity(missing.len() * COLUMNS);
    for path in &missing {
        let parent = memory.folder(tree, above(path)).unwrap_or(tree.root);
        values.extend(columns(tree, parent, &bare_folder(path), seen));
    }
    let tail = format!("{LEAVE} RETURNING path, number");
    let made = connection.all(statement(missing.len(), &tail, values.into_iter())).await?;
    let count = i64::try_from(made.len()).unwrap_or_default();
    for mut row in made {
        memory.remember(row.take()?, row.take()?);
    }
    Ok(count)
}

/// A folder that nothing is known of but that something stands in it.
fn bare_folder(path: &str) -> NewEntry {
    NewEntry {
        // Not looked at: the tree is known by its row.
        tree: capstan_domain::entry::Tree::Space(capstan_domain::ids::SpaceId(uuid::Uuid::nil())),
        path: path.to_owned(),
        kind: EntryKind::Folder,
        size: 0,
        modified: Timestamp::default(),
        changed: None,
        mode: None,
        uid: None,
        gid: None,
        inode: None,
        blake3: None,
    }
}

#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) entries: i64,
    pub(crate) files: i64,
    pub(crate) bytes: i64,
    /// Of `bytes`, those on the host's own disks.
    pub(crate) resident: i64,
}

impl Totals {
    pub(crate) fn add(&mut self, kind: EntryKind, size: u64, resident: bool) {
        self.entries += 1;
        if kind == EntryKind::File {
            let size = i64::try_from(size).unwrap_or(i64::MAX);
            self.files += 1;
            self.bytes = self.bytes.saturating_add(size);
            if resident {
                self.resident = self.resident.saturating_add(size);
            }
        }
    }

    fn plus(&mut self, other: &Self) {
        self.entries += other.entries;
        self.files += other.files;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.resident = self.resident.saturating_add(other.resident);
    }

    pub(crate) fn minus(&mut self, other: &Self) {
        self.entries -= other.entries;
        self.files -= other.files;
        self.bytes = self.bytes.saturating_sub(other.bytes);
        self.resident = self.resident.saturating_sub(other.resident);
    }
}

const TOTALS: &str = "SELECT count(*), count(CASE WHEN e.kind = 'file' THEN 1 END), \
                      CAST(COALESCE(sum(CASE WHEN e.kind = 'file' THEN e.size END), 0) AS BIGINT), \
                      CAST(COALESCE(sum(CASE WHEN e.kind = 'file' AND e.resident = 1 THEN e.size END), 0) AS BIGINT) FROM ";

/// What the rows of this chunk count for until now.
async fn totals(connection: &mut Connection, chunk: &[&NewEntry], parents: &[Number]) -> Outcome<Totals> {
    let pairs = chunk.iter().zip(parents).flat_map(|(entry, parent)| [Value::from(*parent), Value::from(name(&entry.path))]);
    one(connection, sql(format!("{TOTALS}{}", joined(chunk.len()))).bind_all(pairs)).await
}

/// Of the entries of this tree with a higher number: the tree is held, so they are this transaction's.
async fn made_since(connection: &mut Connection, tree: TreeRow, last: Number) -> Outcome<Totals> {
    one(connection, sql(format!("{TOTALS} entries e WHERE e.tree = $1 AND e.number > $2")).bind(tree.number).bind(last)).await
}

async fn one(connection: &mut Connection, query: Query) -> Outcome<Totals> {
    match connection.one(query).await? {
        Some(mut row) => Ok(Totals { entries: row.take()?, files: row.take()?, bytes: row.take()?, resident: row.take()? }),
        None => Ok(Totals::default()),
    }
}

/// Moves the tree's counts by `change`.
pub(crate) async fn count(connection: &mut Connection, tree: TreeRow, change: &Totals) -> Outcome<()> {
    let query =
        sql("UPDATE trees SET entry_count = entry_count + $2, file_count = file_count + $3, file_bytes = file_bytes + $4, \
             resident_bytes = resident_bytes + $5, changes = changes + 1 WHERE number = $1");
    let query = query.bind(tree.number).bind(change.entries).bind(change.files).bind(change.bytes).bind(change.resident);
    connection.run(query).await.map(|_| ())
}
