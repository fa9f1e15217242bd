//! Servers, which targets refer to.

use capstan_domain::Outcome;
use capstan_domain::ids::{Reference, ServerId};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::server::{NewServer, Server};
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::failure::missing;
use crate::find::find;
use crate::query::{Row, json, sql};
use crate::select::{Field, Select, Type};

const SERVERS: Select = Select {
    columns: "t.id, t.number, t.name, t.host, t.protocol, t.attributes, t.created, t.updated",
    from: "servers t",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("name", Type::Text, "t.name"),
        Field("host", Type::Text, "t.host"),
        Field("protocol", Type::Text, "t.protocol"),
        Field("created", Type::Integer, "t.created"),
        Field("updated", Type::Integer, "t.updated"),
    ],
    open: &["attributes"],
    order: "t.number",
};

fn read(row: &mut Row) -> Outcome<Server> {
    Ok(Server {
        id: row.take()?,
        number: row.take()?,
        name: row.take()?,
        host: row.take()?,
        protocol: row.take()?,
        attributes: row.json()?,
        created: row.take()?,
        updated: row.take()?,
    })
}

impl Catalogue {
    pub async fn create_server(&self, new: &NewServer) -> Outcome<Server> {
        let id = ServerId::new();
        let insert = sql("INSERT INTO servers (id, name, host, protocol, attributes, created, updated) \
                          VALUES ($1, $2, $3, $4, $5, $6, $6)")
        .bind(id)
        .bind(&new.name)
        .bind(&new.host)
        .bind(&new.protocol)
        .bind(json(&new.attributes))
        .bind(Timestamp::now());
        self.write(move |connection| {
            Box::pin(async move {
                connection.run(insert).await?;
                find(connection, &SERVERS, "server", id.into(), read).await
            })
        })
        .await
    }

    /// Its targets are the caller's business.
    pub async fn update_server(&self, server: &Server) -> Outcome<Server> {
        let id = server.id;
        let update = sql("UPDATE servers SET name = $2, host = $3, protocol = $4, attributes = $5, updated = $6 WHERE id = $1")
            .bind(id)
            .bind(&server.name)
            .bind(&server.host)
            .bind(&server.protocol)
            .bind(json(&server.attributes))
            .bind(Timestamp::now());
        self.write(move |connection| {
            Box::pin(async move {
                if connection.run(update).await? == 0 {
                    return Err(missing("server"));
                }
                find(connection, &SERVERS, "server", id.into(), read).await
            })
        })
        .await
    }

    pub async fn server(&self, reference: impl Into<Reference<ServerId>>) -> Outcome<Server> {
        self.find(&SERVERS, "server", reference.into(), read).await
    }

    pub async fn servers(&self, listing: &Listing) -> Outcome<Page<Server>> {
        self.list(&SERVERS, listing, read).await
    }

    /// `Conflict` "in-use" while it has a target.
    pub async fn delete_server(&self, id: ServerId) -> Outcome<()> {
        self.delete("server", sql("DELETE FROM servers WHERE id = $1").bind(id)).await
    }
}
