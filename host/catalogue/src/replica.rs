//! Replicas: the stored copies of entries, and what an earlier run knows of a path through them.

use std::collections::BTreeMap;

use capstan_domain::Outcome;
use capstan_domain::entry::{Replica, Tree};
use capstan_domain::ids::{LocationId, Number, ReplicaId};
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::adopt::forget_contentless;
use crate::connection::Connection;
use crate::file_state::lose_copies;
use crate::paths::{CHUNK, Memory, numbers};
use crate::query::{Row, Value, sql, tuples};
use crate::text_key::text_key;
use crate::tree::{TreeRow, tree_row};

pub(crate) const COLUMNS: &str =
    "r.id, e.id, r.location, r.name, r.size, r.etag, r.version, r.blake3, r.subtrees, r.verified, r.created";

pub(crate) fn read(row: &mut Row) -> Outcome<Replica> {
    Ok(Replica {
        id: row.take()?,
        entry: row.take()?,
        location: row.take()?,
        key: row.take()?,
        size: row.take()?,
        etag: row.take()?,
        version: row.take()?,
        blake3: row.take()?,
        subtrees: row.take()?,
        verified: row.take()?,
        created: row.take()?,
    })
}

/// A copy to be recorded, of the entry at this path.
#[derive(Clone, Debug)]
pub struct NewReplica {
    pub path: String,
    pub location: LocationId,
    pub key: String,
    pub size: u64,
    /// As the target shows it.
    pub modified: Timestamp,
    pub etag: Option<String>,
    pub version: Option<String>,
    pub blake3: Vec<u8>,
    pub subtrees: Vec<u8>,
    pub verified: Option<Timestamp>,
}

/// A replica with when its object was written, as the target shows it, and with what its entry was when its content was read.
#[derive(Clone, Debug)]
pub struct Held {
    pub replica: Replica,
    pub modified: Timestamp,
    /// These are of the entry.
    pub path: String,
    pub entry_modified: Timestamp,
    pub entry_size: u64,
    pub entry_inode: Option<u64>,
    /// None once the entry was found changed.
    pub entry_blake3: Option<Vec<u8>>,
}

/// Where a copy of an entry lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredIn {
    pub entry: Number,
    /// Name of the location.
    pub name: String,
    /// Of its target.
    pub plugin: String,
    pub is_cartridge: bool,
}

impl Catalogue {
    /// The copies of an entry's content, oldest first.
    pub async fn replicas_of(&self, entry: Number) -> Outcome<Vec<Replica>> {
        let text =
            format!("SELECT {COLUMNS} FROM replicas r JOIN entries e ON e.number = r.entry WHERE r.entry = $1 ORDER BY r.number");
        let rows = self.read().await?.all(sql(text).bind(entry)).await?;
        rows.into_iter().map(|mut row| read(&mut row)).collect()
    }

    /// For each copy of these entries, oldest first.
    pub async fn holders(&self, entries: &[Number]) -> Outcome<Vec<StoredIn>> {
        let mut connection = self.read().await?;
        let mut holders = Vec::new();
        for chunk in entries.chunks(CHUNK) {
            let marks: Vec<String> = (1..=chunk.len()).map(|at| format!("${at}")).collect();
            let text = format!(
                "SELECT r.entry, l.name, g.plugin, c.location FROM replicas r JOIN locations l ON l.id = r.location \
                 JOIN targets g ON g.id = l.target LEFT JOIN cartridges c ON c.location = l.id \
                 WHERE r.entry IN ({}) ORDER BY r.number",
                marks.join(", ")
            );
            for mut row in connection.all(sql(text).bind_all(chunk.iter().map(|entry| Value::from(*entry)))).await? {
                let (entry, name, plugin) = (row.take()?, row.take()?, row.take()?);
                let is_cartridge = row.take::<Option<LocationId>>()?.is_some();
                holders.push(StoredIn { entry, name, plugin, is_cartridge });
            }
        }
        Ok(holders)
    }

    /// The copies of the entries at these paths of a tree, in no order.
    pub async fn replicas_at(&self, tree: Tree, paths: &[String]) -> Outcome<Vec<Held>> {
        let mut connection = self.read().await?;
        let row = tree_row(&mut connection, tree).await?;
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let found: Vec<Number> = numbers(&mut connection, row, &mut Memory::default(), &paths).await?.into_values().collect();
        held_of(&mut connection, &found).await
    }

    /// The copies of those files of a tree that are premigrated or elsewhere, of up to `limit` files behind the entry `after`, with the last
    /// of these entries. None: there are no more.
    pub async fn stored_copies(&self, tree: Tree, after: Number, limit: u32) -> Outcome<Option<(Number, Vec<Held>)>> {
        let mut connection = self.read().await?;
        let row = tree_row(&mut connection, tree).await?;
        // Along the primary key, so that a file whose state changes meanwhile is met once; the plus keeps planners from sorting what
        // another index finds.
        let text = format!(
            "SELECT entry FROM entry_states WHERE entry > $1 AND +tree = $2 AND state <> 'resident' ORDER BY entry LIMIT {limit}"
        );
        let rows = connection.all(sql(text).bind(after).bind(row.number)).await?;
        let entries: Vec<Number> = rows.into_iter().map(|mut row| row.take()).collect::<Outcome<_>>()?;
        match entries.last() {
            Some(last) => Ok(Some((*last, held_of(&mut connection, &entries).await?))),
            None => Ok(None),
        }
    }

    /// The copies under these keys of a location, in no order.
    pub async fn replicas_under(&self, location: LocationId, keys: &[String]) -> Outcome<Vec<Replica>> {
        let mut connection = self.read().await?;
        let mut replicas = Vec::new();
        for chunk in keys.chunks(CHUNK) {
            let marks: Vec<String> = (2..chunk.len() + 2).map(|at| format!("${at}")).collect();
            let text = format!(
                "SELECT {COLUMNS} FROM replicas r JOIN entries e ON e.number = r.entry WHERE r.location = $1 AND r.name_key IN ({})",
                marks.join(", ")
            );
            for mut row in connection.all(sql(text).bind(location).bind_all(chunk.iter().map(|key| text_key(&[key])))).await? {
                replicas.push(read(&mut row)?);
            }
        }
        Ok(replicas)
    }
}

async fn held_of(connection: &mut Connection, entries: &[Number]) -> Outcome<Vec<Held>> {
    let mut held = Vec::new();
    for chunk in entries.chunks(CHUNK) {
        let marks: Vec<String> = (1..=chunk.len()).map(|at| format!("${at}")).collect();
        let text = format!(
            "SELECT {COLUMNS}, r.modified, e.path, e.modified, e.size, e.inode, e.blake3 FROM entries e \
             JOIN replicas r ON r.entry = e.number WHERE e.number IN ({})",
            marks.join(", ")
        );
        let query = sql(text).bind_all(chunk.iter().map(|number| Value::from(*number)));
        for mut row in connection.all(query).await? {
            held.push(Held {
                replica: read(&mut row)?,
                modified: row.take()?,
                path: row.take()?,
                entry_modified: row.take()?,
                entry_size: row.take()?,
                entry_inode: row.take()?,
                entry_blake3: row.take()?,
            });
        }
    }
    Ok(held)
}

/// Records copies of entries that are there; the same entry and location again replaces what was known. Keeps the counts of the
/// locations.
pub(crate) async fn put_replicas(connection: &mut Connection, tree: TreeRow, replicas: &[NewReplica]) -> Outcome<()> {
    // Of two of the same entry and location the last counts.
    let mut last: BTreeMap<(&str, LocationId), &NewReplica> = BTreeMap::new();
    for replica in replicas {
        last.insert((&replica.path, replica.location), replica);
    }
    let mut memory = Memory::default();
    let paths: Vec<&str> = last.keys().map(|(path, _)| *path).collect();
    let found = numbers(connection, tree, &mut memory, &paths).await?;
    let rows: Vec<(Number, &NewReplica)> =
        last.into_values().filter_map(|replica| Some((*found.get(&replica.path)?, replica))).collect();
    let mut change: BTreeMap<LocationId, (i64, i64)> = BTreeMap::new();
    for chunk in rows.chunks(CHUNK) {
        for (location, size) in sizes(connection, chunk).await? {
            let (files, bytes) = change.entry(location).or_default();
            (*files, *bytes) = (*files - 1, bytes.saturating_sub(size));
        }
        let mut values = Vec::with_capacity(chunk.len() * INSERTED);
        for (entry, replica) in chunk {
            let (files, bytes) = change.entry(replica.location).or_default();
            (*files, *bytes) = (*files + 1, bytes.saturating_add(i64::try_from(replica.size).unwrap_or(i64::MAX)));
            values.extend(columns(*entry, replica));
        }
        let text = format!(
            "INSERT INTO replicas (id, entry, location, name, name_key, size, modified, etag, version, blake3, subtrees, verified, created) \
             VALUES {} ON CONFLICT (entry, location) DO UPDATE SET name = excluded.name, name_key = excluded.name_key, \
             size = excluded.size, modified = excluded.modified, etag = excluded.etag, version = excluded.version, \
             blake3 = excluded.blake3, subtrees = excluded.subtrees, verified = excluded.verified, created = excluded.created",
            tuples(chunk.len(), INSERTED)
        );
        connection.run(sql(text).bind_all(values)).await?;
    }
    for (location, (files, bytes)) in change {
        let count = sql("UPDATE locations SET file_count = file_count + $2, file_bytes = file_bytes + $3 WHERE id = $1");
        connection.run(count.bind(location).bind(files).bind(bytes)).await?;
    }
    Ok(())
}

const INSERTED: usize = 13;

fn columns(entry: Number, replica: &NewReplica) -> [Value; INSERTED] {
    [
        ReplicaId::new().into(),
        entry.into(),
        replica.location.into(),
        (&replica.key).into(),
        text_key(&[&replica.key]),
        replica.size.into(),
        replica.modified.into(),
        replica.etag.clone().into(),
        replica.version.clone().into(),
        replica.blake3.clone().into(),
        replica.subtrees.clone().into(),
        replica.verified.into(),
        Timestamp::now().into(),
    ]
}

/// Location and size of those copies of the chunk that are known already.
async fn sizes(connection: &mut Connection, chunk: &[(Number, &NewReplica)]) -> Outcome<Vec<(LocationId, i64)>> {
    let text = format!(
        "SELECT r.location, r.size FROM (VALUES {}) AS v CROSS JOIN replicas r WHERE r.entry = v.column1 AND r.location = v.column2",
        tuples(chunk.len(), 2)
    );
    let pairs = chunk.iter().flat_map(|(entry, replica)| [Value::from(*entry), Value::from(replica.location)]);
    let rows = connection.all(sql(text).bind_all(pairs)).await?;
    rows.into_iter().map(|mut row| Ok((row.take()?, row.take()?))).collect()
}

/// Forgets the copies under these keys of a location, as after they were deleted there.
pub(crate) async fn forget_replicas(connection: &mut Connection, location: LocationId, keys: &[String]) -> Outcome<()> {
    for chunk in keys.chunks(CHUNK) {
        let marks: Vec<String> = (2..chunk.len() + 2).map(|at| format!("${at}")).collect();
        let text =
            format!("DELETE FROM replicas WHERE location = $1 AND name_key IN ({}) RETURNING size, entry", marks.join(", "));
        let (mut files, mut bytes): (i64, i64) = (0, 0);
        let mut entries: Vec<Number> = Vec::new();
        for mut row in connection.all(sql(text).bind(location).bind_all(chunk.iter().map(|key| text_key(&[key])))).await? {
            files += 1;
            bytes += row.take::<i64>()?;
            entries.push(row.take()?);
        }
        lose_copies(connection, &entries).await?;
        forget_contentless(connection, &entries).await?;
        if files > 0 {
            let count = sql("UPDATE locations SET file_count = file_count - $2, file_bytes = file_bytes - $3 WHERE id = $1");
            connection.run(count.bind(location).bind(files).bind(bytes)).await?;
        }
    }
    Ok(())
}
