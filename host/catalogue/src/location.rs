//! Locations: rows are made and marked absent by a sync with their target, never by hand.

use capstan_domain::Outcome;
use capstan_domain::ids::{LocationId, PoolId, Reference, TargetId};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::location::Location;
use capstan_domain::ports::LocationInfo;
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::query::{Query, Row, json, sql};
use crate::select::{Field, Select, Type};

pub(crate) const LOCATIONS: Select = Select {
    columns: "t.id, t.number, t.target, g.number, t.name, t.pool, p.number, t.file_count, t.file_bytes, t.attributes, t.present, \
              t.created, t.updated",
    from: "locations t JOIN targets g ON g.id = t.target LEFT JOIN pools p ON p.id = t.pool LEFT JOIN servers m ON m.id = g.server",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("name", Type::Text, "t.name"),
        Field("target", Type::Id, "t.target"),
        Field("target_number", Type::Integer, "g.number"),
        Field("target_name", Type::Text, "g.name"),
        Field("plugin", Type::Text, "g.plugin"),
        Field("server_number", Type::Integer, "m.number"),
        Field("pool", Type::Id, "t.pool"),
        Field("pool_number", Type::Integer, "p.number"),
        Field("pool_name", Type::Text, "p.name"),
        Field("file_count", Type::Integer, "t.file_count"),
        Field("file_bytes", Type::Integer, "t.file_bytes"),
        Field("present", Type::Flag, "t.present"),
        Field("created", Type::Integer, "t.created"),
        Field("updated", Type::Integer, "t.updated"),
        Field(
            "viewer",
            Type::Id,
            "t.number IN (SELECT v.object FROM objects_given v WHERE v.permission = 'view_bucket' AND {v.holder})",
        ),
    ],
    open: &["attributes", "target:g.attributes", "configuration:g.configuration"],
    order: "t.number",
};

fn read(row: &mut Row) -> Outcome<Location> {
    Ok(Location {
        id: row.take()?,
        number: row.take()?,
        target: row.take()?,
        target_number: row.take()?,
        name: row.take()?,
        pool: row.take()?,
        pool_number: row.take()?,
        file_count: row.take()?,
        file_bytes: row.take()?,
        attributes: row.json()?,
        present: row.take()?,
        created: row.take()?,
        updated: row.take()?,
    })
}

impl Catalogue {
    /// Takes over what a target says it has: new names get rows, known ones become present, missing ones absent. Answers all that
    /// are present, by number. A row's creation time is the target's, where it tells.
    pub async fn sync_locations(&self, target: TargetId, found: &[LocationInfo]) -> Outcome<Vec<Location>> {
        let now = Timestamp::now();
        let upserts: Vec<_> = found.iter().map(|info| upsert_location(target, info, now)).collect();
        let names: Vec<String> = found.iter().map(|info| info.name.clone()).collect();
        self.write(move |connection| {
            Box::pin(async move {
                let known =
                    connection.all(sql("SELECT id, name FROM locations WHERE target = $1 AND present = 1").bind(target)).await?;
                let names: std::collections::HashSet<String> = names.into_iter().collect();
                for mut row in known {
                    let id: LocationId = row.take()?;
                    let name: String = row.take()?;
                    if !names.contains(&name) {
                        connection
                            .run(sql("UPDATE locations SET present = 0, updated = $2 WHERE id = $1").bind(id).bind(now))
                            .await?;
                    }
                }
                for upsert in upserts {
                    connection.run(upsert).await?;
                }
                let text = format!("{} WHERE t.target = $1 AND t.present = 1 ORDER BY t.number", LOCATIONS.text());
                let rows = connection.all(sql(text).bind(target)).await?;
                rows.into_iter().map(|mut row| read(&mut row)).collect()
            })
        })
        .await
    }

    pub async fn location(&self, reference: impl Into<Reference<LocationId>>) -> Outcome<Location> {
        self.find(&LOCATIONS, "location", reference.into(), read).await
    }

    pub async fn locations(&self, listing: &Listing) -> Outcome<Page<Location>> {
        self.list(&LOCATIONS, listing, read).await
    }

    /// All locations of a pool, by number.
    pub async fn members(&self, pool: PoolId) -> Outcome<Vec<Location>> {
        let text = format!("{} WHERE t.pool = $1 ORDER BY t.number", LOCATIONS.text());
        let rows = self.read().await?.all(sql(text).bind(pool)).await?;
        rows.into_iter().map(|mut row| read(&mut row)).collect()
    }

    /// Only the attributes of a location can be edited.
    pub async fn set_location_attributes(&self, id: LocationId, attributes: &serde_json::Value) -> Outcome<Location> {
        let update = sql("UPDATE locations SET attributes = $2, updated = $3 WHERE id = $1");
        self.change("location", update.bind(id).bind(json(attributes)).bind(Timestamp::now())).await?;
        self.location(id).await
    }
}

/// A row for what a target says it has, present from now on.
pub(crate) fn upsert_location(target: TargetId, info: &LocationInfo, now: Timestamp) -> Query {
    let upsert = sql("INSERT INTO locations (id, target, name, attributes, present, created, updated) \
                      VALUES ($1, $2, $3, $4, 1, $5, $6) \
                      ON CONFLICT (target, name) DO UPDATE SET present = 1, \
                      updated = CASE WHEN locations.present = 1 THEN locations.updated ELSE excluded.updated END");
    let created = info.created.map_or(now, Timestamp);
    upsert.bind(LocationId::new()).bind(target).bind(&info.name).bind(json(&serde_json::json!({}))).bind(created).bind(now)
}
