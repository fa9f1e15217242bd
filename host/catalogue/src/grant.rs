//! Grant records: power a target was given, by whom, and whether it was taken back.

use capstan_domain::Outcome;
use capstan_domain::grant::{GrantRecord, NewGrant};
use capstan_domain::ids::{GrantId, Reference, TargetId};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::connection::Connection;
use crate::find::find;
use crate::query::{Row, json, sql};
use crate::select::{Field, Select, Type};

const GRANTS: Select = Select {
    columns: "t.id, t.target, t.power, t.granted_by, t.reason, t.created, t.revoked",
    from: "grants t",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("target", Type::Id, "t.target"),
        Field("by", Type::Text, "t.granted_by"),
        Field("created", Type::Integer, "t.created"),
        Field("revoked", Type::Integer, "t.revoked"),
    ],
    open: &["power"],
    order: "t.number",
};

fn read(row: &mut Row) -> Outcome<GrantRecord> {
    Ok(GrantRecord {
        id: row.take()?,
        target: row.take()?,
        power: row.json()?,
        by: row.take()?,
        reason: row.take()?,
        created: row.take()?,
        revoked: row.take()?,
    })
}

impl Catalogue {
    pub async fn create_grant(&self, target: TargetId, new: &NewGrant) -> Outcome<GrantRecord> {
        let new = new.clone();
        self.write(move |connection| {
            Box::pin(async move {
                let id = insert_grant(connection, target, &new).await?;
                find(connection, &GRANTS, "grant", id.into(), read).await
            })
        })
        .await
    }

    pub async fn grant(&self, reference: impl Into<Reference<GrantId>>) -> Outcome<GrantRecord> {
        self.find(&GRANTS, "grant", reference.into(), read).await
    }

    pub async fn grants(&self, listing: &Listing) -> Outcome<Page<GrantRecord>> {
        self.list(&GRANTS, listing, read).await
    }

    /// What a target may do now.
    pub async fn grants_in_force(&self, target: TargetId) -> Outcome<Vec<GrantRecord>> {
        let text = format!("{} WHERE t.target = $1 AND t.revoked IS NULL ORDER BY t.number", GRANTS.text());
        let rows = self.read().await?.all(sql(text).bind(target)).await?;
        rows.into_iter().map(|mut row| read(&mut row)).collect()
    }

    /// Revoking what is revoked changes nothing.
    pub async fn revoke_grant(&self, id: GrantId) -> Outcome<()> {
        let revoke = sql("UPDATE grants SET revoked = COALESCE(revoked, $2) WHERE id = $1").bind(id).bind(Timestamp::now());
        self.change("grant", revoke).await
    }
}

pub(crate) async fn insert_grant(connection: &mut Connection, target: TargetId, new: &NewGrant) -> Outcome<GrantId> {
    let id = GrantId::new();
    let insert = sql("INSERT INTO grants (id, target, power, granted_by, reason, created) VALUES ($1, $2, $3, $4, $5, $6)");
    let insert =
        insert.bind(id).bind(target).bind(json(&new.power)).bind(&new.by).bind(new.reason.clone()).bind(Timestamp::now());
    connection.run(insert).await?;
    Ok(id)
}
