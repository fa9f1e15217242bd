//! What an incremental scan asks of a crawl: the folders that are known, and the going of what one of them no longer holds.
//!
//! Such a scan looks at folders and reads those that changed. What it did not see in a folder that it did not read is no sign of
//! anything, so only the files of folders it read are judged here; a folder that is gone is judged as a whole, by `missing` and `sweep`.

use capstan_domain::Outcome;
use capstan_domain::ids::Number;
use capstan_domain::time::Timestamp;

use crate::crawl::{Crawl, Missing, SWEEP, apart};
use crate::paths::CHUNK;
use crate::query::{Value, sql};
use crate::record::left;
use crate::tree::hold_tree;
use crate::upsert::{Totals, count};

/// A folder of the tree as a crawl recorded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownFolder {
    pub number: Number,
    pub path: String,
    pub modified: Timestamp,
    pub changed: Option<Timestamp>,
    /// When the crawl began that recorded it.
    pub seen: Timestamp,
}

impl Crawl {
    /// Folders under `under` (itself included; empty: the whole tree) that this crawl has not recorded, by number, from after `after` on.
    pub async fn folders(&self, under: &str, after: Number, limit: u32) -> Outcome<Vec<KnownFolder>> {
        let text = format!(
            "SELECT number, path, modified, changed, seen FROM entries WHERE tree = $1 AND number > $2 AND kind = 'folder' AND seen < $6 \
             AND ($3 = '' OR path = $3 OR (path > $4 AND path < $5)) ORDER BY number LIMIT {limit}"
        );
        let query = sql(text).bind(self.row.number).bind(after).bind(under);
        let query = query.bind(format!("{under}/")).bind(format!("{under}0")).bind(self.generation);
        let rows = self.catalogue.read().await?.all(query).await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(KnownFolder {
                    number: row.take()?,
                    path: row.take()?,
                    modified: row.take()?,
                    changed: row.take()?,
                    seen: row.take()?,
                })
            })
            .collect()
    }

    /// Paths of the folders that stand in one.
    pub async fn folders_in(&self, folder: Number) -> Outcome<Vec<String>> {
        let query = sql("SELECT path FROM entries WHERE parent = $1 AND kind = 'folder'").bind(folder);
        let rows = self.catalogue.read().await?.all(query).await?;
        rows.into_iter().map(|mut row| row.take()).collect()
    }

    /// Of the folders with these numbers: their files and links that this crawl did not see, and how many the tree has in all; of
    /// both without what could not be read.
    pub async fn missing_in(&self, folders: &[Number]) -> Outcome<Missing> {
        let mut found = Missing::default();
        let mut connection = self.catalogue.read().await?;
        for chunk in folders.chunks(CHUNK) {
            let (apart, unread) = apart(&self.unread, "path", 2 + chunk.len());
            let text = format!(
                "SELECT count(*) FROM entries WHERE parent IN ({}) AND seen < $1 AND resident = 1 AND kind <> 'folder'{apart}",
                marks(chunk, 2)
            );
            let query = sql(text).bind(self.generation).bind_all(values(chunk)).bind_all(unread);
            let missing: u64 = connection.value(query).await?;
            found.missing += missing;
        }
        let (apart, unread) = apart(&self.unread, "path", 2);
        let known = sql(format!("SELECT count(*) FROM entries WHERE tree = $1 AND resident = 1 AND kind <> 'folder'{apart}"));
        found.known = connection.value(known.bind(self.row.number).bind_all(unread)).await?;
        Ok(found)
    }

    /// Removes those; what has a copy stays, not resident.
    pub async fn sweep_in(&self, folders: &[Number]) -> Outcome<u64> {
        let mut gone = 0;
        for chunk in folders.chunks(CHUNK) {
            for kept in [false, true] {
                loop {
                    let removed = self.sweep_some(chunk.to_vec(), kept).await?;
                    gone += removed;
                    if removed == 0 {
                        break;
                    }
                }
            }
        }
        Ok(gone)
    }

    async fn sweep_some(&self, folders: Vec<Number>, kept: bool) -> Outcome<u64> {
        let (tree, generation, unread) = (self.tree, self.generation, self.unread.clone());
        self.catalogue
            .write(move |connection| {
                Box::pin(async move {
                    let (apart, unread) = apart(&unread, "e.path", 2 + folders.len());
                    let row = hold_tree(connection, tree).await?;
                    let which =
                        if kept { "e.resident = 1" } else { "NOT EXISTS (SELECT 1 FROM replicas r WHERE r.entry = e.number)" };
                    let chosen = format!(
                        "(SELECT e.number FROM entries e WHERE e.parent IN ({}) AND e.seen < $1 AND e.kind <> 'folder' \
                         AND {which}{apart} LIMIT {SWEEP})",
                        marks(&folders, 2)
                    );
                    let text = if kept {
                        format!("UPDATE entries SET resident = 0 WHERE number IN {chosen} RETURNING kind, size")
                    } else {
                        format!("DELETE FROM entries WHERE number IN {chosen} RETURNING kind, size, resident")
                    };
                    let query = sql(text).bind(generation).bind_all(values(&folders)).bind_all(unread);
                    let rows = connection.all(query).await?;
                    let count_of = u64::try_from(rows.len()).unwrap_or_default();
                    if count_of == 0 {
                        return Ok(0);
                    }
                    let mut change = Totals::default();
                    if kept {
                        change.resident = -left(rows)?;
                    } else {
                        let mut gone = Totals::default();
                        for mut row in rows {
                            gone.add(row.word()?, row.take()?, row.take()?);
                        }
                        change.minus(&gone);
                    }
                    count(connection, row, &change).await?;
                    Ok(count_of)
                })
            })
            .await
    }
}

/// `$2, $3, …`
fn marks(numbers: &[Number], first: usize) -> String {
    (first..first + numbers.len()).map(|at| format!("${at}")).collect::<Vec<_>>().join(", ")
}

fn values(numbers: &[Number]) -> impl Iterator<Item = Value> {
    numbers.iter().map(|number| Value::from(*number))
}
