//! The audit log: every change and every denial, kept before the caller hears of it.

use std::sync::Arc;

use capstan_catalogue::Catalogue;
use capstan_domain::Outcome;
use capstan_domain::audit::{AuditEvent, NewAuditEvent, Verdict};
use capstan_domain::identity::Caller;
use capstan_domain::listing::{Listing, Page};
use serde_json::{Value, json};

use crate::budget::PerMinute;

/// Refused requests that are written down a minute; all of them are in the log.
const REFUSALS_A_MINUTE: i64 = 60;
/// Characters of a path that are kept.
const PATH_MAX: usize = 256;

#[derive(Clone)]
pub struct Audit {
    catalogue: Catalogue,
    refusals: Arc<PerMinute>,
}

impl Audit {
    pub(crate) fn new(catalogue: Catalogue) -> Self {
        Self { catalogue, refusals: Arc::new(PerMinute::new(REFUSALS_A_MINUTE)) }
    }

    pub async fn list(&self, listing: Listing) -> Outcome<Page<AuditEvent>> {
        self.catalogue.audit(&listing).await
    }

    /// A request that a door refused because its credentials do not cover it.
    pub async fn request_refused(&self, method: &str, path: &str, peer: &str) {
        if self.refusals.take() {
            let path: String = path.chars().take(PATH_MAX).collect();
            self.denied(None, "request", "door", &path, json!({ "method": method, "peer": peer })).await;
        }
    }

    /// A change that was made.
    pub(crate) async fn done(&self, caller: &Caller, action: &str, noun: &str, subject: &str, detail: Value) -> Outcome<()> {
        self.record(Some(caller.name.clone()), action, noun, subject, Verdict::Done, detail).await
    }

    /// Something the host did by itself.
    pub(crate) async fn host(&self, action: &str, noun: &str, subject: &str, verdict: Verdict, detail: Value) {
        if let Err(failure) = self.record(None, action, noun, subject, verdict, detail).await {
            tracing::error!(%failure, action, noun, subject, "an audit event could not be kept");
        }
    }

    /// Something that was refused. The refusal stands whether or not it can be written down.
    pub(crate) async fn denied(&self, actor: Option<String>, action: &str, noun: &str, subject: &str, detail: Value) {
        if let Err(failure) = self.record(actor, action, noun, subject, Verdict::Denied, detail).await {
            tracing::error!(%failure, action, noun, subject, "a denial could not be kept");
        }
    }

    async fn record(
        &self,
        actor: Option<String>,
        action: &str,
        noun: &str,
        subject: &str,
        verdict: Verdict,
        detail: Value,
    ) -> Outcome<()> {
        tracing::info!(actor = actor.as_deref().unwrap_or("host"), action, noun, subject, ?verdict, "audit");
        let event = NewAuditEvent { actor, action: action.into(), noun: noun.into(), subject: subject.into(), verdict, detail };
        self.catalogue.append_audit(&event).await
    }
}
