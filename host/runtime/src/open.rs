//! Opening, changing and closing targets.

use std::sync::{Arc, PoisonError};

use capstan_bindings::latest::target as functions;
use capstan_domain::Outcome;
use capstan_domain::failure::{Failure, Kind};
use capstan_domain::ids::TargetId;
use capstan_domain::plugin::Problem;
use capstan_domain::ports::{Connection, ProbeReport};
use capstan_grants::{Grants, Requested, requested};
use capstan_services::log::Speaker;
use capstan_services::{Settings, TargetServices};

use crate::call::Plain;
use crate::incarnation::{How, Incarnation};
use crate::ports::Handle;
use crate::prepared::Prepared;
use crate::runtime::{Event, Runtime};
use crate::target::{TargetSettings, TargetSlot};

impl Runtime {
    /// Opens a target. This never fails: one that cannot run is `unavailable`, and its calls answer why; it comes alive by itself once
    /// its plugin does.
    pub fn open_target(&self, settings: TargetSettings) -> Arc<dyn Connection> {
        let id = settings.id;
        let current = self.resolve(&settings).and_then(|prepared| self.incarnate(&settings, &prepared));
        let slot = TargetSlot::new(settings, current, Arc::clone(&self.limits));
        let old = self.targets.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&slot));
        if let Some(Ok(old)) = old.map(|old| old.current()) {
            old.drain();
        }
        Arc::new(Handle::new(slot))
    }

    /// Changes a target. New configuration, secrets, plugin or pin: new stores, while the old ones drain. Grants alone change under the
    /// running stores; whatever is no longer granted is cut.
    pub async fn update_target(&self, settings: TargetSettings) -> Outcome<()> {
        let Some(slot) = self.slot(settings.id) else {
            return Err(Failure::not_found("There is no such target.").at(|origin| origin.target = Some(settings.name.clone())));
        };
        let before = slot.settings();
        let next = self.resolve(&settings).and_then(|prepared| self.incarnate(&settings, &prepared));
        if let (Ok(running), Ok(wanted)) = (slot.current(), requested_by(&settings, &self.resolve(&settings)))
            && let Ok(next) = &next
            && before.same_stores(&settings)
            && Arc::ptr_eq(&running.prepared, &next.prepared)
        {
            self.regrant(&slot, &settings, &running.prepared, Some(wanted));
            slot.set_settings(settings);
            return Ok(());
        }
        if let Ok(running) = slot.current() {
            // What was taken away is gone at once, also for calls that go on draining.
            self.regrant(&slot, &settings, &running.prepared, None);
        }
        let outcome = next.as_ref().map(|_| ()).map_err(Failure::clone);
        slot.set_settings(settings);
        slot.exchange(next).await;
        outcome
    }

    /// Gives the target's new grants to all that serves it, or goes on with what it began. Connections they do not cover are cut.
    fn regrant(&self, slot: &TargetSlot, settings: &TargetSettings, prepared: &Arc<Prepared>, wanted: Option<Vec<Requested>>) {
        let wanted = wanted.or_else(|| requested_by(settings, &Ok(Arc::clone(prepared))).ok()).unwrap_or_default();
        let grants = Arc::new(self.grants(settings, &wanted));
        for incarnation in slot.incarnations() {
            incarnation.services.set_grants(Arc::clone(&grants));
        }
    }

    /// Forgets a target; its running calls drain.
    pub fn close_target(&self, target: TargetId) {
        let old = self.targets.write().unwrap_or_else(PoisonError::into_inner).remove(&target);
        if let Some(Ok(old)) = old.map(|old| old.current()) {
            old.drain();
        }
    }

    /// May these settings be saved? The plugin must be there, every grant it asks for be given, and the plugin content with the
    /// configuration. Reaches no target.
    pub async fn check(&self, settings: &TargetSettings) -> Outcome<()> {
        let problems = self.problems(settings).await?;
        if problems.is_empty() {
            return Ok(());
        }
        let list: Vec<String> = problems.into_iter().map(|problem| format!("{}: {}", problem.pointer, problem.message)).collect();
        Err(Failure::new(Kind::Invalid, format!("The configuration is not good: {}.", list.join("; ")))
            .with_code("configuration-invalid"))
    }

    /// What the plugin finds wrong with the configuration. Reaches no target.
    pub async fn problems(&self, settings: &TargetSettings) -> Outcome<Vec<Problem>> {
        let prepared = self.resolve(settings)?;
        let incarnation = self.incarnate(settings, &prepared)?;
        let document = settings.configuration.to_string();
        let problems = incarnation.call(Plain::<functions::Validate>::new((document,)), How::default(), None).await;
        incarnation.stop();
        Ok(problems?.into_iter().map(|problem| Problem { pointer: problem.pointer, message: problem.message }).collect())
    }

    /// Reaches a target that is not saved. Nothing of it stays.
    pub async fn probe_unsaved(&self, settings: TargetSettings) -> Outcome<ProbeReport> {
        let prepared = self.resolve(&settings)?;
        let incarnation = self.incarnate(&settings, &prepared)?;
        let report = Self::probe(&incarnation).await;
        incarnation.stop();
        report
    }

    pub(crate) async fn probe(incarnation: &Arc<Incarnation>) -> Outcome<ProbeReport> {
        Ok(incarnation.call(Plain::<functions::Probe>::new(()), How::default(), None).await?.into())
    }

    pub(crate) fn resolve(&self, settings: &TargetSettings) -> Outcome<Arc<Prepared>> {
        self.registry.resolve(&settings.plugin, settings.pinned.as_deref())
    }

    /// The plugin's version for this target, if all it asks for is granted. No store is made yet.
    pub(crate) fn incarnate(&self, settings: &TargetSettings, prepared: &Arc<Prepared>) -> Outcome<Arc<Incarnation>> {
        let wanted =
            requested(&prepared.description.grants, &settings.configuration).map_err(|failure| prepared.sign(failure))?;
        let grants = self.grants(settings, &wanted);
        if let Some(missing) = grants.missing(&wanted) {
            return Err(prepared.sign(missing));
        }
        let services = TargetServices::new(Settings {
            speaker: Speaker {
                plugin: prepared.description.id.clone(),
                version: prepared.description.version.clone(),
                target: settings.name.clone(),
            },
            configuration: settings.configuration.clone(),
            secrets: settings.secrets.clone(),
            grants: Arc::new(grants),
            state: Some((settings.id, Arc::clone(&self.state))),
            streams: Arc::clone(&self.machine.metrics.streams),
            connections: Arc::clone(&self.machine.metrics.connections),
            limits: self.services.clone(),
        });
        let (events, plugin) = (self.events.clone(), Arc::clone(prepared));
        services.set_on_denied(Box::new(move |failure| {
            // Without a reader there is nobody to tell.
            drop(events.send(Event::Denied { failure: plugin.sign(failure.clone()) }));
        }));
        Ok(Incarnation::new(Arc::clone(&self.machine), Arc::clone(prepared), services))
    }

    /// What the target may reach just now, for what the host itself does on its behalf.
    pub fn granted(&self, target: TargetId) -> Outcome<Grants> {
        let slot = self.slot(target).ok_or_else(|| Failure::not_found("There is no such target."))?;
        let settings = slot.settings();
        let wanted = requested_by(&settings, &self.resolve(&settings))?;
        Ok(self.grants(&settings, &wanted))
    }

    fn grants(&self, settings: &TargetSettings, wanted: &[Requested]) -> Grants {
        Grants::new(&settings.name, wanted, &settings.grants, Arc::clone(&self.policy))
    }
}

fn requested_by(settings: &TargetSettings, prepared: &Outcome<Arc<Prepared>>) -> Outcome<Vec<Requested>> {
    match prepared {
        Ok(prepared) => requested(&prepared.description.grants, &settings.configuration),
        Err(failure) => Err(failure.clone()),
    }
}
