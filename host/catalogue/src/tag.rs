//! Tags and what bears them: drives, snapshots, machines.

use std::fmt::Write as _;

use capstan_domain::Outcome;
use capstan_domain::ids::{DriveId, MachineId, Reference, SnapshotId, TagId};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::tag::{NewTag, Tag, Tagged};
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::connection::{Connection, Flavour};
use crate::drive::CHUNK;
use crate::failure::missing;
use crate::find::find;
use crate::query::{Row, Value, json, sql, tuples};
use crate::select::{Field, Select, Type};
use crate::text_key::text_key;

const TAGS: Select = Select {
    columns: "t.id, t.number, t.owner, t.name, t.attributes, t.created, t.updated",
    from: "tags t",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("owner", Type::Id, "t.owner"),
        Field("name", Type::Text, "t.name"),
        Field("created", Type::Integer, "t.created"),
        Field("updated", Type::Integer, "t.updated"),
    ],
    open: &["attributes"],
    order: "t.number",
};

fn read(row: &mut Row) -> Outcome<Tag> {
    Ok(Tag {
        id: row.take()?,
        number: row.take()?,
        owner: row.take()?,
        name: row.take()?,
        attributes: row.json()?,
        created: row.take()?,
        updated: row.take()?,
    })
}

/// What bears it, in the columns that tell: a drive, a snapshot or a machine. None: the row has none of them.
fn read_tagged(row: &mut Row) -> Outcome<Option<Tagged>> {
    let (drive, snapshot, machine): (Option<DriveId>, Option<SnapshotId>, Option<MachineId>) =
        (row.take()?, row.take()?, row.take()?);
    Ok(drive.map(Tagged::Drive).or(snapshot.map(Tagged::Snapshot)).or(machine.map(Tagged::Machine)))
}

/// Noun, table, column and id of what bears a tag.
fn place(tagged: Tagged) -> (&'static str, &'static str, &'static str, Value) {
    match tagged {
        Tagged::Drive(id) => ("drive", "drives", "drive", id.into()),
        Tagged::Snapshot(id) => ("snapshot", "drive_snapshots", "snapshot", id.into()),
        Tagged::Machine(id) => ("machine", "machines", "machine", id.into()),
    }
}

impl Catalogue {
    /// `AlreadyExists` "taken" if the owner has one of that name.
    pub async fn create_tag(&self, new: &NewTag, resources: &[Tagged]) -> Outcome<Tag> {
        let id = TagId::new();
        let insert =
            sql("INSERT INTO tags (id, owner, name, name_key, attributes, created, updated) VALUES ($1, $2, $3, $4, $5, $6, $6)")
                .bind(id)
                .bind(new.owner)
                .bind(&new.name)
                .bind(text_key(&[&new.name]))
                .bind(json(&new.attributes))
                .bind(Timestamp::now());
        let resources = resources.to_vec();
        self.write(move |connection| {
            Box::pin(async move {
                connection.run(insert).await?;
                for resource in resources {
                    put(connection, id, resource).await?;
                }
                find(connection, &TAGS, "tag", id.into(), read).await
            })
        })
        .await
    }

    /// Writes name and attributes; `resources`, if given, become exactly those that bear it.
    pub async fn update_tag(&self, tag: &Tag, resources: Option<&[Tagged]>) -> Outcome<Tag> {
        let id = tag.id;
        let update = sql("UPDATE tags SET name = $2, name_key = $3, attributes = $4, updated = $5 WHERE id = $1")
            .bind(id)
            .bind(&tag.name)
            .bind(text_key(&[&tag.name]))
            .bind(json(&tag.attributes))
            .bind(Timestamp::now());
        let resources = resources.map(<[Tagged]>::to_vec);
        self.write(move |connection| {
            Box::pin(async move {
                if connection.run(update).await? == 0 {
                    return Err(missing("tag"));
                }
                if let Some(resources) = resources {
                    connection.run(sql("DELETE FROM tag_resources WHERE tag = $1").bind(id)).await?;
                    for resource in resources {
                        put(connection, id, resource).await?;
                    }
                }
                find(connection, &TAGS, "tag", id.into(), read).await
            })
        })
        .await
    }

    /// Unique only among an owner's: by name the newest of anybody's is found.
    pub async fn tag(&self, reference: impl Into<Reference<TagId>>) -> Outcome<Tag> {
        self.find(&TAGS, "tag", reference.into(), read).await
    }

    pub async fn tags(&self, listing: &Listing) -> Outcome<Page<Tag>> {
        self.list(&TAGS, listing, read).await
    }

    /// What bears it stays.
    pub async fn delete_tag(&self, id: TagId) -> Outcome<()> {
        self.delete("tag", sql("DELETE FROM tags WHERE id = $1").bind(id)).await
    }

    /// The tags of all these, each with what bears it.
    pub async fn tags_of(&self, resources: &[Tagged]) -> Outcome<Vec<(Tagged, Tag)>> {
        let mut connection = self.read().await?;
        let mut tags = Vec::new();
        for chunk in resources.chunks(CHUNK) {
            let mut text = format!(
                "SELECT r.drive, r.snapshot, r.machine, {} FROM tag_resources r JOIN tags t ON t.id = r.tag WHERE ",
                TAGS.columns
            );
            let mut values = Vec::with_capacity(chunk.len());
            for column in ["drive", "snapshot", "machine"] {
                let ids: Vec<Value> =
                    chunk.iter().map(|one| place(*one)).filter(|place| place.2 == column).map(|place| place.3).collect();
                if ids.is_empty() {
                    continue;
                }
                let or = if values.is_empty() { "" } else { " OR " };
                let _ = write!(text, "{or}r.{column} IN {}", tuples(1, ids.len()));
                values.extend(ids);
            }
            text.push_str(" ORDER BY r.number");
            for mut row in connection.all(sql(text).bind_all(values)).await? {
                if let Some(tagged) = read_tagged(&mut row)? {
                    tags.push((tagged, read(&mut row)?));
                }
            }
        }
        Ok(tags)
    }

    /// What bears a tag, without drives that are being deleted.
    pub async fn tagged(&self, tag: TagId) -> Outcome<Vec<Tagged>> {
        let query = sql("SELECT r.drive, r.snapshot, r.machine FROM tag_resources r LEFT JOIN drives d ON d.id = r.drive \
                         WHERE r.tag = $1 AND (d.state IS NULL OR d.state <> 'deleting') ORDER BY r.number")
        .bind(tag);
        let rows = self.read().await?.all(query).await?;
        rows.into_iter().filter_map(|mut row| read_tagged(&mut row).transpose()).collect()
    }

    /// These become exactly its tags.
    pub async fn set_tags(&self, resource: Tagged, tags: &[TagId]) -> Outcome<()> {
        let tags = tags.to_vec();
        self.write(move |connection| {
            Box::pin(async move {
                let (noun, table, column, id) = place(resource);
                // On PostgreSQL held, so that of two who set its tags the later one's are all there is.
                let hold = if connection.flavour() == Flavour::Postgres { " FOR UPDATE" } else { "" };
                let there = sql(format!("SELECT number FROM {table} WHERE id = $1{hold}")).bind(id.clone());
                if connection.one(there).await?.is_none() {
                    return Err(missing(noun));
                }
                connection.run(sql(format!("DELETE FROM tag_resources WHERE {column} = $1")).bind(id)).await?;
                bear(connection, resource, &tags).await
            })
        })
        .await
    }
}

/// Within the transaction that makes it, so that nothing is ever there without the tags it was asked for with.
pub(crate) async fn bear(connection: &mut Connection, resource: Tagged, tags: &[TagId]) -> Outcome<()> {
    for tag in tags {
        put(connection, *tag, resource).await?;
    }
    Ok(())
}

/// The same again changes nothing.
async fn put(connection: &mut Connection, tag: TagId, resource: Tagged) -> Outcome<()> {
    let (_, _, column, id) = place(resource);
    let text = format!("INSERT INTO tag_resources (tag, {column}) VALUES ($1, $2) ON CONFLICT (tag, {column}) DO NOTHING");
    connection.run(sql(text).bind(tag).bind(id)).await.map(|_| ())
}
