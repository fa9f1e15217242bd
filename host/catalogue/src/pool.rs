//! Pools with their members. A primary pool owns a tree of entries, and so does one of tapes once files were found on them that nothing
//! else knows.

use capstan_domain::entry::Tree;
use capstan_domain::ids::{LocationId, PoolId, Reference};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::pool::{NewPool, Pool, PoolContent, PoolRole};
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
    columns: "t.id, t.number, t.name, t.comment, t.content, t.role, t.protect_full, f.root_id, f.root, t.attributes, t.created, t.updated",
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
        protects_full: row.take()?,
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
        let insert = sql("INSERT INTO pools (id, name, comment, content, role, attributes, created, updated, protect_full) \
                          VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)")
        .bind(id)
        .bind(&new.name)
        .bind(new.comment.clone())
        .bind(word(&new.content))
        .bind(word(&new.role))
        .bind(json(&new.attributes))
        .bind(Timestamp::now())
        .bind(new.protects_full);
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

    /// Writes name, comment, content, role, attributes and what becomes of full tapes; `members`, if given, become exactly the pool's. A pool that becomes
    /// primary gets a tree; one that no longer is keeps it, out of sight of scans.
    pub async fn update_pool(&self, pool: &Pool, members: Option<&[LocationId]>) -> Outcome<Pool> {
        let id = pool.id;
        let update = sql(
            "UPDATE pools SET name = $2, comment = $3, content = $4, role = $5, attributes = $6, updated = $7, protect_full = $8 \
                 WHERE id = $1",
        )
        .bind(id)
        .bind(&pool.name)
        .bind(pool.comment.clone())
        .bind(word(&pool.content))
        .bind(word(&pool.role))
        .bind(json(&pool.attributes))
        .bind(Timestamp::now())
        .bind(pool.protects_full);
        let role = pool.role;
        let members = members.map(<[LocationId]>::to_vec);
        self.write(move |connection| {
            Box::pin(async move {
                if connection.run(update).await? == 0 {
                    return Err(missing("pool"));
                }
                if role == PoolRole::Primary {
                    have_tree(connection, id).await?;
                }
                if let Some(members) = members {
                    set_members(connection, id, &members).await?;
                }
                find(connection, &POOLS, "pool", id.into(), read).await
            })
        })
        .await
    }

    /// The tree of a pool, made if it has none.
    pub async fn pool_tree(&self, pool: PoolId) -> Outcome<Tree> {
        self.write(move |connection| {
            Box::pin(async move {
                have_tree(connection, pool).await?;
                Ok(Tree::Pool(pool))
            })
        })
        .await
    }

    /// The pool of tapes of this name, made as an archive if there is none; the cartridge, in no pool until now, is in it from then on.
    /// `AlreadyExists` "taken" where a pool of something else has the name.
    pub async fn pool_found_tape(&self, name: &str, cartridge: LocationId) -> Outcome<PoolId> {
        let name = name.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                let now = Timestamp::now();
                let of_tapes = word(&PoolContent::Tape);
                let find = sql("SELECT id FROM pools WHERE name = $1 AND content = $2 AND role <> $3");
                let found = connection.one(find.bind(&name).bind(&of_tapes).bind(word(&PoolRole::Scratch))).await?;
                let pool = match found {
                    Some(mut row) => row.take()?,
                    None => {
                        let id = PoolId::new();
                        let insert = sql("INSERT INTO pools (id, name, comment, content, role, attributes, created, updated) \
                                          VALUES ($1, $2, NULL, $3, $4, '{}', $5, $5)");
                        let role = word(&PoolRole::OfflineArchive);
                        connection.run(insert.bind(id).bind(name).bind(of_tapes).bind(role).bind(now)).await?;
                        id
                    }
                };
                let join = sql("UPDATE locations SET pool = $2, updated = $3 WHERE id = $1 AND pool IS NULL");
                connection.run(join.bind(cartridge).bind(pool).bind(now)).await?;
                Ok(pool)
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

async fn have_tree(connection: &mut Connection, pool: PoolId) -> Outcome<()> {
    // On PostgreSQL this holds the row, so that of two who find no tree one makes it.
    let hold = sql("UPDATE pools SET updated = updated WHERE id = $1").bind(pool);
    if connection.run(hold).await? == 0 {
        return Err(missing("pool"));
    }
    let trees: i64 = connection.value(sql("SELECT count(*) FROM trees WHERE pool = $1").bind(pool)).await?;
    if trees == 0 { make_tree(connection, Owner::Pool(pool)).await } else { Ok(()) }
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
