//! Targets, together with what is made with them: their secrets and the grants of their configuration.

use capstan_domain::Outcome;
use capstan_domain::grant::NewGrant;
use capstan_domain::ids::{Reference, TargetId};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::target::{NewTarget, Target};
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::connection::Connection;
use crate::failure::missing;
use crate::find::find;
use crate::grant::insert_grant;
use crate::query::{Row, json, sql};
use crate::secret::put_secret;
use crate::select::{Field, Select, Type};

/// A secret's name and its sealed value; sealing is not the catalogue's.
pub type SealedSecret = (String, Vec<u8>);

pub(crate) const TARGETS: Select = Select {
    columns: "t.id, t.number, t.name, t.plugin, t.pinned, t.configuration, t.attributes, \
              (SELECT string_agg(s.name, ',' ORDER BY s.name) FROM secrets s WHERE s.target = t.id), t.owner, t.created, t.updated",
    from: "targets t",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("name", Type::Text, "t.name"),
        Field("plugin", Type::Text, "t.plugin"),
        Field("pinned", Type::Text, "t.pinned"),
        Field("owner", Type::Id, "t.owner"),
        Field("created", Type::Integer, "t.created"),
        Field("updated", Type::Integer, "t.updated"),
    ],
    open: &["configuration", "attributes"],
    order: "t.number",
};

fn read(row: &mut Row) -> Outcome<Target> {
    Ok(Target {
        id: row.take()?,
        number: row.take()?,
        name: row.take()?,
        plugin: row.take()?,
        pinned: row.take()?,
        configuration: row.json()?,
        attributes: row.json()?,
        secrets: row.take::<Option<String>>()?.map(|names| names.split(',').map(str::to_owned).collect()).unwrap_or_default(),
        owner: row.take()?,
        created: row.take()?,
        updated: row.take()?,
    })
}

impl Catalogue {
    /// The secrets of `new` are not looked at: `sealed` holds them, sealed for `id`.
    pub async fn create_target(
        &self,
        id: TargetId,
        new: &NewTarget,
        sealed: Vec<SealedSecret>,
        grants: Vec<NewGrant>,
    ) -> Outcome<Target> {
        let now = Timestamp::now();
        let insert = sql("INSERT INTO targets (id, name, plugin, pinned, configuration, attributes, owner, created, updated) \
                          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)")
        .bind(id)
        .bind(&new.name)
        .bind(&new.plugin)
        .bind(new.pinned.clone())
        .bind(json(&new.configuration))
        .bind(json(&new.attributes))
        .bind(new.owner)
        .bind(now);
        self.write(move |connection| {
            Box::pin(async move {
                connection.run(insert).await?;
                beside(connection, id, sealed, grants).await?;
                find(connection, &TARGETS, "target", id.into(), read).await
            })
        })
        .await
    }

    /// Writes everything but the secrets' names; `sealed` replaces secrets of the same names, `forgotten` names those to remove,
    /// `grants` are added.
    pub async fn update_target(
        &self,
        target: &Target,
        sealed: Vec<SealedSecret>,
        forgotten: Vec<String>,
        grants: Vec<NewGrant>,
    ) -> Outcome<Target> {
        let id = target.id;
        let update =
            sql("UPDATE targets SET name = $2, plugin = $3, pinned = $4, configuration = $5, attributes = $6, owner = $7, \
                          updated = $8 WHERE id = $1")
            .bind(id)
            .bind(&target.name)
            .bind(&target.plugin)
            .bind(target.pinned.clone())
            .bind(json(&target.configuration))
            .bind(json(&target.attributes))
            .bind(target.owner)
            .bind(Timestamp::now());
        self.write(move |connection| {
            Box::pin(async move {
                if connection.run(update).await? == 0 {
                    return Err(missing("target"));
                }
                for name in forgotten {
                    connection.run(sql("DELETE FROM secrets WHERE target = $1 AND name = $2").bind(id).bind(name)).await?;
                }
                beside(connection, id, sealed, grants).await?;
                find(connection, &TARGETS, "target", id.into(), read).await
            })
        })
        .await
    }

    pub async fn target(&self, reference: impl Into<Reference<TargetId>>) -> Outcome<Target> {
        self.find(&TARGETS, "target", reference.into(), read).await
    }

    pub async fn targets(&self, listing: &Listing) -> Outcome<Page<Target>> {
        self.list(&TARGETS, listing, read).await
    }

    /// With its secrets, grants, state and locations; `Conflict` "in-use" while a copy of something lies in it.
    pub async fn delete_target(&self, id: TargetId) -> Outcome<()> {
        self.delete("target", sql("DELETE FROM targets WHERE id = $1").bind(id)).await
    }

    /// Runs a statement that must change something.
    pub(crate) async fn change(&self, noun: &'static str, statement: crate::query::Query) -> Outcome<()> {
        self.write(move |connection| {
            Box::pin(async move { if connection.run(statement).await? == 0 { Err(missing(noun)) } else { Ok(()) } })
        })
        .await
    }

    pub(crate) async fn delete(&self, noun: &'static str, statement: crate::query::Query) -> Outcome<()> {
        self.change(noun, statement).await
    }
}

async fn beside(connection: &mut Connection, id: TargetId, sealed: Vec<SealedSecret>, grants: Vec<NewGrant>) -> Outcome<()> {
    for (name, value) in sealed {
        put_secret(connection, id, name, value).await?;
    }
    for grant in grants {
        insert_grant(connection, id, &grant).await?;
    }
    Ok(())
}
