//! Targets, together with what is made with them: their secrets and the grants of their configuration.

use capstan_domain::Outcome;
use capstan_domain::grant::NewGrant;
use capstan_domain::ids::{LocationId, Reference, ServerId, TargetId};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::permission::Noun;
use capstan_domain::ports::LocationInfo;
use capstan_domain::target::{NewTarget, Target};
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::connection::Connection;
use crate::failure::missing;
use crate::find::find;
use crate::grant::insert_grant;
use crate::location::upsert_location;
use crate::permission::forget_objects;
use crate::query::{Row, json, sql};
use crate::secret::put_secret;
use crate::select::{Field, Select, Type};

/// A secret's name and its sealed value; sealing is not the catalogue's.
pub type SealedSecret = (String, Vec<u8>);

pub(crate) const TARGETS: Select = Select {
    columns: "t.id, t.number, t.name, t.plugin, t.pinned, t.configuration, t.attributes, \
              (SELECT string_agg(s.name, ',' ORDER BY s.name) FROM secrets s WHERE s.target = t.id), t.owner, t.server, m.number, \
              t.created, t.updated",
    from: "targets t LEFT JOIN servers m ON m.id = t.server",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("name", Type::Text, "t.name"),
        Field("plugin", Type::Text, "t.plugin"),
        Field("pinned", Type::Text, "t.pinned"),
        Field("owner", Type::Id, "t.owner"),
        Field("server", Type::Id, "t.server"),
        Field("server_number", Type::Integer, "m.number"),
        Field("created", Type::Integer, "t.created"),
        Field("updated", Type::Integer, "t.updated"),
        Field(
            "viewer",
            Type::Id,
            "t.number IN (SELECT v.object FROM objects_given v WHERE v.permission = 'view_target' AND {v.holder})",
        ),
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
        server: row.take()?,
        server_number: row.take()?,
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
        self.create_target_with(id, new, sealed, grants, None, Vec::new()).await
    }

    /// A target of a server, together with the locations that its configuration names.
    pub async fn create_target_with(
        &self,
        id: TargetId,
        new: &NewTarget,
        sealed: Vec<SealedSecret>,
        grants: Vec<NewGrant>,
        server: Option<ServerId>,
        locations: Vec<LocationInfo>,
    ) -> Outcome<Target> {
        let now = Timestamp::now();
        let insert =
            sql("INSERT INTO targets (id, name, plugin, pinned, configuration, attributes, owner, created, updated, server) \
                          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)")
            .bind(id)
            .bind(&new.name)
            .bind(&new.plugin)
            .bind(new.pinned.clone())
            .bind(json(&new.configuration))
            .bind(json(&new.attributes))
            .bind(new.owner)
            .bind(now)
            .bind(server);
        let locations: Vec<_> = locations.iter().map(|info| upsert_location(id, info, now)).collect();
        self.write(move |connection| {
            Box::pin(async move {
                connection.run(insert).await?;
                beside(connection, id, sealed, grants).await?;
                for location in locations {
                    connection.run(location).await?;
                }
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
        self.update_target_with(target, sealed, forgotten, grants, None).await
    }

    /// `renamed`: one of its locations, by the name that the new configuration gives it.
    pub async fn update_target_with(
        &self,
        target: &Target,
        sealed: Vec<SealedSecret>,
        forgotten: Vec<String>,
        grants: Vec<NewGrant>,
        renamed: Option<(LocationId, String)>,
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
                if let Some((location, name)) = renamed {
                    let rename = sql("UPDATE locations SET name = $3, updated = $4 WHERE id = $1 AND target = $2");
                    let rename = rename.bind(location).bind(id).bind(name).bind(Timestamp::now());
                    if connection.run(rename).await? == 0 {
                        return Err(missing("location"));
                    }
                }
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
        self.write(move |connection| {
            Box::pin(async move {
                let locations = sql("SELECT number FROM locations WHERE target = ?").bind(id);
                forget_objects(connection, Noun::Bucket, locations).await?;
                forget_objects(connection, Noun::Target, sql("SELECT number FROM targets WHERE id = ?").bind(id)).await?;
                match connection.run(sql("DELETE FROM targets WHERE id = $1").bind(id)).await? {
                    0 => Err(missing("target")),
                    _ => Ok(()),
                }
            })
        })
        .await
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
