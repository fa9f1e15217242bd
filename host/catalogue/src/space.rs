//! Spaces, each with its tree of entries.

use capstan_domain::Outcome;
use capstan_domain::ids::{Reference, SpaceId};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::permission::Noun;
use capstan_domain::space::{NewSpace, Space};
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::connection::Connection;
use crate::failure::missing;
use crate::find::find;
use crate::permission::forget_objects;
use crate::query::{Row, json, sql};
use crate::select::{Field, Select, Type};
use crate::tree::{Owner, make_tree, uncount_replicas};

pub(crate) const SPACES: Select = Select {
    columns: "t.id, t.number, t.name, t.comment, t.directory, f.root_id, f.root, t.quota_bytes, t.push_pool, t.cleaning_pool, \
              f.file_count, f.file_bytes, f.resident_bytes, t.cache_quota_bytes, t.attributes, t.created, t.updated",
    from: "spaces t JOIN trees f ON f.space = t.id LEFT JOIN pools p ON p.id = t.push_pool LEFT JOIN pools c ON c.id = t.cleaning_pool",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("name", Type::Text, "t.name"),
        Field("comment", Type::Text, "t.comment"),
        Field("quota_bytes", Type::Integer, "t.quota_bytes"),
        Field("push_pool", Type::Id, "t.push_pool"),
        Field("push_pool_number", Type::Integer, "p.number"),
        Field("cleaning_pool", Type::Id, "t.cleaning_pool"),
        Field("cleaning_pool_number", Type::Integer, "c.number"),
        Field("root_number", Type::Integer, "f.root"),
        Field("file_count", Type::Integer, "f.file_count"),
        Field("file_bytes", Type::Integer, "f.file_bytes"),
        Field("resident_bytes", Type::Integer, "f.resident_bytes"),
        Field("cache_quota_bytes", Type::Integer, "t.cache_quota_bytes"),
        Field("created", Type::Integer, "t.created"),
        Field("updated", Type::Integer, "t.updated"),
        Field(
            "viewer",
            Type::Id,
            "t.number IN (SELECT v.object FROM objects_given v WHERE v.permission = 'view_space' AND {v.holder})",
        ),
        Field("site_number", Type::Integer, "t.number IN (SELECT p.space FROM space_sites p WHERE {p.site})"),
        Field("mountpoint", Type::Text, "(SELECT w.mountpoint FROM space_profiles w WHERE w.space = t.number)"),
        Field("deleting", Type::Integer, "(SELECT w.deleting FROM space_profiles w WHERE w.space = t.number)"),
        Field(
            "words",
            Type::Text,
            "t.name || ' ' || COALESCE((SELECT w.mountpoint FROM space_profiles w WHERE w.space = t.number), '')",
        ),
    ],
    open: &["attributes"],
    order: "t.number",
};

pub(crate) fn read(row: &mut Row) -> Outcome<Space> {
    Ok(Space {
        id: row.take()?,
        number: row.take()?,
        name: row.take()?,
        comment: row.take()?,
        directory: row.take()?,
        root: row.take()?,
        root_number: row.take()?,
        quota_bytes: row.take()?,
        push_pool: row.take()?,
        cleaning_pool: row.take()?,
        file_count: row.take()?,
        file_bytes: row.take()?,
        resident_bytes: row.take()?,
        cache_quota_bytes: row.take()?,
        attributes: row.json()?,
        created: row.take()?,
        updated: row.take()?,
    })
}

impl Catalogue {
    /// On the default site, where there is one.
    pub async fn create_space(&self, new: &NewSpace) -> Outcome<Space> {
        let new = new.clone();
        self.write(move |connection| {
            Box::pin(async move {
                let space = insert_space(connection, &new).await?;
                let place = sql("INSERT INTO space_sites (space, site) SELECT $1, s.number FROM sites s WHERE s.standard = 1");
                connection.run(place.bind(space.number)).await?;
                Ok(space)
            })
        })
        .await
    }

    /// Writes everything but the directory, which is fixed once made.
    pub async fn update_space(&self, space: &Space) -> Outcome<Space> {
        let id = space.id;
        let update = sql("UPDATE spaces SET name = $2, comment = $3, quota_bytes = $4, push_pool = $5, cleaning_pool = $6, \
                          attributes = $7, updated = $8, cache_quota_bytes = $9 WHERE id = $1")
        .bind(id)
        .bind(&space.name)
        .bind(space.comment.clone())
        .bind(space.quota_bytes)
        .bind(space.push_pool)
        .bind(space.cleaning_pool)
        .bind(json(&space.attributes))
        .bind(Timestamp::now())
        .bind(space.cache_quota_bytes);
        self.write(move |connection| {
            Box::pin(async move {
                if connection.run(update).await? == 0 {
                    return Err(missing("space"));
                }
                find(connection, &SPACES, "space", id.into(), read).await
            })
        })
        .await
    }

    pub async fn space(&self, reference: impl Into<Reference<SpaceId>>) -> Outcome<Space> {
        self.find(&SPACES, "space", reference.into(), read).await
    }

    pub async fn spaces(&self, listing: &Listing) -> Outcome<Page<Space>> {
        self.list(&SPACES, listing, read).await
    }

    /// With its entries; the directory is the caller's business. `Conflict` "in-use" while a definition refers to it.
    pub async fn delete_space(&self, id: SpaceId) -> Outcome<()> {
        self.write(move |connection| {
            Box::pin(async move {
                uncount_replicas(connection, Owner::Space(id)).await?;
                forget_objects(connection, Noun::Space, sql("SELECT number FROM spaces WHERE id = ?").bind(id)).await?;
                match connection.run(sql("DELETE FROM spaces WHERE id = $1").bind(id)).await? {
                    0 => Err(missing("space")),
                    _ => Ok(()),
                }
            })
        })
        .await
    }
}

pub(crate) async fn insert_space(connection: &mut Connection, new: &NewSpace) -> Outcome<Space> {
    let id = SpaceId::new();
    let insert = sql(
        "INSERT INTO spaces (id, name, comment, directory, quota_bytes, push_pool, cleaning_pool, attributes, created, updated, \
             cache_quota_bytes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)",
    )
    .bind(id)
    .bind(&new.name)
    .bind(new.comment.clone())
    .bind(&new.directory)
    .bind(new.quota_bytes)
    .bind(new.push_pool)
    .bind(new.cleaning_pool)
    .bind(json(&new.attributes))
    .bind(Timestamp::now())
    .bind(new.cache_quota_bytes);
    connection.run(insert).await?;
    make_tree(connection, Owner::Space(id)).await?;
    find(connection, &SPACES, "space", id.into(), read).await
}
