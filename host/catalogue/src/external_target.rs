//! External targets: which files of a space go to which bucket. Their regexes are not the catalogue's to read.

use capstan_domain::Outcome;
use capstan_domain::external_target::{ExternalTarget, NewExternalTarget, TargetRule};
use capstan_domain::ids::{ExternalTargetId, Number, Reference, SpaceId};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::connection::Connection;
use crate::failure::missing;
use crate::find::find;
use crate::query::{Row, json, sql};
use crate::select::{Field, Select, Type};

const TARGETS: Select = Select {
    columns: "t.id, t.number, t.name, s.id, s.number, l.id, l.number, t.local_file_regex, t.enabled, t.delete_on_recall, t.backup_only, \
              t.backup_site, (SELECT string_agg(CAST(x.site AS TEXT), ',' ORDER BY x.site) FROM external_target_sites x \
              WHERE x.external_target = t.number), t.place, t.attributes, \
              CASE WHEN b.deleting IS NULL THEN COALESCE(b.ready, l.present) ELSE 0 END, t.created, t.updated",
    from: "external_targets t JOIN spaces s ON s.number = t.space JOIN locations l ON l.number = t.location \
           LEFT JOIN buckets b ON b.location = t.location",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("name", Type::Text, "t.name"),
        Field("space", Type::Id, "s.id"),
        Field("space_number", Type::Integer, "t.space"),
        Field("location", Type::Id, "l.id"),
        Field("location_number", Type::Integer, "t.location"),
        Field("bucket_name", Type::Text, "COALESCE(b.name, l.name)"),
        Field("enabled", Type::Flag, "t.enabled"),
        Field("backup_only", Type::Flag, "t.backup_only"),
        Field("created", Type::Integer, "t.created"),
        Field("updated", Type::Integer, "t.updated"),
    ],
    open: &["attributes"],
    order: "t.place, t.number",
};

fn read(row: &mut Row) -> Outcome<ExternalTarget> {
    let (id, number, name, space, space_number) = (row.take()?, row.take()?, row.take()?, row.take()?, row.take()?);
    let (location, location_number) = (row.take()?, row.take()?);
    let rule = TargetRule {
        local_file_regex: row.take()?,
        enabled: row.take()?,
        delete_on_recall: row.take()?,
        backup_only: row.take()?,
        backup_site: row.take()?,
        sites: row.records()?,
        position: row.take()?,
        attributes: row.json()?,
    };
    let (is_ready, created, updated) = (row.take()?, row.take()?, row.take()?);
    Ok(ExternalTarget { id, number, name, space, space_number, location, location_number, rule, is_ready, created, updated })
}

impl Catalogue {
    pub async fn create_external_target(&self, new: &NewExternalTarget) -> Outcome<ExternalTarget> {
        let new = new.clone();
        self.write(move |connection| {
            Box::pin(async move {
                let (id, rule) = (ExternalTargetId::new(), &new.rule);
                let insert =
                    sql("INSERT INTO external_targets (id, name, space, location, local_file_regex, enabled, delete_on_recall, \
                                  backup_only, backup_site, place, attributes, created, updated) \
                                  SELECT $1, $2, s.number, l.number, $3, $4, $5, $6, $7, $8, $9, $10, $10 FROM spaces s \
                                  CROSS JOIN locations l WHERE s.id = $11 AND l.id = $12 RETURNING number");
                let insert = insert
                    .bind(id)
                    .bind(&new.name)
                    .bind(&rule.local_file_regex)
                    .bind(rule.enabled)
                    .bind(rule.delete_on_recall)
                    .bind(rule.backup_only)
                    .bind(rule.backup_site)
                    .bind(rule.position)
                    .bind(json(&rule.attributes))
                    .bind(Timestamp::now())
                    .bind(new.space)
                    .bind(new.location);
                let number = connection.one(insert).await?.ok_or_else(|| missing("space or bucket"))?.take()?;
                put_sites(connection, number, &rule.sites).await?;
                find(connection, &TARGETS, "external target", id.into(), read).await
            })
        })
        .await
    }

    /// Writes name and rule; space and bucket are fixed once made.
    pub async fn update_external_target(&self, target: &ExternalTarget) -> Outcome<ExternalTarget> {
        let (id, target) = (target.id, target.clone());
        self.write(move |connection| {
            Box::pin(async move {
                let rule = &target.rule;
                let update =
                    sql("UPDATE external_targets SET name = $2, local_file_regex = $3, enabled = $4, delete_on_recall = $5, \
                                  backup_only = $6, backup_site = $7, place = $8, attributes = $9, updated = $10 WHERE id = $1 \
                                  RETURNING number");
                let update = update
                    .bind(id)
                    .bind(&target.name)
                    .bind(&rule.local_file_regex)
                    .bind(rule.enabled)
                    .bind(rule.delete_on_recall)
                    .bind(rule.backup_only)
                    .bind(rule.backup_site)
                    .bind(rule.position)
                    .bind(json(&rule.attributes))
                    .bind(Timestamp::now());
                let number = connection.one(update).await?.ok_or_else(|| missing("external target"))?.take()?;
                put_sites(connection, number, &rule.sites).await?;
                find(connection, &TARGETS, "external target", id.into(), read).await
            })
        })
        .await
    }

    pub async fn external_target(&self, reference: impl Into<Reference<ExternalTargetId>>) -> Outcome<ExternalTarget> {
        self.find(&TARGETS, "external target", reference.into(), read).await
    }

    pub async fn external_targets(&self, listing: &Listing) -> Outcome<Page<ExternalTarget>> {
        self.list(&TARGETS, listing, read).await
    }

    /// Those that files of a space are routed by on a site, in the order in which they are asked: enabled, and with a bucket that stays.
    pub async fn routes(&self, space: SpaceId, site: Number) -> Outcome<Vec<ExternalTarget>> {
        let text = format!(
            "{} WHERE t.space = (SELECT p.number FROM spaces p WHERE p.id = $1) AND t.enabled = 1 AND b.deleting IS NULL \
             AND (NOT EXISTS (SELECT 1 FROM external_target_sites x WHERE x.external_target = t.number) \
             OR EXISTS (SELECT 1 FROM external_target_sites x WHERE x.external_target = t.number AND x.site = $2)) \
             ORDER BY t.place, t.number",
            TARGETS.text()
        );
        let rows = self.read().await?.all(sql(text).bind(space).bind(site)).await?;
        rows.into_iter().map(|mut row| read(&mut row)).collect()
    }

    /// Copies in its bucket stay.
    pub async fn delete_external_target(&self, id: ExternalTargetId) -> Outcome<()> {
        self.delete("external target", sql("DELETE FROM external_targets WHERE id = $1").bind(id)).await
    }
}

async fn put_sites(connection: &mut Connection, target: Number, sites: &[Number]) -> Outcome<()> {
    connection.run(sql("DELETE FROM external_target_sites WHERE external_target = $1").bind(target)).await?;
    for site in sites {
        let insert = sql("INSERT INTO external_target_sites (external_target, site) VALUES ($1, $2) \
                          ON CONFLICT (external_target, site) DO NOTHING");
        connection.run(insert.bind(target).bind(*site)).await?;
    }
    Ok(())
}
