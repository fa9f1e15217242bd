//! What the runtime does by itself, written down as it happens.

use std::time::{Duration, Instant};

use capstan_domain::audit::Verdict;
use capstan_domain::plugin::{PluginVersion, VersionState};
use capstan_domain::{Failure, Outcome};
use capstan_runtime::Event;
use serde_json::json;

use super::Plugins;

/// The same denial of a plugin is written down once in this time.
const DENIAL_ONCE_IN: Duration = Duration::from_secs(60);
/// Different denials that are written down in that time; more are only in the log.
const DENIALS_MAX: usize = 256;

impl Plugins {
    /// Keeps the catalogue in step with what the runtime does by itself.
    pub(crate) async fn follow_events(&self, mut events: tokio::sync::broadcast::Receiver<Event>) {
        use tokio::sync::broadcast::error::RecvError;
        loop {
            let result = match events.recv().await {
                Ok(Event::RolledBack { plugin, from, to, failure }) => {
                    let detail = json!({ "from": from, "to": to, "failure": failure.message });
                    self.audit.host("rollback", "plugin", &plugin, Verdict::Done, detail).await;
                    self.remember_active(&plugin, &to).await.map(|_| ())
                }
                Ok(Event::Quarantined { plugin, version, failure }) => {
                    let detail = json!({ "version": version, "failure": failure.message });
                    self.audit.host("quarantine", "plugin", &plugin, Verdict::Done, detail).await;
                    self.remember_quarantine(&plugin, &version, failure).await
                }
                Ok(Event::Denied { failure }) => {
                    self.note_denied(&failure).await;
                    Ok(())
                }
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "events of the runtime were missed");
                    Ok(())
                }
                Err(RecvError::Closed) => return,
            };
            if let Err(failure) = result {
                tracing::error!(%failure, detail = failure.detail, "what the runtime did could not be written down");
            }
        }
    }

    /// A plugin that asks again and again must not fill the catalogue: a target's denials are written down once a minute.
    async fn note_denied(&self, failure: &Failure) {
        let target = failure.origin.target.clone().unwrap_or_default();
        let key = format!("{target}: {}", failure.message);
        {
            let mut denials = self.denials.lock().await;
            denials.retain(|_, since| since.elapsed() < DENIAL_ONCE_IN);
            if denials.len() >= DENIALS_MAX || denials.insert(key, Instant::now()).is_some() {
                return;
            }
        }
        let detail = json!({ "plugin": failure.origin.plugin, "message": failure.message, "next_step": failure.next_step });
        self.audit.denied(None, "reach", "target", &target, detail).await;
    }

    async fn remember_quarantine(&self, plugin: &str, version: &str, failure: Failure) -> Outcome<()> {
        let version = self.one(plugin, version).await?;
        self.catalogue.put_plugin_version(&PluginVersion { state: VersionState::Quarantined { failure }, ..version }).await
    }
}
