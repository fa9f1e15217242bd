//! A crawl: what a scan finds, batch by batch, and at its end the entries it did not find (mark and sweep by `seen`).
//!
//! An entry that is gone from its tree but has a replica stays, marked as not resident: its content still exists. What lies at or
//! below a path that could not be read is no sign of anything: it is neither counted nor swept.

use std::sync::Arc;

use capstan_domain::Outcome;
use capstan_domain::entry::{EntryKind, NewEntry, Tree};
use capstan_domain::time::Timestamp;
use capstan_domain::unread::Unread;

use crate::Catalogue;
use crate::connection::Connection;
use crate::file_state::forget_gone;
use crate::paths::Memory;
use crate::query::{Value, sql};
use crate::record::left;
use crate::tree::{TreeRow, hold_tree, tree_row};
use crate::upsert::{Totals, count, upsert};

/// Entries that one transaction removes: the writer is free for others in between.
pub(crate) const SWEEP: usize = 5_000;

/// Under which part of a tree, and since when. Files a crawl finds get its generation as `seen`.
pub struct Crawl {
    pub(crate) catalogue: Catalogue,
    pub(crate) row: TreeRow,
    pub(crate) generation: Timestamp,
    pub(crate) tree: Tree,
    pub(crate) unread: Unread,
    memory: Memory,
}

/// What a crawl did not find.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Resident entries, folders left out, that the crawl did not see.
    pub missing: u64,
    /// Resident entries, folders left out, in all. Neither number has those that could not be looked for.
    pub known: u64,
}

impl Catalogue {
    pub async fn begin_crawl(&self, tree: Tree) -> Outcome<Crawl> {
        let row = tree_row(&mut self.read().await?, tree).await?;
        let (unread, memory) = (Unread::default(), Memory::default());
        Ok(Crawl { catalogue: self.clone(), tree, row, generation: Timestamp::now(), unread, memory })
    }

    /// Entries outside a crawl: what a transfer wrote, what a door learnt. All of the same tree.
    pub async fn upsert_entries(&self, tree: Tree, entries: Vec<NewEntry>) -> Outcome<()> {
        self.write(move |connection| {
            Box::pin(async move {
                let row = hold_tree(connection, tree).await?;
                upsert(connection, row, &mut Memory::default(), &entries, Timestamp::now()).await
            })
        })
        .await
    }
}

impl Crawl {
    /// Writes what was found; durable when it answers. Batches of a few thousand serve best.
    pub async fn found(&mut self, entries: Vec<NewEntry>) -> Outcome<()> {
        let entries = Arc::new(entries);
        let memory = std::mem::take(&mut self.memory);
        let written = match self.write(entries.clone(), memory).await {
            // A folder that was remembered has gone meanwhile.
            Err(failure) if failure.code.as_deref() == Some("not-found") => self.write(entries, Memory::default()).await,
            written => written,
        };
        self.memory = written?;
        Ok(())
    }

    async fn write(&self, entries: Arc<Vec<NewEntry>>, mut memory: Memory) -> Outcome<Memory> {
        let (tree, generation) = (self.tree, self.generation);
        self.catalogue
            .write(move |connection| {
                Box::pin(async move {
                    let row = hold_tree(connection, tree).await?;
                    upsert(connection, row, &mut memory, &entries, generation).await?;
                    Ok(memory)
                })
            })
            .await
    }

    /// What is recorded at and below this path stays as it is: it could not be read.
    pub fn could_not_read(&mut self, path: String) {
        self.unread.add(path);
    }

    pub fn unread(&self) -> &Unread {
        &self.unread
    }

    /// What a sweep would remove, for a guard to judge; `under` a folder's path, or empty for the whole tree.
    pub async fn missing(&self, under: &str) -> Outcome<Missing> {
        let (apart, unread) = apart(&self.unread, "path", 6);
        let query = sql(format!(
            "SELECT count(CASE WHEN seen < $2 THEN 1 END), count(*) FROM entries \
             WHERE tree = $1 AND resident = 1 AND kind <> 'folder' AND ($3 = '' OR path = $3 OR (path > $4 AND path < $5)){apart}"
        ));
        let query = query.bind(self.row.number).bind(self.generation).bind(under);
        let query = query.bind(format!("{under}/")).bind(format!("{under}0")).bind_all(unread);
        match self.catalogue.read().await?.one(query).await? {
            Some(mut row) => Ok(Missing { missing: row.take()?, known: row.take()? }),
            None => Ok(Missing::default()),
        }
    }

    /// Removes what the crawl did not see. Answers how many entries went or lost their residence.
    pub async fn sweep(&self, under: &str) -> Outcome<u64> {
        let mut gone = 0;
        for step in [Step::Files, Step::Kept, Step::Folders] {
            loop {
                let (tree, generation, under, unread) = (self.tree, self.generation, under.to_owned(), self.unread.clone());
                let removed = self
                    .catalogue
                    .write(move |connection| {
                        Box::pin(async move { sweep(connection, tree, generation, &under, &unread, step).await })
                    })
                    .await?;
                gone += removed;
                if removed == 0 {
                    break;
                }
            }
        }
        if gone > 0 {
            let row = self.row;
            self.catalogue.write(move |connection| Box::pin(forget_gone(connection, row))).await?;
        }
        Ok(gone)
    }
}

#[derive(Clone, Copy)]
enum Step {
    Files,
    /// Those with a replica.
    Kept,
    /// Empty ones, again and again: the last child's going empties the one above.
    Folders,
}

/// What keeps away from the paths that could not be read, and its values, whose placeholders begin at `first`. Paths compare
/// bytewise: all that lies below a folder begins with a slash behind its path, and "0" is what follows "/".
pub(crate) fn apart(unread: &Unread, column: &str, first: usize) -> (String, Vec<Value>) {
    let (mut text, mut values) = (String::new(), Vec::with_capacity(unread.paths().len() * 3));
    for path in unread.paths() {
        if path.is_empty() {
            return (" AND 1 = 0".to_owned(), Vec::new());
        }
        let at = first + values.len();
        let (below, behind) = (at + 1, at + 2);
        text.push_str(&format!(" AND NOT ({column} = ${at} OR ({column} > ${below} AND {column} < ${behind}))"));
        values.extend([Value::from(path), format!("{path}/").into(), format!("{path}0").into()]);
    }
    (text, values)
}

async fn sweep(
    connection: &mut Connection,
    tree: Tree,
    generation: Timestamp,
    under: &str,
    unread: &Unread,
    step: Step,
) -> Outcome<u64> {
    let row = hold_tree(connection, tree).await?;
    let which = match step {
        Step::Files => "e.kind <> 'folder' AND NOT EXISTS (SELECT 1 FROM replicas r WHERE r.entry = e.number)",
        Step::Kept => "e.kind <> 'folder' AND e.resident = 1",
        Step::Folders => "e.kind = 'folder' AND NOT EXISTS (SELECT 1 FROM entries c WHERE c.parent = e.number)",
    };
    let (apart, unread) = apart(unread, "e.path", 6);
    let chosen = format!(
        "(SELECT e.number FROM entries e WHERE e.tree = $1 AND e.seen < $2 AND ($3 = '' OR e.path = $3 OR (e.path > $4 AND e.path < $5)) \
         AND {which}{apart} LIMIT {SWEEP})"
    );
    let text = match step {
        Step::Kept => format!("UPDATE entries SET resident = 0 WHERE number IN {chosen} RETURNING kind, size"),
        Step::Files | Step::Folders => format!("DELETE FROM entries WHERE number IN {chosen} RETURNING kind, size, resident"),
    };
    let query = sql(text).bind(row.number).bind(generation).bind(under);
    let query = query.bind(format!("{under}/")).bind(format!("{under}0")).bind_all(unread);
    if matches!(step, Step::Kept) {
        let rows = connection.all(query).await?;
        let kept = u64::try_from(rows.len()).unwrap_or_default();
        if kept > 0 {
            count(connection, row, &Totals { resident: -left(rows)?, ..Totals::default() }).await?;
        }
        return Ok(kept);
    }
    let mut gone = Totals::default();
    for mut row in connection.all(query).await? {
        let kind: EntryKind = row.word()?;
        gone.add(kind, row.take()?, row.take()?);
    }
    if gone.entries > 0 {
        let mut change = Totals::default();
        change.minus(&gone);
        count(connection, row, &change).await?;
    }
    Ok(u64::try_from(gone.entries).unwrap_or_default())
}
