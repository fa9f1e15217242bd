//! Pools with their members. A primary pool owns a tree of entries.

use capstan_domain::ids::{LocationId, PoolId, Reference};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::pool::{NewPool, Pool, PoolRole};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};

use crate::Catalogue;
use crate::connection::Connection;
use crate::failure::missing;
use crate::find::find;
use crate::query::{Row, json, sql, word};
use crate::select::{Field, Select, Type};
use crate::tree::{Owner, make_tree, uncount_replicas};

pub(crate) const POOLS: Select = Select {
    columns: "t.id, t.number, t.name, t.comment, t.content, t.role, f.root_id, f.root, t.attributes, t.created, t.updated",
    from: "pools t LEFT JOIN trees f ON f.pool = t.id",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("name", Type::Text, "t.name"),
        Field("comment", Type::Text, "t.comment"),
        Field("content", Type::Text, "t.content"),
        Field("role", Type::Text, "t.role"),
        Field("root_number", Type::Integer, "f.root"),
        Field("created", Type::Integer, "t.created"),
        Field("updated", Type::Integer, "t.updated"),
    ],
    open: &["attributes"],
    order: "t.number",
};

fn read(row: &mut Row) -> Outcome<Pool> {
    Ok(Pool {
        id: row.take()?,
        number: row.take()?,
        name: row.take()?,
        comment: row.take()?,
        content: row.word()?,
        role: row.word()?,
        root: row.take()?,
        root_number: row.take()?,
        attributes: row.json()?,
        created: row.take()?,
        updated: row.take()?,
    })
}

impl Catalogue {
    /// `members` leave the pool they were in only if they were in none; else `Conflict` "in-use".
    pub async fn create_pool(&self, new: &NewPool, members: &[LocationId]) -> Outcome<Pool> {
        let id = PoolId::new();
        let insert = sql("INSERT INTO pools (id, name, comment, content, role, attributes, created, updated) \
                          VALUES ($1, $2, $3, $4, $5, $6, $7, $7)")
        .bind(id)
        .bind(&new.name)
        .bind(new.comment.clone())
        .bind(word(&new.content))
        .bind(word(&new.role))
        .bind(json(&new.attributes))
        .bind(Timestamp::now());
        let role = new.role;
        let members = members.to_vec();
        self.write(move |connection| {
            Box::pin(async move {
                connection.run(insert).await?;
                if role == PoolRole::Primary {
                    make_tree(connection, Owner::Pool(id)).await?;
                }
                set_members(connection, id, &members).await?;
                find(connection, &POOLS, "pool", id.into(), read).await
            })
        })
        .await
    }

    /// Writes name, comment, content, role and attributes; `members`, if given, become exactly the pool's. A pool that becomes
    /// primary gets a tree; one that no longer is keeps it, out of sight of scans.
    pub async fn update_pool(&self, pool: &Pool, members: Option<&[LocationId]>) -> Outcome<Pool> {
        let id = pool.id;
        let update =
            sql("UPDATE pools SET name = $2, comment = $3, content = $4, role = $5, attributes = $6, updated = $7 WHERE id = $1")
                .bind(id)
                .bind(&pool.name)
                .bind(pool.comment.clone())
                .bind(word(&pool.content))
                .bind(word(&pool.role))
                .bind(json(&pool.attributes))
                .bind(Timestamp::now());
        let role = pool.role;
        let members = members.map(<[LocationId]>::to_vec);
        self.write(move |connection| {
            Box::pin(async move {
                if connection.run(update).await? == 0 {
                    return Err(missing("pool"));
                }
                let trees: i64 = connection.value(sql("SELECT count(*) FROM trees WHERE pool = $1").bind(id)).await?;
                if role == PoolRole::Primary && trees == 0 {
                    make_tree(connection, Owner::Pool(id)).await?;
                }
                if let Some(members) = members {
                    set_members(connection, id, &members).await?;
                }
                find(connection, &POOLS, "pool", id.into(), read).await
            })
        })
        .await
    }

    pub async fn pool(&self, reference: impl Into<Reference<PoolId>>) -> Outcome<Pool> {
        self.find(&POOLS, "pool", reference.into(), read).await
    }

    pub async fn pools(&self, listing: &Listing) -> Outcome<Page<Pool>> {
        self.list(&POOLS, listing, read).await
    }

    /// With its scan and its tree; its members are in no pool then. `Conflict` "in-use" while a space or a definition refers to it.
    pub async fn delete_pool(&self, id: PoolId) -> Outcome<()> {
        self.write(move |connection| {
            Box::pin(async move {
                uncount_replicas(connection, Owner::Pool(id)).await?;
                match connection.run(sql("DELETE FROM pools WHERE id = $1").bind(id)).await? {
                    0 => Err(missing("pool")),
                    _ => Ok(()),
                }
            })
        })
        .await
    }
}

async fn set_members(connection: &mut Connection, pool: PoolId, members: &[LocationId]) -> Outcome<()> {
    connection.run(sql("UPDATE locations SET pool = NULL WHERE pool = $1").bind(pool)).await?;
    for member in members {
        let join = sql("UPDATE locations SET pool = $2 WHERE id = $1 AND pool IS NULL");
        if connection.run(join.bind(*member).bind(pool)).await? == 0 {
            let known: i64 = connection.value(sql("SELECT count(*) FROM locations WHERE id = $1").bind(*member)).await?;
            return Err(if known == 0 {
                missing("location")
            } else {
                Failure::new(capstan_domain::Kind::Conflict, "a location is in another pool already")
                    .with_code("in-use")
                    .with_next_step("take it out of that pool first")
            });
        }
    }
    Ok(())
}
