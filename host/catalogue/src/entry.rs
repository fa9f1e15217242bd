//! Entries as records: found and listed. How they are written is `crawl`'s and `record`'s.

use capstan_domain::Outcome;
use capstan_domain::entry::{Entry, Tree};
use capstan_domain::ids::{EntryId, Number, PoolId, Reference, SpaceId};
use capstan_domain::listing::{Filter, Listing, Operator, Page};

use crate::Catalogue;
use crate::connection::Connection;
use crate::failure::missing;
use crate::find::find;
use crate::paths::{Memory, numbers};
use crate::query::{Row, sql};
use crate::seek::Seeks;
use crate::select::{Field, Select, Type, seen, window};
use crate::tree::tree_row;

const COLUMNS: &str = "t.id, t.number, f.space, f.pool, s.number, p.number, r.id, t.parent, t.name, t.path, t.kind, t.size, t.modified, \
                       t.changed, t.mode, t.uid, t.gid, t.inode, t.blake3, t.resident, t.seen";

pub(crate) const FROM: &str = "entries t LEFT JOIN trees f ON f.number = t.tree LEFT JOIN spaces s ON s.id = f.space \
                    LEFT JOIN pools p ON p.id = f.pool LEFT JOIN entries r ON r.number = t.parent";

const FIELDS: &[Field] = &[
    Field("id", Type::Id, "t.id"),
    Field("number", Type::Integer, "t.number"),
    Field("tree", Type::Integer, "t.tree"),
    Field("space", Type::Id, "f.space"),
    Field("space_number", Type::Integer, "s.number"),
    Field("pool", Type::Id, "f.pool"),
    Field("pool_number", Type::Integer, "p.number"),
    Field("root_number", Type::Integer, "f.root"),
    Field("parent_number", Type::Integer, "t.parent"),
    Field("name", Type::Text, "t.name"),
    Field("path", Type::Text, "t.path"),
    Field("kind", Type::Text, "t.kind"),
    Field("size", Type::Integer, "t.size"),
    Field("modified", Type::Integer, "t.modified"),
    Field("changed", Type::Integer, "t.changed"),
    Field("mode", Type::Integer, "t.mode"),
    Field("uid", Type::Integer, "t.uid"),
    Field("gid", Type::Integer, "t.gid"),
    Field("inode", Type::Integer, "t.inode"),
    Field("resident", Type::Flag, "t.resident"),
    Field("seen", Type::Integer, "t.seen"),
];

const fn entries_by(order: &'static str) -> Select {
    Select { columns: COLUMNS, from: FROM, fields: FIELDS, open: &[], order }
}

/// The order that an index gives: of a folder's children by name, of others by number.
pub(crate) const ALL: Select = entries_by("t.number");
pub(crate) const OF_FOLDER: Select = entries_by("t.name, t.number");

fn read(row: &mut Row) -> Outcome<Entry> {
    let id = row.take()?;
    let number = row.take()?;
    let (space, pool): (Option<SpaceId>, Option<PoolId>) = (row.take()?, row.take()?);
    let (space_number, pool_number): (Option<Number>, Option<Number>) = (row.take()?, row.take()?);
    let tree = match (space, pool) {
        (Some(space), _) => Tree::Space(space),
        (None, pool) => Tree::Pool(pool.unwrap_or_default()),
    };
    Ok(Entry {
        id,
        number,
        tree,
        tree_number: space_number.or(pool_number).unwrap_or_default(),
        parent: row.take()?,
        parent_number: row.take()?,
        name: row.take()?,
        path: row.take()?,
        kind: row.word()?,
        size: row.take()?,
        modified: row.take()?,
        changed: row.take()?,
        mode: row.take()?,
        uid: row.take()?,
        gid: row.take()?,
        inode: row.take()?,
        blake3: row.take()?,
        resident: row.take()?,
        seen: row.take()?,
    })
}

impl Catalogue {
    /// Names are not unique: of several the newest is found.
    pub async fn entry(&self, reference: impl Into<Reference<EntryId>>) -> Outcome<Entry> {
        self.find(&ALL, "entry", reference.into(), read).await
    }

    /// `path` as the tree has it; empty for the root.
    pub async fn entry_at(&self, tree: Tree, path: &str) -> Outcome<Entry> {
        let mut connection = self.read().await?;
        let row = tree_row(&mut connection, tree).await?;
        let found = numbers(&mut connection, row, &mut Memory::default(), &[path]).await?;
        let number = found.get(path).copied().ok_or_else(|| missing("entry"))?;
        find::<EntryId, _>(&mut connection, &ALL, "entry", number.into(), read).await
    }

    /// A folder's children come by name, others by number, unless the listing says otherwise. The tree's root is an entry too.
    pub async fn entries(&self, listing: &Listing) -> Outcome<Page<Entry>> {
        let mut connection = self.read().await?;
        let listing = by_tree(&mut connection, listing).await?;
        let equal =
            |field: &str| listing.filters.iter().any(|filter| filter.field == field && filter.operator == Operator::Equal);
        let select = if equal("parent_number") { &OF_FOLDER } else { &ALL };
        let clauses = select.clauses(connection.flavour(), &listing)?;
        let folder = whole_folder(&listing);
        let items = match folder {
            Some(folder) => children(&mut connection, &self.seeks, folder, &listing).await?,
            None => window(&mut connection, select, &clauses, &listing, read).await?,
        };
        let count = match seen(&listing, items.len()) {
            Some(count) => count,
            None => match (folder, kept_count(&mut connection, &listing).await?) {
                (Some(folder), _) => self.seeks.count(&mut connection, folder).await?,
                (None, Some(count)) => count,
                (None, None) => {
                    connection
                        .value(sql(format!("SELECT count(*) FROM {FROM}{}", clauses.filter)).bind_all(clauses.values))
                        .await?
                }
            },
        };
        Ok(Page { count, items })
    }
}

/// The folder, if all its children are asked for, in the order of their names.
fn whole_folder(listing: &Listing) -> Option<Number> {
    let by_name = match listing.sort.as_slice() {
        [] => true,
        [one] => one.field == "name" && !one.descending,
        _ => false,
    };
    match listing.filters.as_slice() {
        [one] if by_name && one.field == "parent_number" && one.operator == Operator::Equal => {
            one.values.first()?.trim().parse().ok()
        }
        _ => None,
    }
}

/// A window of a whole folder: its numbers from the index of names alone, then their rows.
async fn children(connection: &mut Connection, seeks: &Seeks, folder: Number, listing: &Listing) -> Outcome<Vec<Entry>> {
    if listing.limit == 0 {
        return Ok(Vec::new());
    }
    let start = seeks.start(connection, folder, listing.offset).await?;
    let query = sql(window_of_folder()).bind(folder).bind(start.from.unwrap_or_default()).bind(listing.limit).bind(start.skip);
    connection.all(query).await?.into_iter().map(|mut row| read(&mut row)).collect()
}

/// The inner select reads the index only: joins are for the rows that are shown, not for those that are skipped.
pub(crate) fn window_of_folder() -> String {
    format!(
        "SELECT {COLUMNS} FROM (SELECT number FROM entries WHERE parent = $1 AND name >= $2 ORDER BY name LIMIT $3 OFFSET $4) AS w \
         JOIN {} ORDER BY t.name",
        FROM.replacen("entries t", "entries t ON t.number = w.number", 1)
    )
}

/// Says the tree by its own number, so that its index serves.
async fn by_tree(connection: &mut Connection, listing: &Listing) -> Outcome<Listing> {
    let mut listing = listing.clone();
    for filter in &mut listing.filters {
        let column = match filter.field.as_str() {
            "space_number" => "s.number",
            "pool_number" => "p.number",
            _ => continue,
        };
        let [value] = filter.values.as_slice() else { continue };
        if let (Operator::Equal, Ok(number)) = (filter.operator, value.trim().parse::<i64>()) {
            let text = format!(
                "SELECT f.number FROM trees f LEFT JOIN spaces s ON s.id = f.space LEFT JOIN pools p ON p.id = f.pool WHERE {column} = $1"
            );
            let tree: Option<i64> = connection.one(sql(text).bind(number)).await?.map(|mut row| row.take()).transpose()?;
            *filter =
                Filter { field: "tree".to_owned(), operator: Operator::Equal, values: vec![tree.unwrap_or(-1).to_string()] };
        }
    }
    Ok(listing)
}

/// The counts that trees keep answer the two lists that would cost most to count.
async fn kept_count(connection: &mut Connection, listing: &Listing) -> Outcome<Option<u64>> {
    match listing.filters.as_slice() {
        [] => connection.value(sql("SELECT CAST(COALESCE(sum(entry_count), 0) AS BIGINT) FROM trees")).await.map(Some),
        [one] if one.field == "tree" && one.operator == Operator::Equal => {
            let tree = one.values.first().and_then(|value| value.parse::<i64>().ok()).unwrap_or(-1);
            let count = sql("SELECT CAST(COALESCE(sum(entry_count), 0) AS BIGINT) FROM trees WHERE number = $1").bind(tree);
            connection.value(count).await.map(Some)
        }
        _ => Ok(None),
    }
}
