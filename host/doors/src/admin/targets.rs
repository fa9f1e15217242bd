//! Targets, in this dialect.

use async_trait::async_trait;
use capstan_api_admin::targets::{NewTarget, Probe, Target, TargetChange, Targets};
use capstan_api_admin::{AdminError, Page, Window};
use capstan_api_http::Caller;
use capstan_app::targets::TargetChange as Change;
use capstan_domain::identity;
use capstan_domain::target::{NewTarget as New, Target as Record};

use super::AdminDoor;
use super::words::{error, instant, listing};
use crate::authenticator::caller_of;

#[async_trait]
impl Targets for AdminDoor {
    async fn list_targets(&self, caller: &Caller, window: Window) -> Result<Page<Target>, AdminError> {
        let asked = caller_of(caller).map_err(error)?.narrowed("targets", "index", listing(window));
        let page = self.app.targets.list(asked).await.map_err(error)?;
        Ok(Page { count: page.count, items: page.items.into_iter().map(|target| self.wire(target)).collect() })
    }

    async fn show_target(&self, caller: &Caller, target: &str) -> Result<Target, AdminError> {
        self.target_for(caller, "show", target).await.map(|(_, target)| self.wire(target))
    }

    async fn create_target(&self, caller: &Caller, target: NewTarget) -> Result<Target, AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        let new = New {
            name: target.name,
            plugin: target.plugin,
            pinned: target.pinned,
            configuration: target.configuration,
            attributes: serde_json::json!({}),
            secrets: Vec::new(),
            owner: Some(caller.user),
        };
        self.app.targets.create(&caller, new).await.map(|target| self.wire(target)).map_err(error)
    }

    async fn change_target(&self, caller: &Caller, target: &str, change: TargetChange) -> Result<Target, AdminError> {
        let (caller, target) = self.target_for(caller, "update", target).await?;
        let change = Change {
            name: change.name,
            configuration: change.configuration,
            pinned: change.pinned.map(|version| (!version.is_empty()).then_some(version)),
            ..Change::default()
        };
        self.app.targets.update(&caller, target.id, change).await.map(|target| self.wire(target)).map_err(error)
    }

    async fn remove_target(&self, caller: &Caller, target: &str) -> Result<(), AdminError> {
        let (caller, target) = self.target_for(caller, "destroy", target).await?;
        self.app.targets.delete(&caller, target.id).await.map_err(error)
    }

    async fn probe_target(&self, caller: &Caller, target: &str) -> Result<Probe, AdminError> {
        let (_, target) = self.target_for(caller, "show", target).await?;
        let report = self.app.targets.probe(target.id).await.map_err(error)?;
        Ok(Probe {
            latency_us: report.latency_us,
            clock_skew_ms: report.clock_skew_ms,
            locations: report.locations.into_iter().map(|location| location.name).collect(),
            extras: report.extras.into_iter().collect(),
        })
    }
}

impl AdminDoor {
    /// With the caller, who may make the call about it.
    async fn target_for(&self, caller: &Caller, verb: &str, target: &str) -> Result<(identity::Caller, Record), AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        let target = self.app.targets.find(target).await.map_err(error)?;
        caller.check_on("targets", verb, target.number).map_err(error)?;
        Ok((caller, target))
    }

    fn wire(&self, target: Record) -> Target {
        let away = self.app.targets.unavailable(&target);
        Target {
            id: target.id.to_string(),
            number: target.number,
            name: target.name,
            plugin: target.plugin,
            pinned: target.pinned,
            configuration: target.configuration,
            secrets: target.secrets,
            status: if away.is_none() { "available" } else { "unavailable" }.to_owned(),
            since: away.as_ref().and_then(|away| away.since).map(instant),
            failure: away.map(|away| error(away.failure)),
            created: instant(target.created),
            updated: instant(target.updated),
        }
    }
}
