//! Nodes: who works for a site, told by heartbeats.

use capstan_domain::Outcome;
use capstan_domain::ids::{NodeId, Number, Reference};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::node::Node;
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::failure::missing;
use crate::find::find;
use crate::query::{Row, sql};
use crate::select::{Field, Select, Type};

const NODES: Select = Select {
    columns: "t.id, t.number, t.site, s.name, t.name, t.heartbeat, (SELECT count(*) FROM queue_nodes w JOIN site_queues q \
              ON q.number = w.queue WHERE w.node = t.number AND q.standard = 1), t.created",
    from: "nodes t JOIN sites s ON s.number = t.site",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("site_number", Type::Integer, "t.site"),
        Field("site_name", Type::Text, "s.name"),
        Field("name", Type::Text, "t.name"),
        Field("heartbeat", Type::Integer, "t.heartbeat"),
        Field("created", Type::Integer, "t.created"),
    ],
    open: &[],
    order: "t.number",
};

fn read(row: &mut Row) -> Outcome<Node> {
    Ok(Node {
        id: row.take()?,
        number: row.take()?,
        site_number: row.take()?,
        site_name: row.take()?,
        name: row.take()?,
        heartbeat: row.take()?,
        has_default_queue: row.take()?,
        created: row.take()?,
    })
}

impl Catalogue {
    /// A node comes to work for these queues of a site, and for no others from now on; none: for the default one. It is made where it is
    /// not known. May be called at every start.
    pub async fn join_site(&self, site: Number, name: &str, queues: &[String], now: Timestamp) -> Outcome<Node> {
        let upsert = sql("INSERT INTO nodes (id, site, name, heartbeat, created) SELECT $1, s.number, $2, $3, $3 FROM sites s \
                          WHERE s.number = $4 ON CONFLICT (site, name) DO UPDATE SET heartbeat = excluded.heartbeat RETURNING number");
        let upsert = upsert.bind(NodeId::new()).bind(name).bind(now).bind(site);
        let queues = queues.to_vec();
        self.write(move |connection| {
            Box::pin(async move {
                let number: Number = connection.one(upsert).await?.ok_or_else(|| missing("site"))?.take()?;
                connection.run(sql("DELETE FROM queue_nodes WHERE node = $1").bind(number)).await?;
                if queues.is_empty() {
                    let queue = sql("INSERT INTO queue_nodes (queue, node) SELECT q.number, $1 FROM site_queues q \
                                     WHERE q.site = $2 AND q.standard = 1");
                    connection.run(queue.bind(number).bind(site)).await?;
                }
                for queue in queues {
                    let insert = sql("INSERT INTO queue_nodes (queue, node) SELECT q.number, $1 FROM site_queues q \
                                      WHERE q.site = $2 AND q.name = $3 ON CONFLICT (queue, node) DO NOTHING");
                    if connection.run(insert.bind(number).bind(site).bind(&queue)).await? == 0 {
                        return Err(missing("queue"));
                    }
                }
                find(connection, &NODES, "node", Reference::<NodeId>::Number(number), read).await
            })
        })
        .await
    }

    pub async fn beat_node(&self, id: NodeId, now: Timestamp) -> Outcome<()> {
        self.change("node", sql("UPDATE nodes SET heartbeat = $2 WHERE id = $1").bind(id).bind(now)).await
    }

    /// It says good-bye, and is not online from now on.
    pub async fn rest_node(&self, id: NodeId) -> Outcome<()> {
        self.change("node", sql("UPDATE nodes SET heartbeat = NULL WHERE id = $1").bind(id)).await
    }

    /// Of several of one name on different sites the newest.
    pub async fn node(&self, reference: impl Into<Reference<NodeId>>) -> Outcome<Node> {
        self.find(&NODES, "node", reference.into(), read).await
    }

    pub async fn nodes(&self, listing: &Listing) -> Outcome<Page<Node>> {
        self.list(&NODES, listing, read).await
    }

    /// One that still works comes back when it starts again.
    pub async fn delete_node(&self, id: NodeId) -> Outcome<()> {
        self.delete("node", sql("DELETE FROM nodes WHERE id = $1").bind(id)).await
    }
}
