//! Buckets: the locations of targets, as they are offered to spaces. A cartridge is none.

use capstan_domain::Outcome;
use capstan_domain::bucket::{Bucket, BucketProfile};
use capstan_domain::ids::{LocationId, Number, Reference};
use capstan_domain::listing::{Listing, Operator, Page};
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::connection::Connection;
use crate::failure::missing;
use crate::query::{Row, json, sql};
use crate::replica::forget_replicas;
use crate::select::{Field, Select, Type};
use crate::site::in_use;

const BUCKETS: Select = Select {
    columns: "t.id, t.number, g.id, g.number, g.plugin, t.name, b.profile, COALESCE(b.ready, t.present), b.deleting, \
              (SELECT string_agg(CAST(x.number AS TEXT), ',' ORDER BY x.number) FROM external_targets x WHERE x.location = t.number)",
    from: "locations t JOIN targets g ON g.id = t.target LEFT JOIN buckets b ON b.location = t.number",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("name", Type::Text, "COALESCE(b.name, t.name)"),
        Field("container", Type::Text, "t.name"),
        Field("target", Type::Id, "t.target"),
        Field("target_number", Type::Integer, "g.number"),
        Field("plugin", Type::Text, "g.plugin"),
        Field("storage_type", Type::Text, "b.storage_type"),
        Field("is_ready", Type::Flag, "COALESCE(b.ready, t.present)"),
        Field("deleting", Type::Integer, "b.deleting"),
        Field(
            "viewer",
            Type::Id,
            "t.number IN (SELECT v.object FROM objects_given v WHERE v.permission = 'view_bucket' AND {v.holder})",
        ),
        Field("is_cartridge", Type::Flag, "(SELECT count(*) FROM cartridges c WHERE c.location = t.id)"),
    ],
    open: &[],
    order: "t.number",
};

/// Copies that are forgotten in one transaction.
const AT_ONCE: u32 = 10_000;

/// Of a location `t`.
const NO_CARTRIDGE: &str = "NOT EXISTS (SELECT 1 FROM cartridges c WHERE c.location = t.id)";

fn read(row: &mut Row) -> Outcome<Bucket> {
    let (location, number, target, target_number) = (row.take()?, row.take()?, row.take()?, row.take()?);
    let (plugin, container): (String, String) = (row.take()?, row.take()?);
    let profile: Option<BucketProfile> = row.json_option()?;
    let is_ready = row.take()?;
    let unprofiled = || BucketProfile {
        name: container.clone(),
        storage_type: None,
        endpoint: None,
        label: None,
        folder: None,
        is_ready,
        attributes: serde_json::json!({}),
    };
    let profile = profile.map_or_else(unprofiled, |profile| BucketProfile { is_ready, ..profile });
    let (deleting, external_targets) = (row.take()?, row.records()?);
    Ok(Bucket { location, number, target, target_number, plugin, container, profile, deleting, external_targets })
}

impl Catalogue {
    /// By number, or by name: the bucket's, or its location's where it has no profile.
    pub async fn bucket(&self, reference: impl Into<Reference<LocationId>>) -> Outcome<Bucket> {
        let head = format!("{} WHERE {NO_CARTRIDGE} AND ", BUCKETS.text());
        let query = match reference.into() {
            Reference::Id(id) => sql(format!("{head}t.id = $1")).bind(id),
            Reference::Number(number) => sql(format!("{head}t.number = $1")).bind(number),
            Reference::Given(text) => match text.parse::<Number>() {
                Ok(number) => sql(format!("{head}t.number = $1")).bind(number),
                Err(_) => sql(format!("{head}COALESCE(b.name, t.name) = $1 ORDER BY t.number DESC LIMIT 1")).bind(text),
            },
        };
        read(&mut self.read().await?.one(query).await?.ok_or_else(|| missing("bucket"))?)
    }

    pub async fn buckets(&self, listing: &Listing) -> Outcome<Page<Bucket>> {
        self.list(&BUCKETS, &listing.clone().with("is_cartridge", Operator::Equal, false), read).await
    }

    /// Makes a location a bucket with this profile, or changes it. `AlreadyExists` where another has the name.
    pub async fn set_bucket_profile(&self, location: LocationId, profile: &BucketProfile) -> Outcome<Bucket> {
        let upsert = sql("INSERT INTO buckets (location, name, storage_type, ready, profile) SELECT l.number, $2, $3, $4, $5 \
                          FROM locations l WHERE l.id = $1 ON CONFLICT (location) DO UPDATE SET name = excluded.name, \
                          storage_type = excluded.storage_type, ready = excluded.ready, profile = excluded.profile");
        let upsert = upsert.bind(location).bind(&profile.name).bind(profile.storage_type.clone()).bind(profile.is_ready);
        self.change("bucket", upsert.bind(json(profile))).await?;
        self.bucket(location).await
    }

    /// From now on nothing is routed there. Its rows stay until `delete_bucket`.
    pub async fn begin_bucket_deletion(&self, location: LocationId) -> Outcome<Bucket> {
        let bucket = self.bucket(location).await?;
        let mark = sql(
            "INSERT INTO buckets (location, name, storage_type, ready, profile, deleting) SELECT l.number, $2, $3, $4, $5, $6 \
                        FROM locations l WHERE l.id = $1 \
                        ON CONFLICT (location) DO UPDATE SET deleting = COALESCE(buckets.deleting, excluded.deleting)",
        );
        let profile = &bucket.profile;
        let mark = mark.bind(location).bind(&profile.name).bind(profile.storage_type.clone()).bind(profile.is_ready);
        self.change("bucket", mark.bind(json(profile)).bind(Timestamp::now())).await?;
        self.bucket(location).await
    }

    /// Buckets that are being deleted, the oldest wish first.
    pub async fn buckets_to_delete(&self, limit: u32) -> Outcome<Vec<Bucket>> {
        let text = format!("{} WHERE b.deleting IS NOT NULL ORDER BY b.deleting, t.number LIMIT {limit}", BUCKETS.text());
        self.read().await?.all(sql(text)).await?.into_iter().map(|mut row| read(&mut row)).collect()
    }

    /// Files whose content lies in this bucket and nowhere else.
    pub async fn stubs_on_bucket(&self, location: LocationId) -> Outcome<u64> {
        stubs(&mut self.read().await?, location).await
    }

    /// Forgets the copies in a bucket of files whose content is in their trees too, so that it can go. `Conflict` "in-use" as below.
    pub async fn forget_spare_copies(&self, location: LocationId) -> Outcome<()> {
        loop {
            let forgotten = self
                .write(move |connection| {
                    Box::pin(async move {
                        unused(connection, location).await?;
                        let text = "SELECT r.name FROM replicas r JOIN entries e ON e.number = r.entry \
                                    WHERE r.location = $1 AND e.resident = 1 ORDER BY r.name_key LIMIT $2";
                        let rows = connection.all(sql(text).bind(location).bind(AT_ONCE)).await?;
                        let keys: Vec<String> = rows.into_iter().map(|mut row| row.take()).collect::<Outcome<_>>()?;
                        forget_replicas(connection, location, &keys).await?;
                        Ok(keys.len())
                    })
                })
                .await?;
            if forgotten < AT_ONCE as usize {
                return Ok(());
            }
        }
    }

    /// The end of a deletion: its external targets and its location go. `Conflict` "in-use" while a task runs on a space that is routed
    /// there, while a stub rests on it, or while copies are recorded in it.
    pub async fn delete_bucket(&self, location: LocationId) -> Outcome<()> {
        self.write(move |connection| {
            Box::pin(async move {
                unused(connection, location).await?;
                match connection.run(sql("DELETE FROM locations WHERE id = $1").bind(location)).await? {
                    0 => Err(missing("bucket")),
                    _ => Ok(()),
                }
            })
        })
        .await
    }
}

/// Nothing works with it, and no content lies there alone.
async fn unused(connection: &mut Connection, location: LocationId) -> Outcome<()> {
    let busy = sql("SELECT count(*) FROM tasks k JOIN workflow_jobs w ON w.number = k.job JOIN external_targets x \
                    ON x.space = w.space JOIN locations l ON l.number = x.location WHERE l.id = $1 AND k.state = 'STARTED'");
    if connection.value::<i64>(busy.bind(location)).await? > 0 {
        return Err(in_use("tasks may still work with the bucket"));
    }
    if stubs(connection, location).await? > 0 {
        return Err(in_use("the content of files lies there and nowhere else").with_next_step("recall them first"));
    }
    Ok(())
}

async fn stubs(connection: &mut Connection, location: LocationId) -> Outcome<u64> {
    let count = sql("SELECT count(*) FROM replicas r JOIN entry_states t ON t.replica = r.number WHERE r.location = $1 \
                     AND t.state IN ('migrated', 'recalling')");
    connection.value(count.bind(location)).await
}
