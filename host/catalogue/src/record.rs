//! What work did, in one transaction: outcomes of paths, entries made or gone, copies made or gone, states of files (D1, D2).

use capstan_domain::Outcome;
use capstan_domain::entry::{EntryKind, NewEntry, Tree};
use capstan_domain::file_state::NewFileState;
use capstan_domain::ids::{LocationId, Number};
use capstan_domain::job::PathOutcome;
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::connection::Connection;
use crate::file_state::put_states;
use crate::metrics::counted;
use crate::outcome::put_outcomes;
use crate::paths::{CHUNK, Memory, numbers};
use crate::query::{Row, Value, sql};
use crate::removed_file::put_removed;
use crate::replica::{NewReplica, forget_replicas, put_replicas};
use crate::tree::hold_tree;
use crate::upsert::{Totals, count, upsert};

/// Of entries, the folders that nothing stands in.
const EMPTY_FOLDERS: &str = "kind = 'folder' AND NOT EXISTS (SELECT 1 FROM entries c WHERE c.parent = entries.number)";

/// Applied in the order of the fields.
#[derive(Clone, Debug, Default)]
pub struct Record {
    pub entries: Vec<(Tree, Vec<NewEntry>)>,
    pub replicas: Vec<(Tree, Vec<NewReplica>)>,
    /// Keys whose copies are gone.
    pub forgotten: Vec<(LocationId, Vec<String>)>,
    /// Paths that are no longer in their tree. With a replica left the entry stays, not resident.
    pub gone: Vec<(Tree, Vec<String>)>,
    /// Of those, what somebody removed: its copies go once the recycle window is over (D6).
    pub removed: Vec<(Tree, Vec<String>)>,
    /// States of files, which may rest on the replicas above.
    pub states: Vec<(Tree, Vec<NewFileState>)>,
    pub outcomes: Vec<PathOutcome>,
}

impl Catalogue {
    /// All or nothing; durable when it answers.
    pub async fn record(&self, record: Record) -> Outcome<()> {
        let outcomes = counted(&record.outcomes);
        self.write(move |connection| {
            Box::pin(async move {
                for (tree, entries) in &record.entries {
                    let row = hold_tree(connection, *tree).await?;
                    upsert(connection, row, &mut Memory::default(), entries, Timestamp::now()).await?;
                }
                for (tree, replicas) in &record.replicas {
                    let row = hold_tree(connection, *tree).await?;
                    put_replicas(connection, row, replicas).await?;
                }
                for (location, keys) in &record.forgotten {
                    forget_replicas(connection, *location, keys).await?;
                }
                for (tree, paths) in &record.gone {
                    remove(connection, *tree, paths).await?;
                }
                for (tree, paths) in &record.removed {
                    put_removed(connection, *tree, paths).await?;
                }
                for (tree, states) in &record.states {
                    put_states(connection, *tree, states).await?;
                }
                put_outcomes(connection, &record.outcomes).await
            })
        })
        .await?;
        self.metrics.settled(&outcomes);
        Ok(())
    }
}

/// Bytes of the files that lost their residence, given as kind and size.
pub(crate) fn left(rows: Vec<Row>) -> Outcome<i64> {
    let mut gone = Totals::default();
    for mut row in rows {
        let kind: EntryKind = row.word()?;
        gone.add(kind, row.take()?, true);
    }
    Ok(gone.resident)
}

async fn remove(connection: &mut Connection, tree: Tree, paths: &[String]) -> Outcome<()> {
    let row = hold_tree(connection, tree).await?;
    // What is deepest goes first, so that a folder whose files go is empty when its turn comes.
    let mut paths: Vec<&str> = paths.iter().map(String::as_str).filter(|path| !path.is_empty()).collect();
    paths.sort_by_key(|path| std::cmp::Reverse(path.matches('/').count()));
    let mut memory = Memory::default();
    let found = numbers(connection, row, &mut memory, &paths).await?;
    let entries: Vec<Number> = paths.iter().filter_map(|path| found.get(*path).copied()).collect();
    let mut change = Totals::default();
    for chunk in entries.chunks(CHUNK) {
        let marks: Vec<String> = (1..=chunk.len()).map(|at| format!("${at}")).collect();
        let marks = marks.join(", ");
        let values = || chunk.iter().map(|number| Value::from(*number));
        connection.run(sql(format!("DELETE FROM entry_states WHERE entry IN ({marks})")).bind_all(values())).await?;
        let text = format!(
            "UPDATE entries SET resident = 0 WHERE number IN ({marks}) AND kind <> 'folder' AND resident = 1 RETURNING kind, size"
        );
        change.resident -= left(connection.all(sql(text).bind_all(values())).await?)?;
        // A folder that something still stands in is not gone; one statement takes the files, the next the folders they leave empty.
        for which in ["kind <> 'folder'", EMPTY_FOLDERS] {
            let text = format!(
                "DELETE FROM entries WHERE number IN ({marks}) AND {which} \
                 AND NOT EXISTS (SELECT 1 FROM replicas r WHERE r.entry = entries.number) RETURNING kind, size, resident"
            );
            // Folders that stand in each other go one level at a time.
            loop {
                let mut gone = Totals::default();
                for mut row in connection.all(sql(text.clone()).bind_all(values())).await? {
                    let kind: EntryKind = row.word()?;
                    gone.add(kind, row.take()?, row.take()?);
                }
                change.minus(&gone);
                if gone.entries == 0 || which != EMPTY_FOLDERS {
                    break;
                }
            }
        }
    }
    count(connection, row, &change).await
}
