//! Sites. Each has a default queue from the beginning.

use capstan_domain::failure::Kind;
use capstan_domain::ids::{Number, QueueId, Reference, SiteId};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::site::{NewSite, Site, SiteCounts};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};

use crate::Catalogue;
use crate::connection::Connection;
use crate::failure::missing;
use crate::find::find;
use crate::query::{Row, json, sql};
use crate::select::{Field, Select, Type};

const SITES: Select = Select {
    columns: "t.id, t.number, t.name, t.label, t.standard, t.settings, t.attributes, t.created, t.updated",
    from: "sites t",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("name", Type::Text, "t.name"),
        Field("label", Type::Text, "t.label"),
        Field("is_default", Type::Flag, "t.standard"),
        Field("space_number", Type::Integer, "t.number IN (SELECT s.site FROM space_sites s WHERE {s.space})"),
        Field("created", Type::Integer, "t.created"),
        Field("updated", Type::Integer, "t.updated"),
        Field(
            "viewer",
            Type::Id,
            "t.number IN (SELECT v.object FROM objects_given v WHERE v.permission = 'view_site' AND {v.holder})",
        ),
    ],
    open: &["settings", "attributes"],
    order: "t.number",
};

/// Name of the queue that each site begins with.
const DEFAULT_QUEUE: &str = "default";

fn read(row: &mut Row) -> Outcome<Site> {
    Ok(Site {
        id: row.take()?,
        number: row.take()?,
        name: row.take()?,
        label: row.take()?,
        is_default: row.take()?,
        settings: row.json()?,
        attributes: row.json()?,
        created: row.take()?,
        updated: row.take()?,
    })
}

impl Catalogue {
    /// With its default queue.
    pub async fn create_site(&self, new: &NewSite) -> Outcome<Site> {
        let new = new.clone();
        self.write(move |connection| Box::pin(async move { insert_site(connection, &new, false).await })).await
    }

    /// The default site; made as `new` says where there is none, and then all spaces are on it. May be called at every start, by several
    /// hosts at once.
    pub async fn default_site(&self, new: &NewSite) -> Outcome<Site> {
        let made = self.find_or_make_default(new.clone()).await;
        match made {
            // Another host made it meanwhile.
            Err(failure) if failure.kind == Kind::AlreadyExists => self.find_or_make_default(new.clone()).await,
            made => made,
        }
    }

    async fn find_or_make_default(&self, new: NewSite) -> Outcome<Site> {
        self.write(move |connection| {
            Box::pin(async move {
                if let Some(site) = standard(connection).await? {
                    return Ok(site);
                }
                let site = insert_site(connection, &new, true).await?;
                let everywhere = sql("INSERT INTO space_sites (space, site) SELECT s.number, $1 FROM spaces s \
                                      WHERE NOT EXISTS (SELECT 1 FROM space_sites p WHERE p.space = s.number)");
                connection.run(everywhere.bind(site.number)).await?;
                Ok(site)
            })
        })
        .await
    }

    /// Writes name, label, settings and attributes.
    pub async fn update_site(&self, site: &Site) -> Outcome<Site> {
        let id = site.id;
        let update = sql("UPDATE sites SET name = $2, label = $3, settings = $4, attributes = $5, updated = $6 WHERE id = $1")
            .bind(id)
            .bind(&site.name)
            .bind(&site.label)
            .bind(json(&site.settings))
            .bind(json(&site.attributes))
            .bind(Timestamp::now());
        self.write(move |connection| {
            Box::pin(async move {
                if connection.run(update).await? == 0 {
                    return Err(missing("site"));
                }
                find(connection, &SITES, "site", id.into(), read).await
            })
        })
        .await
    }

    pub async fn site(&self, reference: impl Into<Reference<SiteId>>) -> Outcome<Site> {
        self.find(&SITES, "site", reference.into(), read).await
    }

    pub async fn sites(&self, listing: &Listing) -> Outcome<Page<Site>> {
        self.list(&SITES, listing, read).await
    }

    /// With its nodes and queues; jobs stay as history. `Conflict` "in-use" while a space is on it or a task waits there or runs, "default"
    /// for the default site.
    pub async fn delete_site(&self, id: SiteId) -> Outcome<()> {
        self.write(move |connection| {
            Box::pin(async move {
                let site = find(connection, &SITES, "site", id.into(), read).await?;
                if site.is_default {
                    return Err(Failure::new(Kind::Conflict, "the default site stays").with_code("default"));
                }
                let busy = sql("SELECT count(*) FROM tasks WHERE site = $1 AND state IN ('PENDING', 'STARTED')");
                if connection.value::<i64>(busy.bind(site.number)).await? > 0 {
                    return Err(in_use("tasks of the site have not ended"));
                }
                connection.run(sql("DELETE FROM sites WHERE id = $1").bind(id)).await.map(|_| ())
            })
        })
        .await
    }

    /// What lies in the spaces of each site.
    pub async fn site_counts(&self) -> Outcome<Vec<(Number, SiteCounts)>> {
        let text = "SELECT t.number, CAST(COALESCE(sum(f.file_count), 0) AS BIGINT), \
                    CAST(COALESCE(sum(f.entry_count - f.file_count - 1), 0) AS BIGINT), \
                    CAST(COALESCE(sum((SELECT count(*) FROM entry_states e WHERE e.tree = f.number \
                    AND e.state IN ('migrated', 'recalling'))), 0) AS BIGINT) \
                    FROM sites t LEFT JOIN space_sites p ON p.site = t.number LEFT JOIN spaces s ON s.number = p.space \
                    LEFT JOIN trees f ON f.space = s.id GROUP BY t.number ORDER BY t.number";
        let rows = self.read().await?.all(sql(text)).await?;
        rows.into_iter()
            .map(|mut row| {
                let site = row.take()?;
                Ok((site, SiteCounts { files: row.take()?, directories: row.take()?, stubbed: row.take()? }))
            })
            .collect()
    }
}

pub(crate) fn in_use(message: &str) -> Failure {
    Failure::new(Kind::Conflict, message).with_code("in-use").with_next_step("wait until they have ended, or cancel their jobs")
}

async fn standard(connection: &mut Connection) -> Outcome<Option<Site>> {
    let text = format!("{} WHERE t.standard = 1", SITES.text());
    connection.one(sql(text)).await?.map(|mut row| read(&mut row)).transpose()
}

async fn insert_site(connection: &mut Connection, new: &NewSite, standard: bool) -> Outcome<Site> {
    let (id, now) = (SiteId::new(), Timestamp::now());
    let insert = sql("INSERT INTO sites (id, name, label, standard, settings, attributes, created, updated) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7, $7)")
    .bind(id)
    .bind(&new.name)
    .bind(&new.label)
    .bind(standard)
    .bind(json(&new.settings))
    .bind(json(&new.attributes))
    .bind(now);
    connection.run(insert).await?;
    let site = find(connection, &SITES, "site", id.into(), read).await?;
    let queue = sql("INSERT INTO site_queues (id, site, name, label, standard, created) VALUES ($1, $2, $3, $3, 1, $4)");
    connection.run(queue.bind(QueueId::new()).bind(site.number).bind(DEFAULT_QUEUE).bind(now)).await?;
    Ok(site)
}
