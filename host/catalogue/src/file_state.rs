//! States of files: what of a tree lies elsewhere, on which copy each stub rests, and what went wrong.
//!
//! No state but resident is recorded without the verified copy that it rests on (D1); when a copy is forgotten, the state passes to
//! another one that is verified, or says that the content is lost. What is elsewhere does not count as resident in its tree.

use std::collections::{BTreeMap, HashMap};

use capstan_domain::entry::Tree;
use capstan_domain::failure::Kind;
use capstan_domain::file_state::{NewFileState, StateCounts, StatefulFile};
use capstan_domain::ids::{LocationId, Number};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};

use crate::Catalogue;
use crate::connection::Connection;
use crate::paths::{CHUNK, Memory, numbers};
use crate::query::{Row, Value, json, json_option, sql, tuples, word};
use crate::record::left;
use crate::select::{Field, Select, Type};
use crate::text_key::text_key;
use crate::tree::{TreeRow, hold_tree, tree_row};
use crate::upsert::{Totals, count};

const STATES: Select = Select {
    columns: "e.id, e.number, s.id, e.path, e.kind, e.size, t.state, r.id, t.leading_bytes, t.failure, t.changed",
    from: "entry_states t JOIN entries e ON e.number = t.entry JOIN trees f ON f.number = t.tree LEFT JOIN spaces s ON s.id = f.space \
           LEFT JOIN replicas r ON r.number = t.replica",
    fields: &[
        Field("entry_number", Type::Integer, "t.entry"),
        Field("tree", Type::Integer, "t.tree"),
        Field("space", Type::Id, "f.space"),
        Field("space_number", Type::Integer, "s.number"),
        Field("path", Type::Text, "e.path"),
        Field("size", Type::Integer, "e.size"),
        Field("state", Type::Text, "t.state"),
        Field("location", Type::Id, "r.location"),
        Field("failure", Type::Text, "t.failure"),
        Field("changed", Type::Integer, "t.changed"),
    ],
    open: &[],
    order: "t.entry",
};

const COLUMNS: usize = 7;
/// Code of what is wrong with a stub whose content nobody has any more.
pub const CONTENT_LOST: &str = "content-lost";

fn read(row: &mut Row) -> Outcome<StatefulFile> {
    Ok(StatefulFile {
        entry: row.take()?,
        entry_number: row.take()?,
        space: row.take()?,
        path: row.take()?,
        kind: row.word()?,
        size: row.take()?,
        state: row.word()?,
        replica: row.take()?,
        leading: row.take()?,
        failure: row.json_option()?,
        changed: row.take()?,
    })
}

impl Catalogue {
    /// All or nothing. Answers the paths that the tree does not have. `Conflict` "unproved" where a state needs a verified copy and
    /// the file has none, or not the one that is named.
    pub async fn set_file_states(&self, tree: Tree, states: Vec<NewFileState>) -> Outcome<Vec<String>> {
        self.write(move |connection| Box::pin(async move { put_states(connection, tree, &states).await })).await
    }

    /// Of the files at these paths; one that is not in the answer is resident, or not there.
    pub async fn file_states(&self, tree: Tree, paths: &[String]) -> Outcome<Vec<StatefulFile>> {
        let mut connection = self.read().await?;
        let row = tree_row(&mut connection, tree).await?;
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let found: Vec<Number> = numbers(&mut connection, row, &mut Memory::default(), &paths).await?.into_values().collect();
        let mut states = Vec::new();
        for chunk in found.chunks(CHUNK) {
            let text = format!("{} WHERE t.entry IN ({})", STATES.text(), marks(1, chunk.len()));
            for mut row in connection.all(sql(text).bind_all(chunk.iter().map(|number| Value::from(*number)))).await? {
                states.push(read(&mut row)?);
            }
        }
        Ok(states)
    }

    /// Files of all trees that are not simply resident, in the order they came into their trees. Where the space is named by its id,
    /// the index of its tree serves.
    pub async fn stateful_files(&self, listing: &Listing) -> Outcome<Page<StatefulFile>> {
        let mut listing = listing.clone();
        for filter in listing.filters.iter_mut().filter(|filter| filter.field == "space") {
            let Some(space) = filter.values.first().and_then(|id| id.parse().ok()) else { continue };
            if filter.operator == capstan_domain::listing::Operator::Equal {
                let tree = tree_row(&mut self.read().await?, Tree::Space(space)).await?;
                (filter.field, filter.values) = ("tree".to_owned(), vec![tree.number.to_string()]);
            }
        }
        self.list(&STATES, &listing, read).await
    }

    /// The files of a tree by state; folders and links are none.
    pub async fn state_counts(&self, tree: Tree) -> Outcome<StateCounts> {
        let mut connection = self.read().await?;
        let row = tree_row(&mut connection, tree).await?;
        let mut counts = StateCounts::default();
        let text = "SELECT t.state, count(*), CAST(sum(e.size) AS BIGINT) FROM entry_states t JOIN entries e ON e.number = t.entry \
                    WHERE t.tree = $1 AND e.kind = 'file' GROUP BY t.state";
        for mut found in connection.all(sql(text).bind(row.number)).await? {
            let count = counts.of(found.word()?);
            (count.files, count.bytes) = (found.take()?, found.take()?);
        }
        let text = "SELECT count(*), CAST(COALESCE(sum(e.size), 0) AS BIGINT) FROM entry_states t JOIN entries e ON e.number = t.entry \
                    WHERE t.tree = $1 AND t.failure IS NOT NULL AND e.kind = 'file'";
        if let Some(mut failed) = connection.one(sql(text).bind(row.number)).await? {
            (counts.failed.files, counts.failed.bytes) = (failed.take()?, failed.take()?);
        }
        let all = sql("SELECT file_count, file_bytes FROM trees WHERE number = $1").bind(row.number);
        if let Some(mut all) = connection.one(all).await? {
            let (files, bytes): (u64, u64) = (all.take()?, all.take()?);
            let others = [counts.premigrated, counts.migrated, counts.recalling];
            counts.resident.files = files.saturating_sub(others.iter().map(|count| count.files).sum());
            counts.resident.bytes = bytes.saturating_sub(others.iter().map(|count| count.bytes).sum());
        }
        Ok(counts)
    }

    /// Of the copies under these keys of a location, those that are the last verified one of a file whose content is nowhere else: what
    /// nobody may delete by inference (D6).
    pub async fn last_copies(&self, location: LocationId, keys: &[String]) -> Outcome<Vec<String>> {
        let mut connection = self.read().await?;
        let mut last = Vec::new();
        for chunk in keys.chunks(CHUNK) {
            let text = format!(
                "SELECT r.name FROM replicas r JOIN entry_states t ON t.entry = r.entry WHERE r.location = $1 AND r.name_key IN ({}) \
                 AND t.state IN ('migrated', 'recalling') AND NOT EXISTS (SELECT 1 FROM replicas o WHERE o.entry = r.entry \
                 AND o.number <> r.number AND o.verified IS NOT NULL AND o.blake3 = r.blake3)",
                marks(2, chunk.len())
            );
            for mut row in connection.all(sql(text).bind(location).bind_all(chunk.iter().map(|key| text_key(&[key])))).await? {
                last.push(row.take()?);
            }
        }
        Ok(last)
    }
}

pub(crate) async fn put_states(connection: &mut Connection, tree: Tree, states: &[NewFileState]) -> Outcome<Vec<String>> {
    let row = hold_tree(connection, tree).await?;
    // Of two of the same path the last counts.
    let last: BTreeMap<&str, &NewFileState> = states.iter().map(|state| (state.path.as_str(), state)).collect();
    let paths: Vec<&str> = last.keys().copied().collect();
    let found = numbers(connection, row, &mut Memory::default(), &paths).await?;
    let missing = paths.iter().filter(|path| !found.contains_key(**path)).map(|path| (*path).to_owned()).collect();
    let known: Vec<(Number, &NewFileState)> =
        last.into_values().filter_map(|state| Some((*found.get(&state.path)?, state))).collect();
    for chunk in known.chunks(CHUNK) {
        put_chunk(connection, row, chunk).await?;
    }
    Ok(missing)
}

async fn put_chunk(connection: &mut Connection, tree: TreeRow, chunk: &[(Number, &NewFileState)]) -> Outcome<()> {
    let copies = copies(connection, chunk).await?;
    let now = Timestamp::now();
    let (mut values, mut rows, mut gone) = (Vec::new(), 0, Vec::new());
    for (entry, state) in chunk {
        if !state.state.needs_copy() && state.failure.is_none() {
            gone.push(Value::from(*entry));
            continue;
        }
        let replica = match state.state.needs_copy() {
            true => Some(*copies.get(entry).ok_or_else(|| unproved(&state.path))?),
            false => None,
        };
        values.extend([
            Value::from(*entry),
            tree.number.into(),
            word(&state.state).into(),
            replica.into(),
            state.leading.into(),
            json_option(state.failure.as_ref()),
            now.into(),
        ]);
        rows += 1;
    }
    if !gone.is_empty() {
        connection.run(sql(format!("DELETE FROM entry_states WHERE entry IN ({})", marks(1, gone.len()))).bind_all(gone)).await?;
    }
    if rows > 0 {
        let text = format!(
            "INSERT INTO entry_states (entry, tree, state, replica, leading_bytes, failure, changed) VALUES {} \
             ON CONFLICT (entry) DO UPDATE SET state = excluded.state, replica = excluded.replica, \
             leading_bytes = excluded.leading_bytes, failure = excluded.failure, changed = excluded.changed",
            tuples(rows, COLUMNS)
        );
        connection.run(sql(text).bind_all(values)).await?;
    }
    settle_residence(connection, tree, chunk).await
}

/// The copy that each of these files can rest on: the one that is named, else the oldest, if it is verified and of the content that the
/// file is known to have.
async fn copies(connection: &mut Connection, chunk: &[(Number, &NewFileState)]) -> Outcome<HashMap<Number, Number>> {
    let text = format!(
        "SELECT r.entry, r.number, r.id FROM replicas r JOIN entries e ON e.number = r.entry WHERE r.entry IN ({}) \
         AND r.verified IS NOT NULL AND (e.blake3 IS NULL OR e.blake3 = r.blake3) ORDER BY r.number DESC",
        marks(1, chunk.len())
    );
    let wanted: HashMap<Number, &NewFileState> = chunk.iter().copied().collect();
    let mut copies = HashMap::new();
    for mut row in connection.all(sql(text).bind_all(chunk.iter().map(|(entry, _)| Value::from(*entry)))).await? {
        let (entry, number) = (row.take()?, row.take()?);
        let named = wanted.get(&entry).and_then(|state| state.replica);
        if named.is_none() || named == Some(row.take()?) {
            copies.insert(entry, number);
        }
    }
    Ok(copies)
}

async fn settle_residence(connection: &mut Connection, tree: TreeRow, chunk: &[(Number, &NewFileState)]) -> Outcome<()> {
    let mut change = Totals::default();
    for here in [true, false] {
        let entries: Vec<Value> =
            chunk.iter().filter(|(_, state)| state.state.is_here() == here).map(|(entry, _)| (*entry).into()).collect();
        if entries.is_empty() {
            continue;
        }
        let (now, before) = if here { (1, 0) } else { (0, 1) };
        let text = format!(
            "UPDATE entries SET resident = {now} WHERE number IN ({}) AND kind <> 'folder' AND resident = {before} RETURNING kind, size",
            marks(1, entries.len())
        );
        let moved = left(connection.all(sql(text).bind_all(entries)).await?)?;
        change.resident += if here { moved } else { -moved };
    }
    count(connection, tree, &change).await
}

/// What was premigrated and is not in the tree any more has no state: its copies are all there is.
pub(crate) async fn forget_gone(connection: &mut Connection, tree: TreeRow) -> Outcome<()> {
    let forget =
        sql("DELETE FROM entry_states WHERE tree = $1 AND state = 'premigrated' AND NOT EXISTS (SELECT 1 FROM entries e \
                      WHERE e.number = entry_states.entry AND e.resident = 1)");
    connection.run(forget.bind(tree.number)).await.map(|_| ())
}

/// Copies of these files were forgotten: what rested on them rests on another one now, or is resident, or lost.
pub(crate) async fn lose_copies(connection: &mut Connection, entries: &[Number]) -> Outcome<()> {
    let lost = Failure::new(Kind::Corrupt, "every copy of the content was deleted").with_code(CONTENT_LOST);
    for chunk in entries.chunks(CHUNK) {
        let of = format!("entry IN ({}) AND replica IS NULL", marks(1, chunk.len()));
        let values = || chunk.iter().map(|entry| Value::from(*entry));
        let another = format!(
            "UPDATE entry_states SET replica = (SELECT min(r.number) FROM replicas r JOIN entries e ON e.number = r.entry \
             WHERE r.entry = entry_states.entry AND r.verified IS NOT NULL AND (e.blake3 IS NULL OR e.blake3 = r.blake3)) \
             WHERE {of} AND state <> 'resident'"
        );
        connection.run(sql(another).bind_all(values())).await?;
        connection.run(sql(format!("DELETE FROM entry_states WHERE {of} AND state = 'premigrated'")).bind_all(values())).await?;
        let text =
            format!("UPDATE entry_states SET failure = ${} WHERE {of} AND state IN ('migrated', 'recalling')", chunk.len() + 1);
        connection.run(sql(text).bind_all(values()).bind(json(&lost))).await?;
    }
    Ok(())
}

fn unproved(path: &str) -> Failure {
    Failure::new(Kind::Conflict, format!("\"{path}\" has no verified copy elsewhere"))
        .with_code("unproved")
        .with_next_step("store a copy and read it back first")
}

/// `$from`, … for so many values.
fn marks(from: usize, values: usize) -> String {
    (from..from + values).map(|at| format!("${at}")).collect::<Vec<_>>().join(", ")
}
