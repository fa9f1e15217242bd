//! Looks at trees: written in bulk and in any order, read as a stream in the order of their paths, byte by byte.
//!
//! A look becomes the current one of its series and folder when its run is over, in one step; until then the one before stays. What is
//! left is cleared away in pieces.

use capstan_domain::entry::EntryKind;
use capstan_domain::ids::{Number, SpaceId};
use capstan_domain::time::Timestamp;
use capstan_domain::tree_snapshot::{Node, TreeSnapshot};
use capstan_domain::{Failure, Outcome};

use crate::Catalogue;
use crate::connection::Connection;
use crate::failure::missing;
use crate::query::{Row, Value, sql, tuples};
use crate::text_key::text_key;
use crate::upsert::kind_word;

/// Bytes of a path that its index holds.
const HEAD: usize = 1_000;
/// Rows of one statement.
const CHUNK: usize = 400;
const COLUMNS: usize = 9;
/// Nodes of one page of the stream; more are refused.
const PAGE: u32 = 10_000;
/// Nodes that are written at once; more are refused.
const NODES_AT_ONCE: usize = 20_000;
/// Nodes that one transaction clears away: the writer is free for others in between.
const SWEEP: u32 = 5_000;

const SELECT: &str = "SELECT t.head, t.tail, t.inode, t.kind, t.size, t.modified, t.changed, t.blake3 FROM tree_snapshot_nodes t";

impl Catalogue {
    /// The current look of a series at a folder; none: there was none yet.
    pub async fn current_tree_snapshot(&self, series: &str, space: SpaceId, path: &str) -> Outcome<Option<TreeSnapshot>> {
        let query =
            sql("SELECT t.number, t.series, s.id, t.path, t.taken FROM tree_snapshots t JOIN spaces s ON s.number = t.space \
                         WHERE s.id = $1 AND t.path_key = $2 AND t.stage = 'current'");
        let row = self.read().await?.one(query.bind(space).bind(text_key(&[series, path]))).await?;
        row.map(|mut row| {
            Ok(TreeSnapshot {
                number: row.take()?,
                series: row.take()?,
                space: row.take()?,
                path: row.take()?,
                taken: row.take()?,
            })
        })
        .transpose()
    }

    pub async fn begin_tree_snapshot(&self, series: &str, space: SpaceId, path: &str, taken: Timestamp) -> Outcome<TreeSnapshot> {
        let insert = sql("INSERT INTO tree_snapshots (series, space, path, path_key, stage, taken) \
                          SELECT $1, s.number, $2, $3, 'taking', $4 FROM spaces s WHERE s.id = $5 RETURNING number");
        let insert = insert.bind(series).bind(path).bind(text_key(&[series, path])).bind(taken).bind(space);
        let number = self
            .write(move |connection| {
                Box::pin(async move { connection.one(insert).await?.ok_or_else(|| missing("space"))?.take() })
            })
            .await?;
        Ok(TreeSnapshot { number, series: series.to_owned(), space, path: path.to_owned(), taken })
    }

    /// Each path once, in any order; those of a look that is being taken.
    pub async fn add_to_tree_snapshot(&self, snapshot: Number, nodes: Vec<Node>) -> Outcome<()> {
        if nodes.len() > NODES_AT_ONCE {
            return Err(Failure::invalid(format!("at most {NODES_AT_ONCE} nodes at once")).with_code("too-many"));
        }
        self.write(move |connection| {
            Box::pin(async move {
                being_taken(connection, snapshot).await?;
                for chunk in nodes.chunks(CHUNK) {
                    let values = chunk.iter().flat_map(|node| columns(snapshot, node));
                    let text = format!(
                        "INSERT INTO tree_snapshot_nodes (snapshot, head, tail, inode, kind, size, modified, changed, blake3) VALUES {}",
                        tuples(chunk.len(), COLUMNS)
                    );
                    connection.run(sql(text).bind_all(values)).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// What the files of a look that is being taken hold, as it was found out since: hashes by path. A path that it does not have is passed
    /// over.
    pub async fn hash_in_tree_snapshot(&self, snapshot: Number, hashes: Vec<(String, [u8; 32])>) -> Outcome<()> {
        if hashes.len() > NODES_AT_ONCE {
            return Err(Failure::invalid(format!("at most {NODES_AT_ONCE} nodes at once")).with_code("too-many"));
        }
        self.write(move |connection| {
            Box::pin(async move {
                being_taken(connection, snapshot).await?;
                for chunk in hashes.chunks(CHUNK) {
                    let values = chunk.iter().flat_map(|(path, hash)| {
                        let (head, tail) = halves(path);
                        [Value::from(snapshot), head.into(), tail.into(), hash.as_slice().into()]
                    });
                    let text = format!(
                        "UPDATE tree_snapshot_nodes SET blake3 = v.column4 FROM (VALUES {}) AS v \
                         WHERE snapshot = v.column1 AND head = v.column2 AND tail = v.column3",
                        tuples(chunk.len(), 4)
                    );
                    connection.run(sql(text).bind_all(values)).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// The next nodes after a path, in the order of paths; none: from the beginning.
    pub async fn tree_snapshot_nodes(&self, snapshot: Number, after: Option<&str>, limit: u32) -> Outcome<Vec<Node>> {
        if limit > PAGE {
            return Err(Failure::invalid(format!("at most {PAGE} nodes can be asked for at once")).with_code("too-many"));
        }
        let order = format!("ORDER BY t.head, t.tail LIMIT {limit}");
        let query = match after {
            None => sql(format!("{SELECT} WHERE t.snapshot = $1 {order}")).bind(snapshot),
            Some(path) => {
                let (head, tail) = halves(path);
                // The first bound is the index's.
                let text = format!("{SELECT} WHERE t.snapshot = $1 AND t.head >= $2 AND (t.head > $2 OR t.tail > $3) {order}");
                sql(text).bind(snapshot).bind(head).bind(tail)
            }
        };
        self.read().await?.all(query).await?.into_iter().map(|mut row| read(&mut row)).collect()
    }

    /// All names of an inode, so many at most.
    pub async fn tree_snapshot_inode(&self, snapshot: Number, inode: u64, most: u32) -> Outcome<Vec<Node>> {
        let text = format!("{SELECT} WHERE t.snapshot = $1 AND t.inode = $2 LIMIT {most}");
        let rows = self.read().await?.all(sql(text).bind(snapshot).bind(inode)).await?;
        rows.into_iter().map(|mut row| read(&mut row)).collect()
    }

    /// Its run is over: it is the current one, and the one before is left.
    pub async fn keep_tree_snapshot(&self, snapshot: Number) -> Outcome<()> {
        self.write(move |connection| {
            Box::pin(async move {
                let leave = sql("UPDATE tree_snapshots SET stage = 'left' WHERE stage = 'current' AND EXISTS (SELECT 1 \
                                 FROM tree_snapshots n WHERE n.number = $1 AND n.stage = 'taking' AND n.space = tree_snapshots.space \
                                 AND n.path_key = tree_snapshots.path_key)");
                connection.run(leave.bind(snapshot)).await?;
                let keep = sql("UPDATE tree_snapshots SET stage = 'current' WHERE number = $1 AND stage = 'taking'");
                match connection.run(keep.bind(snapshot)).await? {
                    0 => Err(missing("look that is being taken")),
                    _ => Ok(()),
                }
            })
        })
        .await
    }

    /// Its run came to nothing.
    pub async fn leave_tree_snapshot(&self, snapshot: Number) -> Outcome<()> {
        let leave = sql("UPDATE tree_snapshots SET stage = 'left' WHERE number = $1 AND stage = 'taking'").bind(snapshot);
        self.write(move |connection| Box::pin(async move { connection.run(leave).await.map(|_| ()) })).await
    }

    /// Clears away what is left, and what was begun before and never ended. Answers how many looks went.
    pub async fn clear_tree_snapshots(&self, begun_before: Timestamp) -> Outcome<u64> {
        let found =
            sql("SELECT number FROM tree_snapshots WHERE stage = 'left' OR (stage = 'taking' AND taken < $1) ORDER BY number");
        let rows = self.read().await?.all(found.bind(begun_before)).await?;
        let mut gone = 0;
        for mut row in rows {
            let snapshot: Number = row.take()?;
            while self.clear_some(snapshot).await? > 0 {}
            gone += 1;
        }
        Ok(gone)
    }

    /// Answers how many nodes went; with the last of them the look goes.
    async fn clear_some(&self, snapshot: Number) -> Outcome<u64> {
        self.write(move |connection| {
            Box::pin(async move {
                connection.run(sql("UPDATE tree_snapshots SET stage = 'left' WHERE number = $1").bind(snapshot)).await?;
                // Heads are not unique, but nearly: a few more than asked for go.
                let text = format!(
                    "DELETE FROM tree_snapshot_nodes WHERE snapshot = $1 AND head <= (SELECT n.head FROM (SELECT head \
                     FROM tree_snapshot_nodes WHERE snapshot = $1 ORDER BY head LIMIT {SWEEP}) AS n ORDER BY n.head DESC LIMIT 1)"
                );
                let gone = connection.run(sql(text).bind(snapshot)).await?;
                if gone == 0 {
                    connection.run(sql("DELETE FROM tree_snapshots WHERE number = $1").bind(snapshot)).await?;
                }
                Ok(gone)
            })
        })
        .await
    }
}

/// `NotFound` once its run is over.
async fn being_taken(connection: &mut Connection, snapshot: Number) -> Outcome<()> {
    let taking = sql("SELECT count(*) FROM tree_snapshots WHERE number = $1 AND stage = 'taking'").bind(snapshot);
    match connection.value::<i64>(taking).await? {
        0 => Err(missing("look that is being taken")),
        _ => Ok(()),
    }
}

/// A path in two: as much as the index takes, and the rest. Cut between bytes, so that their order is that of paths.
fn halves(path: &str) -> (&[u8], &[u8]) {
    let bytes = path.as_bytes();
    bytes.split_at_checked(HEAD).unwrap_or((bytes, &[]))
}

fn columns(snapshot: Number, node: &Node) -> [Value; COLUMNS] {
    let (head, tail) = halves(&node.path);
    [
        snapshot.into(),
        head.into(),
        tail.into(),
        node.inode.into(),
        kind_word(node.kind).into(),
        node.size.into(),
        node.modified.into(),
        node.changed.into(),
        node.blake3.map(|hash| hash.to_vec()).into(),
    ]
}

fn read(row: &mut Row) -> Outcome<Node> {
    let unreadable = |cause: String| Failure::host("a look at a tree cannot be read", cause);
    let (mut path, tail): (Vec<u8>, Vec<u8>) = (row.take()?, row.take()?);
    path.extend(tail);
    let path = String::from_utf8(path).map_err(|cause| unreadable(cause.to_string()))?;
    let inode = row.take()?;
    let kind: EntryKind = row.word()?;
    let (size, modified, changed) = (row.take()?, row.take()?, row.take()?);
    let blake3: Option<Vec<u8>> = row.take()?;
    let blake3 = blake3
        .map(|hash| <[u8; 32]>::try_from(hash.as_slice()).map_err(|_| unreadable("a hash of another length".to_owned())))
        .transpose()?;
    Ok(Node { path, inode, kind, size, modified, changed, blake3 })
}
