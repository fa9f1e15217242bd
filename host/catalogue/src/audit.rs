//! The audit log: rows are added, never changed.

use capstan_domain::Outcome;
use capstan_domain::audit::{AuditEvent, NewAuditEvent};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::query::{Row, json, sql, word};
use crate::select::{Field, Select, Type};

const EVENTS: Select = Select {
    columns: "t.number, t.at, t.actor, t.action, t.noun, t.subject, t.verdict, t.detail",
    from: "audit t",
    fields: &[
        Field("number", Type::Integer, "t.number"),
        Field("at", Type::Integer, "t.at"),
        Field("actor", Type::Text, "t.actor"),
        Field("action", Type::Text, "t.action"),
        Field("noun", Type::Text, "t.noun"),
        Field("subject", Type::Text, "t.subject"),
        Field("verdict", Type::Text, "t.verdict"),
    ],
    open: &["detail"],
    order: "t.number",
};

fn read(row: &mut Row) -> Outcome<AuditEvent> {
    Ok(AuditEvent {
        number: row.take()?,
        at: row.take()?,
        actor: row.take()?,
        action: row.take()?,
        noun: row.take()?,
        subject: row.take()?,
        verdict: row.word()?,
        detail: row.json()?,
    })
}

impl Catalogue {
    pub async fn append_audit(&self, event: &NewAuditEvent) -> Outcome<()> {
        let insert =
            sql("INSERT INTO audit (at, actor, action, noun, subject, verdict, detail) VALUES ($1, $2, $3, $4, $5, $6, $7)")
                .bind(Timestamp::now())
                .bind(event.actor.clone())
                .bind(&event.action)
                .bind(&event.noun)
                .bind(&event.subject)
                .bind(word(&event.verdict))
                .bind(json(&event.detail));
        self.change("audit event", insert).await
    }

    pub async fn audit(&self, listing: &Listing) -> Outcome<Page<AuditEvent>> {
        self.list(&EVENTS, listing, read).await
    }
}
