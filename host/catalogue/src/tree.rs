//! The file tree of a space or of a primary pool: its root entry and its counts.

use capstan_domain::entry::Tree;
use capstan_domain::ids::{EntryId, LocationId, Number, PoolId, SpaceId};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};

use crate::connection::{Connection, Flavour};
use crate::failure::missing;
use crate::query::{Value, sql};

#[derive(Clone, Copy)]
pub(crate) enum Owner {
    Space(SpaceId),
    Pool(PoolId),
}

impl From<Tree> for Owner {
    fn from(tree: Tree) -> Self {
        match tree {
            Tree::Space(id) => Self::Space(id),
            Tree::Pool(id) => Self::Pool(id),
        }
    }
}

impl Owner {
    fn columns(self) -> (Value, Value) {
        match self {
            Self::Space(id) => (id.into(), Value::Bytes(None)),
            Self::Pool(id) => (Value::Bytes(None), id.into()),
        }
    }
}

/// A tree with its root, an empty folder whose path is empty.
pub(crate) async fn make_tree(connection: &mut Connection, owner: Owner) -> Outcome<()> {
    let root = EntryId::new();
    let (space, pool) = owner.columns();
    let insert = sql("INSERT INTO trees (space, pool, root_id) VALUES ($1, $2, $3) RETURNING number");
    let tree: i64 = connection.value(insert.bind(space).bind(pool).bind(root)).await?;
    let now = Timestamp::now();
    let entry = sql("INSERT INTO entries (id, tree, parent, name, path, kind, size, modified, resident, seen) \
                     VALUES ($1, $2, NULL, '', '', 'folder', 0, $3, 1, $4) RETURNING number");
    // A root is never swept: it was seen at the end of time.
    let number: Number = connection.value(entry.bind(root).bind(tree).bind(now).bind(i64::MAX)).await?;
    connection.run(sql("UPDATE trees SET root = $2, entry_count = 1 WHERE number = $1").bind(tree).bind(number)).await?;
    Ok(())
}

/// The row of a tree: its number and its root's.
#[derive(Clone, Copy)]
pub(crate) struct TreeRow {
    pub(crate) number: i64,
    pub(crate) root: Number,
}

/// To write in a tree: on PostgreSQL its row is held, so that writers of one tree take turns.
pub(crate) async fn hold_tree(connection: &mut Connection, tree: Tree) -> Outcome<TreeRow> {
    let hold = if connection.flavour() == Flavour::Postgres { " FOR UPDATE" } else { "" };
    row(connection, tree, hold).await
}

pub(crate) async fn tree_row(connection: &mut Connection, tree: Tree) -> Outcome<TreeRow> {
    row(connection, tree, "").await
}

async fn row(connection: &mut Connection, tree: Tree, hold: &str) -> Outcome<TreeRow> {
    let query = match tree {
        Tree::Space(id) => sql(format!("SELECT number, root FROM trees WHERE space = $1{hold}")).bind(id),
        Tree::Pool(id) => sql(format!("SELECT number, root FROM trees WHERE pool = $1{hold}")).bind(id),
    };
    let mut row = connection.one(query).await?.ok_or_else(|| match tree {
        Tree::Space(_) => missing("space"),
        Tree::Pool(_) => {
            Failure::not_found("this pool has no file tree").with_code("not-found").with_next_step("only primary pools have one")
        }
    })?;
    Ok(TreeRow { number: row.take()?, root: row.take()? })
}

/// Before a space or a pool goes: the copies of its entries no longer count for their locations, since their rows fall with it.
pub(crate) async fn uncount_replicas(connection: &mut Connection, owner: Owner) -> Outcome<()> {
    let (column, id): (_, Value) = match owner {
        Owner::Space(id) => ("space", id.into()),
        Owner::Pool(id) => ("pool", id.into()),
    };
    let text = format!(
        "SELECT r.location, count(*), CAST(sum(r.size) AS BIGINT) FROM trees f JOIN entries e ON e.tree = f.number \
         JOIN replicas r ON r.entry = e.number WHERE f.{column} = $1 GROUP BY r.location"
    );
    for mut row in connection.all(sql(text).bind(id)).await? {
        let location: LocationId = row.take()?;
        let (files, bytes): (i64, i64) = (row.take()?, row.take()?);
        let uncount = sql("UPDATE locations SET file_count = file_count - $2, file_bytes = file_bytes - $3 WHERE id = $1");
        connection.run(uncount.bind(location).bind(files).bind(bytes)).await?;
    }
    Ok(())
}
