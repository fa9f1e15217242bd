//! Queues of sites. What waits in them is `task_claim`'s.

use capstan_domain::failure::Kind;
use capstan_domain::ids::{Number, QueueId, Reference};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::site_queue::SiteQueue;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};

use crate::Catalogue;
use crate::failure::missing;
use crate::find::find;
use crate::query::{Row, sql};
use crate::select::{Field, Select, Type};
use crate::site::in_use;

const QUEUES: Select = Select {
    columns: "t.id, t.number, t.site, s.name, t.name, t.label, t.standard, (SELECT string_agg(n.name, ',' ORDER BY n.name) \
              FROM queue_nodes w JOIN nodes n ON n.number = w.node WHERE w.queue = t.number), (SELECT max(n.heartbeat) \
              FROM queue_nodes w JOIN nodes n ON n.number = w.node WHERE w.queue = t.number), t.created",
    from: "site_queues t JOIN sites s ON s.number = t.site",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("site_number", Type::Integer, "t.site"),
        Field("site_name", Type::Text, "s.name"),
        Field("name", Type::Text, "t.name"),
        Field("label", Type::Text, "t.label"),
        Field("is_default", Type::Flag, "t.standard"),
        Field("created", Type::Integer, "t.created"),
    ],
    open: &[],
    order: "t.number",
};

fn read(row: &mut Row) -> Outcome<SiteQueue> {
    Ok(SiteQueue {
        id: row.take()?,
        number: row.take()?,
        site_number: row.take()?,
        site_name: row.take()?,
        name: row.take()?,
        label: row.take()?,
        is_default: row.take()?,
        nodes: row.take::<Option<String>>()?.map(|names| names.split(',').map(str::to_owned).collect()).unwrap_or_default(),
        heartbeat: row.take()?,
        created: row.take()?,
    })
}

impl Catalogue {
    /// Made where the site has none of that name.
    pub async fn ensure_site_queue(&self, site: Number, name: &str, label: &str) -> Outcome<SiteQueue> {
        let insert =
            sql("INSERT INTO site_queues (id, site, name, label, standard, created) SELECT $1, s.number, $2, $3, 0, $4 \
                          FROM sites s WHERE s.number = $5 ON CONFLICT (site, name) DO NOTHING");
        let insert = insert.bind(QueueId::new()).bind(name).bind(label).bind(Timestamp::now()).bind(site);
        let found = sql(format!("{} WHERE t.site = $1 AND t.name = $2", QUEUES.text())).bind(site).bind(name);
        self.write(move |connection| {
            Box::pin(async move {
                connection.run(insert).await?;
                read(&mut connection.one(found).await?.ok_or_else(|| missing("site"))?)
            })
        })
        .await
    }

    pub async fn site_queue(&self, reference: impl Into<Reference<QueueId>>) -> Outcome<SiteQueue> {
        self.find(&QUEUES, "queue", reference.into(), read).await
    }

    /// Of a site by name; none: its default one.
    pub async fn queue_of_site(&self, site: Number, name: Option<&str>) -> Outcome<SiteQueue> {
        let mut text = format!("{} WHERE t.site = $1 AND ", QUEUES.text());
        let query = match name {
            Some(name) => {
                text.push_str("t.name = $2");
                sql(text).bind(site).bind(name)
            }
            None => {
                text.push_str("t.standard = 1");
                sql(text).bind(site)
            }
        };
        read(&mut self.read().await?.one(query).await?.ok_or_else(|| missing("queue"))?)
    }

    pub async fn site_queues(&self, listing: &Listing) -> Outcome<Page<SiteQueue>> {
        self.list(&QUEUES, listing, read).await
    }

    /// Those that a node works for, by number.
    pub async fn queues_of_node(&self, node: Number) -> Outcome<Vec<SiteQueue>> {
        let text = format!("{} JOIN queue_nodes w ON w.queue = t.number WHERE w.node = $1 ORDER BY t.number", QUEUES.text());
        let rows = self.read().await?.all(sql(text).bind(node)).await?;
        rows.into_iter().map(|mut row| read(&mut row)).collect()
    }

    pub async fn label_site_queue(&self, id: QueueId, label: &str) -> Outcome<SiteQueue> {
        self.change("queue", sql("UPDATE site_queues SET label = $2 WHERE id = $1").bind(id).bind(label)).await?;
        self.site_queue(id).await
    }

    /// `Conflict` "in-use" while a task waits in it or runs, "default" for the default one of a site.
    pub async fn delete_site_queue(&self, id: QueueId) -> Outcome<()> {
        self.write(move |connection| {
            Box::pin(async move {
                let queue = find(connection, &QUEUES, "queue", id.into(), read).await?;
                if queue.is_default {
                    return Err(Failure::new(Kind::Conflict, "the default queue of a site stays").with_code("default"));
                }
                let busy = sql("SELECT count(*) FROM tasks WHERE queue = $1 AND state IN ('PENDING', 'STARTED')");
                if connection.value::<i64>(busy.bind(queue.number)).await? > 0 {
                    return Err(in_use("tasks of the queue have not ended"));
                }
                connection.run(sql("DELETE FROM site_queues WHERE id = $1").bind(id)).await.map(|_| ())
            })
        })
        .await
    }
}
