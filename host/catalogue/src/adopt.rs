//! What a cartridge says that it holds, taken over: entries whose content lies there alone, each with its replica.
//!
//! What is on the host's own disks stays what it is, and of two cartridges that hold the same path the newer file is the one that the
//! entry shows. The replica is recorded in either case: it is a copy of what its own hash says.

use std::collections::HashMap;

use capstan_domain::Outcome;
use capstan_domain::entry::{EntryKind, NewEntry, Tree};
use capstan_domain::ids::Number;
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::connection::Connection;
use crate::paths::{CHUNK, Memory, numbers};
use crate::query::{Value, sql};
use crate::record::left;
use crate::replica::{NewReplica, put_replicas};
use crate::tree::{TreeRow, hold_tree};
use crate::upsert::{Totals, count, upsert};

/// Something that was found where nothing is recorded.
#[derive(Clone, Debug)]
pub struct Adopted {
    pub entry: NewEntry,
    /// None: a folder.
    pub replica: Option<NewReplica>,
}

/// What the catalogue has at a path.
struct Standing {
    kind: EntryKind,
    modified: Timestamp,
    is_resident: bool,
}

impl Catalogue {
    /// All of one tree, in one transaction. Answers the paths at which something of another kind stands; those are left out.
    pub async fn adopt(&self, tree: Tree, found: Vec<Adopted>) -> Outcome<Vec<String>> {
        self.write(move |connection| {
            Box::pin(async move {
                let row = hold_tree(connection, tree).await?;
                let standing = standing(connection, row, &found).await?;
                let (mut entries, mut replicas, mut in_the_way) = (Vec::new(), Vec::new(), Vec::new());
                for one in found {
                    match standing.get(&one.entry.path) {
                        Some(there) if there.kind != one.entry.kind => {
                            in_the_way.push(one.entry.path);
                            continue;
                        }
                        Some(there) if there.is_resident || there.modified >= one.entry.modified => {}
                        _ => entries.push(one.entry),
                    }
                    replicas.extend(one.replica);
                }
                upsert(connection, row, &mut Memory::default(), &entries, Timestamp::now()).await?;
                lies_elsewhere(connection, row, &entries).await?;
                put_replicas(connection, row, &replicas).await?;
                Ok(in_the_way)
            })
        })
        .await
    }
}

async fn standing(connection: &mut Connection, row: TreeRow, found: &[Adopted]) -> Outcome<HashMap<String, Standing>> {
    let paths: Vec<&str> = found.iter().map(|one| one.entry.path.as_str()).collect();
    let known: Vec<Number> = numbers(connection, row, &mut Memory::default(), &paths).await?.into_values().collect();
    let mut standing = HashMap::with_capacity(known.len());
    for chunk in known.chunks(CHUNK) {
        let text = format!("SELECT path, kind, modified, resident FROM entries WHERE number IN ({})", marks(chunk.len()));
        for mut row in connection.all(sql(text).bind_all(chunk.iter().map(|number| Value::from(*number)))).await? {
            let path: String = row.take()?;
            let there = Standing { kind: row.word()?, modified: row.take()?, is_resident: row.take()? };
            standing.insert(path, there);
        }
    }
    Ok(standing)
}

/// Files that were just written as if they were in the tree: they are not.
async fn lies_elsewhere(connection: &mut Connection, row: TreeRow, entries: &[NewEntry]) -> Outcome<()> {
    let paths: Vec<&str> =
        entries.iter().filter(|entry| entry.kind != EntryKind::Folder).map(|entry| entry.path.as_str()).collect();
    let written: Vec<Number> = numbers(connection, row, &mut Memory::default(), &paths).await?.into_values().collect();
    let mut change = Totals::default();
    for chunk in written.chunks(CHUNK) {
        let text = format!(
            "UPDATE entries SET resident = 0 WHERE number IN ({}) AND kind <> 'folder' AND resident = 1 RETURNING kind, size",
            marks(chunk.len())
        );
        change.resident -= left(connection.all(sql(text).bind_all(chunk.iter().map(|number| Value::from(*number)))).await?)?;
    }
    count(connection, row, &change).await
}

fn marks(values: usize) -> String {
    (1..=values).map(|at| format!("${at}")).collect::<Vec<_>>().join(", ")
}

/// Of these entries, files of pools whose content is nowhere any more, neither in the pool nor in a replica, go: they are no entries. A
/// space's files stay in sight, since somebody put them there.
pub(crate) async fn forget_contentless(connection: &mut Connection, entries: &[Number]) -> Outcome<()> {
    for chunk in entries.chunks(CHUNK) {
        let which = format!(
            "number IN ({}) AND resident = 0 AND kind <> 'folder' AND tree IN (SELECT f.number FROM trees f WHERE f.pool IS NOT NULL) \
             AND NOT EXISTS (SELECT 1 FROM replicas r WHERE r.entry = entries.number)",
            marks(chunk.len())
        );
        let query = |text: String| sql(text).bind_all(chunk.iter().map(|number| Value::from(*number)));
        let counts = format!(
            "SELECT tree, count(*), count(CASE WHEN kind = 'file' THEN 1 END), \
             CAST(COALESCE(sum(CASE WHEN kind = 'file' THEN size END), 0) AS BIGINT) FROM entries WHERE {which} GROUP BY tree"
        );
        for mut row in connection.all(query(counts)).await? {
            let tree = TreeRow { number: row.take()?, root: Number::default() };
            let mut change = Totals::default();
            change.minus(&Totals { entries: row.take()?, files: row.take()?, bytes: row.take()?, resident: 0 });
            count(connection, tree, &change).await?;
        }
        connection.run(query(format!("DELETE FROM entries WHERE {which}"))).await?;
    }
    Ok(())
}
