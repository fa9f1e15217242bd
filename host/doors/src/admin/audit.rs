//! The audit log, in this dialect.

use async_trait::async_trait;
use capstan_api_admin::audit::{Audit, AuditEvent};
use capstan_api_admin::{AdminError, Page, Window};
use capstan_api_http::Caller;
use capstan_domain::listing::{Listing, Sort};

use super::AdminDoor;
use super::words::{error, instant, listing, word};

#[async_trait]
impl Audit for AdminDoor {
    async fn list_audit(&self, _: &Caller, window: Window) -> Result<Page<AuditEvent>, AdminError> {
        let newest_first = Listing { sort: vec![Sort { field: "number".into(), descending: true }], ..listing(window) };
        let page = self.app.audit.list(newest_first).await.map_err(error)?;
        let items = page.items.into_iter().map(|event| AuditEvent {
            number: event.number,
            at: instant(event.at),
            actor: event.actor,
            action: event.action,
            noun: event.noun,
            subject: event.subject,
            verdict: word(&event.verdict),
            detail: event.detail,
        });
        Ok(Page { count: page.count, items: items.collect() })
    }
}
